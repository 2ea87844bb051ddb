"""The bodies that ask for a batch: JSON, a file of prompts as it is, or the same file from a form."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import IO, Any, NotRequired, TypedDict

from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from rest_framework import serializers
from rest_framework.parsers import BaseParser, DataAndFiles, MultiPartParser
from rest_framework.request import Request

from imagegen import conf, prompt_files, texts
from imagegen.api.parsers import JSONObjectParser
from imagegen.api.problems import in_field
from imagegen.api.shapes import OptionsShape
from imagegen.errors import BadSubmission, Problem
from imagegen.items import MAX_NAME, OPTIONS, Item
from imagegen.prompt_files import Line
from imagegen.providers.base import MAX_SEED
from imagegen.states import Visibility
from imagegen.unfolding import Mode, Templates

# What one prompt may have.
OF_PROMPT = ("prompt", "name", *OPTIONS)
# Numbers that a form or an address spells as text.
NUMBERS = ("seed", "n")
# What may be said of all prompts besides their options, in a body or in the address.
OF_BATCH = ("name", "visibility", "templates", "template_count", "template_seed")
# Which kind of file each media type is.
FILES = {"text/plain": "txt", "text/csv": "csv", "application/jsonl": "jsonl", "application/x-ndjson": "jsonl"}


@dataclass(frozen=True)
class Asked:
    """What a body asks for; `lines` are those of a file, one for each item."""

    items: list[Item]
    lines: list[int]
    name: str
    visibility: Visibility
    templates: Templates
    dry_run: bool


class PromptShape(OptionsShape):
    """One prompt with options of its own."""

    prompt: str
    name: NotRequired[str | None]


class BatchBodyShape(TypedDict):
    """Prompts as texts, or as objects with options of their own."""

    prompts: list[str | PromptShape]
    defaults: NotRequired[OptionsShape]
    name: NotRequired[str]
    visibility: NotRequired[Visibility]
    templates: NotRequired[Mode]
    template_count: NotRequired[int]
    template_seed: NotRequired[int]


class Words(serializers.Serializer[Any]):
    """What the address may say: whether it is only a question, and what else may stand in a body for all prompts."""

    dry_run = serializers.BooleanField(required=False, help_text="Only say what it would make and cost.")
    name = serializers.CharField(required=False, max_length=MAX_NAME)
    visibility = serializers.ChoiceField([word.value for word in Visibility], required=False)
    templates = serializers.ChoiceField(
        [word.value for word in Mode],
        required=False,
        help_text="What becomes of templates.",
    )
    template_count = serializers.IntegerField(required=False, help_text="How many prompts to draw of each template.")
    template_seed = serializers.IntegerField(required=False, help_text="The same seed draws the same prompts.")
    prompt = serializers.CharField(required=False, help_text="For tables: a template for all rows, with {{column}} in it.")
    provider = serializers.CharField(required=False)
    model = serializers.CharField(required=False)
    negative_prompt = serializers.CharField(required=False)
    size = serializers.CharField(required=False)
    aspect_ratio = serializers.CharField(required=False)
    style = serializers.CharField(required=False)  # type: ignore[assignment]
    quality = serializers.CharField(required=False)
    seed = serializers.IntegerField(required=False)
    n = serializers.IntegerField(required=False)


class FormSerializer(serializers.Serializer[Any]):
    """A form with a file; whatever the address may say may stand beside it."""

    file = serializers.FileField(help_text="A .txt, .csv or .jsonl file of prompts.")


class _FileParser(BaseParser):
    """A file of prompts as it is, read as if it came from a form."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> "DataAndFiles[Any, Any]":
        file = SimpleUploadedFile(f"body.{FILES[self.media_type]}", stream.read())
        return DataAndFiles(QueryDict(), MultiValueDict({"file": [file]}))


class _PlainTextParser(_FileParser):
    media_type = "text/plain"


class _CSVParser(_FileParser):
    media_type = "text/csv"


class _JSONLinesParser(_FileParser):
    media_type = "application/jsonl"


class _NDJSONParser(_FileParser):
    media_type = "application/x-ndjson"


PARSERS = (JSONObjectParser, _PlainTextParser, _CSVParser, _JSONLinesParser, _NDJSONParser, MultiPartParser)
BODIES: dict[str, object] = {
    "application/json": BatchBodyShape,
    **{media_type: {"type": "string"} for media_type in FILES},
    "multipart/form-data": FormSerializer,
}


def read(request: Request) -> Asked:
    """Return what a request asks for, or raise BadSubmission; what the prompts may be, `items` decides.

    The address's options are for all prompts, the body's before them, and a prompt's own before all.
    """
    words: dict[str, Any] = dict(request.query_params.items())
    dry_run = _is_true(words.pop("dry_run", ""))
    body: Any = request.data
    if isinstance(body, QueryDict):
        fields: dict[str, Any] = dict(body.items())
        return _of_file(fields.pop("file", None), {**words, **fields}, dry_run=dry_run)
    return _of_json(body, words, dry_run=dry_run)


@contextmanager
def naming_lines(lines: Sequence[int]) -> Iterator[None]:
    """Let problems with the prompts of a file name their lines; prompts that come from no file have none."""
    try:
        yield
    except BadSubmission as error:
        raise BadSubmission([_with_line(lines, each) for each in error.problems]) from error


def _with_line(lines: Sequence[int], problem: Problem) -> Problem:
    if problem.position is None or not lines:
        return problem
    return replace(problem, message=f"line {lines[problem.position]}: {problem.message}")


def _of_json(body: dict[str, Any], words: dict[str, Any], *, dry_run: bool) -> Asked:
    _check_names(body, ("prompts", "defaults", *OF_BATCH))
    _check_names(words, ("dry_run", *OF_BATCH, *OPTIONS))
    prompts, defaults = body.get("prompts"), body.get("defaults", {})
    if not isinstance(prompts, list):
        raise in_field("prompts", 'must be a list, like ["A red flying dog", {"prompt": "A piano ninja", "seed": 7}]')
    if not isinstance(defaults, dict):
        raise in_field("defaults", 'must be an object, like {"size": "1024x1024"}')
    _check_names(defaults, OPTIONS, where="defaults.")
    for_all = {**_spelled(words), **defaults}
    items = [_item(prompt, for_all, position) for position, prompt in enumerate(prompts)]
    return _asked(items, [], {**words, **body}, dry_run=dry_run)


def _of_file(file: object, words: dict[str, Any], *, dry_run: bool) -> Asked:
    _check_names(words, ("file", "dry_run", "prompt", *OF_BATCH, *OPTIONS))
    lines = _lines(file, needs_prompts="prompt" not in words)
    if not lines:
        raise in_field("file", "holds no prompt")
    numbers = [line.number for line in lines]
    with naming_lines(numbers):
        for_all = {**_spelled(words), **({"prompt": words["prompt"]} if "prompt" in words else {})}
        items = [_item(line.prompt, for_all, position) for position, line in enumerate(lines)]
    return _asked(items, numbers, words, dry_run=dry_run)


def _asked(items: list[Item], lines: list[int], said: Mapping[str, Any], *, dry_run: bool) -> Asked:
    name, visibility = _name(said.get("name", "")), _visibility(said.get("visibility"))
    return Asked(items, lines, name, visibility, _templates(said), dry_run)


def _spelled(words: dict[str, Any]) -> dict[str, object]:
    """Return the options among what a form or an address says."""
    options = {name: value for name, value in words.items() if name in OPTIONS}
    return {name: _number(value) if name in NUMBERS else value for name, value in options.items()}


def _item(prompt: object, defaults: dict[str, Any], position: int) -> Item:
    """Return one prompt with its options; whatever its type, `items` says what is wrong with a value.

    Anything else that stands beside a prompt is a column for its template.
    """
    own = prompt if isinstance(prompt, dict) else {"prompt": prompt}
    columns = {name: _cell(name, value, position) for name, value in own.items() if name not in OF_PROMPT}
    given = {name: value for name, value in own.items() if value is not None and name in OF_PROMPT}
    return Item(**{"prompt": None, **defaults, **given, "columns": columns or None})


def _cell(name: str, value: object, position: int) -> str:
    if value is None or (isinstance(value, str | int | float) and not isinstance(value, bool)):
        return "" if value is None else str(value)
    known = f"is not known here; a prompt may have {', '.join(OF_PROMPT)}, and text or numbers for its template"
    raise BadSubmission([Problem(name[:60], known, position)])


def _lines(file: object, *, needs_prompts: bool) -> list[Line]:
    if not isinstance(file, UploadedFile):
        raise in_field("file", "a form needs a file of prompts in the field `file`")
    ending = (file.name or "").rpartition(".")[2].lower()
    kind = ending if ending in prompt_files.KINDS else FILES.get(file.content_type or "")
    if not kind:
        raise in_field("file", f"{(file.name or '')[:60]!r} is neither .txt, .csv nor .jsonl")
    return prompt_files.read(file.read(), kind, needs_prompts=needs_prompts)


def _check_names(given: Mapping[str, object], known: tuple[str, ...], *, where: str = "") -> None:
    for name in given:
        if name not in known:
            raise in_field(f"{where}{name[:60]}", f"is not known here; there are {', '.join(known)}")


def _name(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_NAME or texts.fault(value):
        raise in_field("name", f"must be text of at most {MAX_NAME} characters")
    return value.strip()


def _templates(said: Mapping[str, Any]) -> Templates:
    mode = said.get("templates") or Mode.RANDOM
    if not isinstance(mode, str) or mode not in list(Mode):
        raise in_field("templates", f"must be {', '.join(Mode)}")
    count, seed = _whole(said, "template_count", most=conf.max_prompts()), _whole(said, "template_seed", most=MAX_SEED)
    return Templates(Mode(mode), count or 1, seed)


def _whole(said: Mapping[str, Any], name: str, *, most: int) -> int | None:
    value = said.get(name)
    value = _number(value) if isinstance(value, str) else value
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise in_field(name, f"must be a whole number from 1 to {most}")
    return value


def _visibility(value: object) -> Visibility:
    if value is None:
        return Visibility.PRIVATE
    if not isinstance(value, str) or value not in list(Visibility):
        raise in_field("visibility", f"must be {' or '.join(Visibility)}")
    return Visibility(value)


def _number(text: str) -> object:
    """Return the number that a form spells; what is none stays text, to be named by whoever checks it."""
    return int(text) if re.fullmatch(r"-?[0-9]{1,19}", text) else text


def _is_true(text: str) -> bool:
    if text.lower() not in ("", "0", "false", "1", "true"):
        raise in_field("dry_run", "must be 1 or 0")
    return text.lower() in ("1", "true")
