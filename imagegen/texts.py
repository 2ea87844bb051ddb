"""What no database keeps in a text, and where its lines end."""

import re

_LINE_END = re.compile(r"\r\n|\r|\n")


def lines(text: str) -> list[str]:
    """Return the lines of a text. Not as splitlines() does, which also breaks at signs that stand inside a prompt."""
    return _LINE_END.split(text)


def fault(value: str) -> str:
    """Return what keeps a text from being kept, or nothing."""
    if "\x00" in value:
        return "holds a NUL character"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "holds half of a surrogate pair, which is no text"
    return ""
