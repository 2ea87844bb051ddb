"""What a prompt writer is: it makes up prompts, and carries on a line that somebody began."""

import abc
from typing import ClassVar

# How many prompts one call may ask for, and how many characters a theme may have.
MAX_COUNT = 1000
MAX_THEME = 200


class PromptWriter(abc.ABC):
    """One way to write prompts. The same seed writes the same again; without one, one is drawn."""

    # Whether no call to it ever costs money.
    is_free: ClassVar[bool] = False

    @abc.abstractmethod
    def write(self, count: int, theme: str = "", seed: int | None = None) -> list[str]:
        """Return exactly `count` different prompts, each about the theme where there is one.

        Raises ValueError for a count that is not from 1 to MAX_COUNT, and for a theme longer than MAX_THEME.
        """

    @abc.abstractmethod
    def carry_on(self, start: str, seed: int | None = None) -> str:
        """Return one prompt that begins with `start`, trimmed and with each run of whitespace as one space."""
