"""What a prompt writer is: it makes up prompts, and carries on lines that somebody began."""

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from imagegen import errors
from imagegen.states import Charged

# How many prompts one call may ask for, how many characters a theme may have, and how many lines are carried on at once.
MAX_COUNT = 1000
MAX_THEME = 200
MAX_LINES = 50


@dataclass(frozen=True)
class Writing:
    """What a writer wrote, and what it says about the call: what was used up, and whom to name when asking about it."""

    prompts: list[str]
    usage: Mapping[str, int] = field(default_factory=dict)
    request_id: str = ""


class PromptWriter(abc.ABC):
    """One way to write prompts. It never reads settings or the database, and never asks twice.

    Where it is not free, each call of a method is one paid call. What goes wrong with it is one of the words below
    ProviderError in errors.py.
    """

    # Whether no call to it ever costs money. Where it depends on the settings of one instance, that instance says so.
    is_free: bool = False
    # The kind of worker that it works in (Provider.queue); empty where it writes wherever it is asked.
    queue: ClassVar[str] = ""
    # How many prompts it writes at once.
    most: ClassVar[int] = 100
    # The model that a paid call goes to.
    model: str = ""

    def not_configured(self) -> str | None:
        """Return a sentence that says what is missing before it can write, or None when nothing is."""
        return None

    @abc.abstractmethod
    def write(self, count: int, theme: str = "", seed: int | None = None) -> Writing:
        """Return up to `count` different prompts, each about the theme where there is one.

        The same seed writes the same again where that is promised; without one, one is drawn. Raises ValueError for a count
        that is not from 1 to `most`, and for a theme longer than MAX_THEME.
        """

    @abc.abstractmethod
    def carry_on(self, lines: Sequence[str], seed: int | None = None) -> Writing:
        """Return a fuller prompt for each of up to MAX_LINES lines, in their order."""


def check(count: int, theme: str, most: int) -> None:
    """Raise ValueError for what no writer takes."""
    if not 1 <= count <= most:
        raise ValueError(f"{count} prompts cannot be written at once; from 1 to {most} can")
    if len(theme) > MAX_THEME:
        raise ValueError(f"the theme has {len(theme)} characters; at most {MAX_THEME} are allowed")


def check_lines(lines: Sequence[str]) -> None:
    """Raise ValueError for lines that no writer carries on."""
    if not 1 <= len(lines) <= MAX_LINES:
        raise ValueError(f"{len(lines)} lines cannot be carried on at once; from 1 to {MAX_LINES} can")


def nothing_written(charged: Charged) -> errors.BadAnswer:
    """Return what to raise where a writer answers and no prompts are in it."""
    return errors.BadAnswer("The writer answered, and there are no prompts in it.", charged=charged)
