"""Prompts that a machine writes: a list about a theme, or a line that was begun by chance."""

import random
from dataclasses import dataclass

from imagegen.errors import BadSubmission, Problem
from imagegen.providers.base import MAX_SEED
from imagegen.writers import registry
from imagegen.writers.base import MAX_COUNT, MAX_THEME, PromptWriter
from imagegen.writers.starts import STARTS


@dataclass(frozen=True)
class Written:
    """What a writer wrote; the same seed writes the same again."""

    writer: str
    theme: str
    seed: int
    prompts: list[str]


def write(count: int, *, writer: str = "", theme: str = "", seed: int | None = None) -> Written:
    """Return so many different prompts, by the default writer where none is named. Raises BadSubmission."""
    name = writer or registry.default()
    author = _writer(name)
    if not 1 <= count <= MAX_COUNT:
        raise BadSubmission([Problem("count", f"{count} is out of range: 1 to {MAX_COUNT}")])
    if len(theme) > MAX_THEME:
        raise BadSubmission([Problem("theme", f"has {len(theme)} characters; at most {MAX_THEME} are allowed")])
    seed = random.randint(1, MAX_SEED) if seed is None else seed
    return Written(name, theme, seed, author.write(count, theme, seed))


def begun_by_chance() -> tuple[str, str]:
    """Return a line of STARTS, and the prompt that the default writer makes of it."""
    start = random.choice(STARTS)
    return start, _writer(registry.default()).carry_on(start)


def _writer(name: str) -> PromptWriter:
    try:
        return registry.get(name)
    except KeyError as error:
        known = ", ".join(registry.names())
        raise BadSubmission([Problem("writer", f"writer {name[:60]!r} is not one of {known}")]) from error
