"""What a picture or a file says, as the values of the compose form; and what of it the form has no place for."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from imagegen import prompt_files, remaking, template_signs, texts
from imagegen.errors import BadSubmission, Problem
from imagegen.prompt_files import Line
from imagegen.providers import registry
from imagegen.remaking import Settings
from imagegen.template_signs import Text
from imagegen.unfolding import Mode
from imagegen.web.forms import ComposeForm

PNG = "png"
MAX_NOTE = 300
FOR_THE_API = "which the API takes: POST /api/batches"


@dataclass(frozen=True)
class Restored:
    """Values for fields of the form, and sentences about what could not be taken over as it was."""

    values: dict[str, object]
    notes: tuple[str, ...] = ()


def of_settings(settings: Settings, form: ComposeForm) -> Restored:
    """Return what makes a picture again, as far as the providers of this installation can."""
    maker = _maker(settings, form)
    provider = registry.get(maker.partition("/")[0] or registry.default())
    prompt = _one_line(settings.prompt)
    values: dict[str, object] = {
        "prompts": prompt,
        "negative_prompt": _one_line(settings.negative_prompt) if provider.negative_prompt else "",
        "maker": maker,
        "size": settings.size or settings.aspect_ratio,
        "style": settings.style if form.offers("style", settings.style) else "",
        "quality": settings.quality if form.offers("quality", settings.quality) else "",
        "seed": settings.seed if provider.seed else None,
        "n": 1,
        # What was drawn is text, whatever it looks like.
        "templates": (Mode.OFF if _has_signs(prompt) else Mode.RANDOM).value,
        "table": "",
    }
    return Restored(values, tuple(_notes(settings, values)))


def of_file(name: str, body: bytes, form: ComposeForm) -> Restored:
    """Return what a file holds: the settings of a picture, prompts below those of the form, or a table.

    Raises BadSubmission with a problem of the field `file`.
    """
    kind = name.rpartition(".")[2].lower()
    if kind == PNG:
        return of_settings(remaking.of_file(body), form)
    if kind not in prompt_files.KINDS:
        kinds = ", ".join(f".{each}" for each in prompt_files.KINDS)
        raise _wrong(f"this is neither a file of prompts ({kinds}) nor a picture (.{PNG})")
    if kind == "csv":
        return _table(body, form)
    added = [_one_line(_text(line)) for line in prompt_files.read(body, kind)]
    if not added:
        raise _wrong("the file is empty")
    return Restored({"prompts": "\n".join(filter(None, [form.left("prompts").rstrip(), *added]))})


def _table(body: bytes, form: ComposeForm) -> Restored:
    rows = prompt_files.read(body, "csv", needs_prompts=False)
    if not rows:
        raise _wrong("the file has no rows below its first line")
    values: dict[str, object] = {"table": body.decode("utf-8-sig")}
    if form.left("templates") == Mode.OFF:
        values["templates"] = Mode.RANDOM.value
    columns = cast(dict[str, object], rows[0].prompt)
    if form.left("prompts").strip():
        return Restored(values)
    if others := [column for column in columns if column != "prompt"] if "prompt" in columns else []:
        raise _wrong(f"its rows have options of their own ({_named(others)}), {FOR_THE_API}")
    if "prompt" in columns:
        return Restored({**values, "prompts": "{{prompt}}"})
    named = ", ".join(f"{{{{{column}}}}}" for column in columns)
    return Restored(values, (f"Write a line that names its columns: {named}."[:MAX_NOTE],))


def _text(line: Line) -> str:
    match line.prompt:
        case {"prompt": str(), **options} if options:
            raise _wrong(f"line {line.number} has options of its own ({_named(options)}), {FOR_THE_API}")
        case str(text) | {"prompt": str(text)} if fault := texts.fault(text):
            raise _wrong(f"line {line.number} {fault}")
        case str(text) | {"prompt": str(text)}:
            return text
    raise _wrong(f"line {line.number} is no prompt")


def _maker(settings: Settings, form: ComposeForm) -> str:
    """Return the choice that draws this: the same model of the same provider, or one of that name; else nothing."""
    makers: Sequence[str] = form.makers()
    asked = f"{settings.provider}/{settings.model}"
    if asked in makers:
        return asked
    return next((maker for maker in makers if settings.model and maker.partition("/")[2] == settings.model), "")


def _notes(settings: Settings, values: dict[str, object]) -> Iterator[str]:
    if not values["maker"] and (settings.provider or settings.model):
        asked = " ".join(filter(None, (settings.provider, settings.model)))
        yield f"It was made by {asked[:100]}, which is not ready here: the usual provider is chosen."
    for name in ("style", "quality", "negative_prompt"):
        if (asked := getattr(settings, name)) and not values[name]:
            yield f"Its {name.replace('_', ' ')} {asked[:60]!r} has no place here."
    if settings.seed is not None and values["seed"] is None:
        yield f"Its seed was {settings.seed}; this provider takes none."
    if values["prompts"] != settings.prompt:
        yield "Its line breaks became spaces: here, each line is a prompt."
    if settings.others:
        told = ", ".join(f"{name} {value}" for name, value in settings.others.items())
        yield f"The file also says, and nobody here can be told: {told}"[:MAX_NOTE]


def _one_line(text: str) -> str:
    return " ".join(filter(None, map(str.strip, re.split(r"[\r\n]+", text))))


def _has_signs(prompt: str) -> bool:
    """Whether a template of these signs would become anything but them."""
    return [*template_signs.read(prompt)] not in ([], [Text(prompt)])


def _named(names: Iterable[object]) -> str:
    return ", ".join(ascii(name)[1:-1] for name in names)[:60]


def _wrong(message: str) -> BadSubmission:
    return BadSubmission([Problem("file", message)])
