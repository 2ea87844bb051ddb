"""What no database keeps in a text."""


def fault(value: str) -> str:
    """Return what keeps a text from being kept, or nothing."""
    if "\x00" in value:
        return "holds a NUL character"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "holds half of a surrogate pair, which is no text"
    return ""
