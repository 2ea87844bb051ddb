"""Prompts out of models that only carry on a text: which lines they are given, and where what they write ends."""

import random
import re

from imagegen.writers.starts import STARTS

# Such models go on for ever, and soon about something else.
MAX_WORDS = 45
_SENTENCE = re.compile(r"[.!?](?=\s|$)")


def begun(count: int, theme: str, dice: random.Random) -> list[str]:
    """Return lines to carry on, about a theme where there is one; one comes again only after all others."""
    lines: list[str] = []
    while len(lines) < count:
        lines += dice.sample(STARTS, len(STARTS))
    theme = " ".join(theme.split()).rstrip(".,;:!?")
    return [f"{theme}: {line}" if theme else line for line in lines[:count]]


def ended(line: str, text: str) -> str:
    """Return a text that begins with `line` as one prompt: on one line, and no longer than its second sentence."""
    rest = text.removeprefix(line)
    paragraph = (rest.strip().splitlines() or [""])[0] if rest.strip() else ""
    ends = [found.end() for found in _SENTENCE.finditer(paragraph)]
    kept = paragraph[: ends[1]] if len(ends) > 1 else paragraph
    # Half of a surrogate pair and control characters come out of models that are cut off.
    words = ("".join(filter(str.isprintable, word)) for word in kept.split())
    glue = "" if rest[:1] in ("", ",", ".", ";", ":", "'") else " "
    return f"{line}{glue}{' '.join([word for word in words if word][:MAX_WORDS])}".strip()
