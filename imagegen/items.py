"""What somebody asked for, read into rows that can be made: every value checked, every problem named.

Doors hand over what came, of any type. Nothing here touches the database.
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, cast
from uuid import uuid4

from django.utils import timezone

from imagegen import conf, texts
from imagegen.errors import BadSubmission, Problem
from imagegen.library import RESERVED, Styles
from imagegen.models import Job
from imagegen.providers import registry
from imagegen.providers.base import MAX_SEED, ImageRequest, Provider
from imagegen.recipes import Recipe, StyleShape, Unfolded

# A list of a thousand wrong prompts does not need a thousand sentences.
MAX_PROBLEMS = 20
MAX_NAME = 200
ABSENT = RESERVED | {""}
_SIZE = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})", re.ASCII)


@dataclass(frozen=True)
class Item:
    """One prompt with its options as they came, of any type; None is absent. `n` pictures take seeds s, s+1, …

    `name` is what its owner calls it, and `columns` are the cells of a table, by name, for a template to fill in.
    """

    prompt: object
    name: object = None
    provider: object = None
    model: object = None
    negative_prompt: object = None
    size: object = None
    aspect_ratio: object = None
    style: object = None
    quality: object = None
    seed: object = None
    n: object = None
    columns: object = None

    @property
    def cells(self) -> Mapping[str, str]:
        return cast(Mapping[str, str], self.columns or {})


@dataclass(frozen=True)
class Placed:
    """A prompt to draw, the place among those that came of what it was made of, and how, if it was a template."""

    item: Item
    position: int
    made_of: Unfolded | None = None


# What may be said of a prompt besides its text and its name, in the order in which people are told.
OPTIONS = tuple(field.name for field in fields(Item) if field.name not in ("prompt", "name", "columns"))


def read(items: Sequence[Placed], styles: Styles) -> list[Job]:
    """Return unsaved jobs, in order, that still need their batch. Raises BadSubmission."""
    problems: list[Problem] = []
    if not items:
        problems.append(Problem("prompt", "the list is empty: at least one prompt is needed"))
    jobs = list(_checked(items, styles, problems))
    if problems:
        # Prompts of one template have the same faults.
        raise BadSubmission(list(dict.fromkeys(problems))[:MAX_PROBLEMS])
    now = timezone.now()
    for position, job in enumerate(jobs):
        job.position, job.hinted_at = position, now
    return jobs


def _checked(items: Sequence[Placed], styles: Styles, problems: list[Problem]) -> Iterator[Job]:
    made, limit = 0, conf.max_prompts()
    if len(items) > limit:
        problems.append(Problem("prompt", f"{len(items)} prompts were sent; at most {limit} are allowed at once"))
        return
    for placed in items:
        reader, position = _Reader(placed, styles, problems), placed.position
        count, row = reader.integer("n", least=1, most=limit) or 1, reader.row()
        made += count
        if made > limit:
            problems.append(
                Problem("n", f"these prompts ask for more than {limit} pictures, the most allowed at once", position)
            )
            return
        if row is not None:
            yield from _copies(row, count, problems, position)


def _copies(row: dict[str, Any], count: int, problems: list[Problem], position: int) -> Iterator[Job]:
    """Yield `count` jobs that differ in their seeds alone."""
    seed = row.pop("seed")
    if seed is not None and seed + count - 1 > MAX_SEED:
        problems.append(Problem("seed", f"with n={count} the seeds go past {MAX_SEED}", position))
        return
    for step in range(count):
        yield Job(**row, seed=None if seed is None else seed + step)


class _Reader:
    """Reads one item, and collects a problem for each thing wrong with it."""

    def __init__(self, placed: Placed, styles: Styles, problems: list[Problem]) -> None:
        self._item = placed.item
        self._position = placed.position
        self._styles = styles
        self._problems = problems
        self._recipe: Recipe = placed.made_of.recipe() if placed.made_of else {}

    def row(self) -> dict[str, Any] | None:
        """Return the columns of the job to make, or None where something is wrong."""
        before = len(self._problems)
        provider_name = self.text("provider") or registry.default()
        provider = self._provider(provider_name)
        asked, name = self._asked(), self._name()
        if asked.size and asked.aspect_ratio:
            self._wrong("aspect_ratio", "give either size or aspect_ratio, not both")
        if provider is None or len(self._problems) > before:
            return None
        asked = self._styled(replace(asked, model=asked.model or provider.models[0].name), provider)
        for field, sentence in provider.refusals(asked):
            self._wrong(field, sentence)
        columns = {"name": name, **self._columns(provider_name, provider, asked)}
        return columns if len(self._problems) == before else None

    def text(self, field: str, *, absent: frozenset[str] = ABSENT) -> str:
        """Return a trimmed string, empty where it is absent."""
        value = getattr(self._item, field)
        if value is None:
            return ""
        if not isinstance(value, str):
            self._wrong(field, f"must be text, not {_kind(value)}")
            return ""
        if fault := texts.fault(value):
            self._wrong(field, fault)
            return ""
        return "" if value.strip().lower() in absent else value.strip()

    def integer(self, field: str, *, least: int, most: int) -> int | None:
        """Return a whole number; None where it is absent, or wrong and noted."""
        value = getattr(self._item, field)
        if value is None or value == "":
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            self._wrong(field, f"must be a whole number, not {_kind(value)}")
        elif not least <= value <= most:
            self._wrong(field, f"{value} is out of range: {least} to {most}")
        else:
            return value
        return None

    def _asked(self) -> ImageRequest:
        return ImageRequest(
            attempt=uuid4(),
            prompt=self._prompt(),
            model=self.text("model"),
            negative_prompt=self.text("negative_prompt", absent=frozenset()),
            size=self._size(),
            aspect_ratio=self.text("aspect_ratio"),
            style=self.text("style"),
            quality=self.text("quality"),
            seed=self._seed(),
        )

    def _styled(self, asked: ImageRequest, provider: Provider) -> ImageRequest:
        """Return what to ask for where the style is a saved one: the provider's own, or the words that it stands for."""
        style = self._styles.get(asked.style.lower())
        if style is None:
            return asked
        if style.preset in provider.styles:
            self._recipe["style"] = cast(StyleShape, asdict(replace(style, suffix="", negative_prompt="")))
            return replace(asked, style=style.preset)
        if style.negative_prompt and not provider.negative_prompt:
            self._wrong("style", f"style {style.name!r} says what not to draw, and this provider cannot be told")
            return replace(asked, style="")
        self._recipe["style"] = cast(StyleShape, asdict(replace(style, preset="")))
        avoided = ", ".join(filter(None, (asked.negative_prompt, style.negative_prompt)))
        return replace(asked, prompt=_followed(asked.prompt, style.suffix), negative_prompt=avoided, style="")

    def _prompt(self) -> str:
        if self._item.prompt is None:
            self._wrong("prompt", "must be text, not nothing")
            return ""
        prompt = self.text("prompt", absent=frozenset())
        if not prompt and isinstance(self._item.prompt, str) and not texts.fault(self._item.prompt):
            self._wrong("prompt", "is empty")
        return prompt

    def _name(self) -> str:
        name = self.text("name", absent=frozenset())
        if len(name) > MAX_NAME:
            self._wrong("name", f"has {len(name)} characters; at most {MAX_NAME} are allowed")
        return name

    def _size(self) -> str:
        size = self.text("size").lower()
        if size and not _SIZE.fullmatch(size):
            self._wrong("size", f"size {size[:40]!r} is not WIDTHxHEIGHT in pixels, like 1024x1024")
            return ""
        return size

    def _seed(self) -> int | None:
        """Return the seed asked for; 0 and -1 ask for a draw, as absence does."""
        seed = self.integer("seed", least=-1, most=MAX_SEED)
        return seed if seed and seed > 0 else None

    def _provider(self, name: str) -> Provider | None:
        try:
            provider = registry.get(name)
        except KeyError:
            self._wrong("provider", f"provider {name[:60]!r} is not one of {', '.join(registry.names())}")
            return None
        if missing := provider.not_configured():
            self._wrong("provider", f"provider {name!r} cannot be used yet: {missing}")
            return None
        return provider

    def _columns(self, name: str, provider: Provider, asked: ImageRequest) -> dict[str, Any]:
        return {
            "prompt": asked.prompt,
            "negative_prompt": asked.negative_prompt,
            "provider": name,
            "model": asked.model,
            "size": asked.size,
            "aspect_ratio": provider.ratio_of(asked),
            "style": asked.style,
            "quality": asked.quality,
            "seed": self._draw(provider) if asked.seed is None else asked.seed,
            "recipe": self._recipe,
        }

    def _draw(self, provider: Provider) -> int | None:
        """Draw a seed that leaves room for the pictures that count on from it."""
        return random.randint(1, MAX_SEED - conf.max_prompts()) if provider.seed else None

    def _wrong(self, field: str, message: str) -> None:
        self._problems.append(Problem(field, message, self._position))


def _followed(prompt: str, words: str) -> str:
    """Return a prompt with words after it."""
    if not words:
        return prompt
    return f"{prompt}{' ' if prompt[-1:] in '.,;:!?' else ', '}{words}"


def _kind(value: Any) -> str:
    """Name a JSON value's type in words."""
    words = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object", str: "text"}
    return words.get(type(value), "nothing")
