"""Word lists and styles: everybody's own, those shared by staff, and those that come with the product.

Of two of one name, one's own comes before the shared one, and that before the product's. People without an account have
theirs together, as they do with their pictures.
"""

import functools
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

from django.db.models import Q, QuerySet

from imagegen import accounts, texts
from imagegen.accounts import Viewer
from imagegen.errors import BadSubmission, NotAllowed, Problem
from imagegen.models import Style, WordList
from imagegen.template_decks import Lists
from imagegen.template_signs import LIST_NAME

# The scope of what everybody may use; the others are those of accounts.scope.
SHARED = "shared"
MAX_NAME = 60
# What clients write where they mean that they do not care.
RESERVED = frozenset({"auto", "standard"})
MAX_LINES, MAX_LIST, MAX_SUFFIX = 10_000, 500_000, 2_000
_OF_THE_PRODUCT = Path(__file__).with_name("library_files")
_OF_THE_WRITER = Path(__file__).parent / "writers" / "lists"

Row = TypeVar("Row", WordList, Style)


@dataclass(frozen=True)
class StyleWords:
    """What a style does: `suffix` follows the prompt, unless the provider has the style named by `preset` itself."""

    name: str
    suffix: str = ""
    negative_prompt: str = ""
    preset: str = ""


Styles = Mapping[str, StyleWords]


def lines(text: str) -> list[str]:
    """Return the lines of a list, without empty ones and those that begin with #."""
    return [line.strip() for line in texts.lines(text) if line.strip() and not line.lstrip().startswith("#")]


def lists_of(viewer: Viewer) -> Lists:
    """Return how templates of this person find the lists that they name."""

    def found(name: str) -> Sequence[str] | None:
        row = _by_name(visible(WordList, viewer).filter(name=name.lower())).get(name.lower())
        return lines(row.text) if row else our_lists().get(name.lower())

    return found


def styles_of(viewer: Viewer) -> Styles:
    """Return the styles that this person may name."""
    return our_styles() | {name: _words(row) for name, row in _by_name(visible(Style, viewer)).items()}


@functools.cache
def our_lists() -> Mapping[str, Sequence[str]]:
    """Return the lists that come with the product: those of the writer `words`."""
    return {path.stem: lines(path.read_text(encoding="utf-8")) for path in sorted(_OF_THE_WRITER.glob("*.txt"))}


@functools.cache
def our_styles() -> dict[str, StyleWords]:
    """Return the styles that come with the product; of each, providers may have one of that name themselves."""
    found = tomllib.loads((_OF_THE_PRODUCT / "styles.toml").read_text(encoding="utf-8"))
    return {name: StyleWords(name, preset=name, **entry) for name, entry in found.items()}


def visible(kind: type[Row], viewer: Viewer) -> QuerySet[Row]:
    """Return the rows that this person may use, in the order of their names."""
    return kind.objects.filter(Q(scope=SHARED) | Q(scope=accounts.scope(viewer))).order_by("name", "scope")


def mine(kind: type[Row], viewer: Viewer) -> QuerySet[Row]:
    """Return the rows that this person may change: their own, and for staff the shared ones."""
    scopes = [accounts.scope(viewer), *([SHARED] if may_share(viewer) else [])]
    return kind.objects.filter(scope__in=scopes) if accounts.may_submit(viewer) else kind.objects.none()


def may_share(viewer: Viewer) -> bool:
    return bool(getattr(viewer, "is_staff", False))


def save_list(viewer: Viewer, *, name: str, text: str, shared: bool = False) -> WordList:
    """Keep a list, in the place of one of that name. Raises NotAllowed or BadSubmission."""
    name = name.strip()
    problems = [*_name_problems(name), *_text_problems("text", text, MAX_LIST)]
    if not problems and not 1 <= len(lines(text)) <= MAX_LINES:
        problems.append(Problem("text", f"has {len(lines(text))} lines; 1 to {MAX_LINES} are allowed"))
    scope = _place(viewer, problems, shared=shared)
    row, _ = WordList.objects.update_or_create(scope=scope, name=name.lower(), defaults={"text": text})
    return row


def save_style(viewer: Viewer, words: StyleWords, *, shared: bool = False) -> Style:
    """Keep a style, in the place of one of that name. Raises NotAllowed or BadSubmission."""
    words = StyleWords(*(getattr(words, field.name).strip() for field in fields(words)))
    problems = _name_problems(words.name)
    for field in ("suffix", "negative_prompt"):
        problems += _text_problems(field, getattr(words, field), MAX_SUFFIX)
    problems += _text_problems("preset", words.preset, MAX_NAME)
    if not words.suffix and not words.negative_prompt:
        problems.append(Problem("suffix", "a style needs words to add, or words of what to leave out"))
    given = {field.name: getattr(words, field.name) for field in fields(words) if field.name != "name"}
    scope = _place(viewer, problems, shared=shared)
    row, _ = Style.objects.update_or_create(scope=scope, name=words.name.lower(), defaults=given)
    return row


def _place(viewer: Viewer, problems: list[Problem], *, shared: bool) -> str:
    accounts.check_may_submit(viewer)
    if shared and not may_share(viewer):
        raise NotAllowed("Only staff may share lists and styles with everybody.")
    if problems:
        raise BadSubmission(problems)
    return SHARED if shared else accounts.scope(viewer)


def _name_problems(name: str) -> list[Problem]:
    if len(name) > MAX_NAME or not LIST_NAME.fullmatch(name):
        allowed = "of letters, digits, spaces, hyphens, slashes and single underscores, with a letter or digit at both ends"
        return [Problem("name", f"{name[:MAX_NAME]!r} is no name: those are {allowed}, at most {MAX_NAME} characters long")]
    if name.lower() in RESERVED:
        return [Problem("name", f"{name!r} means no style at all, and can be no name")]
    return []


def _text_problems(field: str, text: str, most: int) -> list[Problem]:
    if fault := texts.fault(text):
        return [Problem(field, fault)]
    return [Problem(field, f"has {len(text)} characters; at most {most} are allowed")] if len(text) > most else []


def _by_name(rows: Iterable[Row]) -> dict[str, Row]:
    """Return the row that each name means: of two, somebody's own."""
    return {row.name: row for row in sorted(rows, key=lambda row: row.scope != SHARED)}


def _words(row: Style) -> StyleWords:
    return StyleWords(row.name, row.suffix, row.negative_prompt, row.preset)
