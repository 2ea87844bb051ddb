"""The names that pictures have in a folder or a zip file. Python alone: the command-line client uses it, too."""

import re
import unicodedata

LONGEST_SLUG = 40


def picture(position: int, text: str, seed: int | None, suffix: str) -> str:
    """Return a name that sorts by the order asked (from 0), says what the picture shows, and is safe everywhere."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST_SLUG].rstrip("-") or "picture"
    return f"{position + 1:04}-{slug}{'' if seed is None else f'-{seed}'}.{suffix}"
