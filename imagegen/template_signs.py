r"""What stands in a template: its signs read into parts, and everything else left as it is.

    {red|blue}  {3::often|rarely}      one of these; a weight says how often
    {2$$a|b|c}  {1-2$$ and $$a|b|c}    two of these, or one to two, with "," or what is given between them
    __animals__  {2$$__animals__}      a line of a list, or two of them
    {{name}}                           a cell of a table's column
    \{  \}  \__  and between braces \|  \$$  \::    the sign itself

Whatever is malformed, such as "50% off {", is ordinary text. Reading takes one pass, however many braces are nested.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias, cast

# Groups within groups beyond this are no template that somebody wrote.
MAX_DEPTH = 20
_LIST_NAME = r"[A-Za-z0-9](?:(?:[A-Za-z0-9 /-]|_(?!_)){0,58}?[A-Za-z0-9])??"
LIST_NAME = re.compile(_LIST_NAME)
_SIGN = re.compile(
    rf"""
      \\ (?P<sign> \{{ | \}} | __ | \| | \$\$ | :: )
    | \{{\{{ [ ]{{0,9}} (?P<column> [^\W\d][\w -]{{0,59}}? ) [ ]{{0,9}} \}}\}}
    | (?P<begin> \{{ (?: \s* (?: (?P<least>\d{{1,4}}) (?P<to> - (?P<most>\d{{1,4}})? )? | -(?P<only_most>\d{{1,4}}) )
        \$\$ (?: (?P<joiner>[^${{}}]*) \$\$ )? )? )
    | (?P<next> \| )
    | (?P<end> \}} )
    | __ (?P<list> {_LIST_NAME} ) __
    """,
    re.VERBOSE,
)
_WEIGHT = re.compile(r"\s*(\d{1,6}(?:\.\d{0,6})?|\.\d{1,6})::")


@dataclass(frozen=True)
class Text:
    """What stays as it is."""

    text: str


@dataclass(frozen=True)
class Column:
    """The cell of a table's column."""

    name: str
    source: str


@dataclass(frozen=True)
class FromList:
    """A line of a list."""

    name: str
    source: str


@dataclass(frozen=True)
class Option:
    """One of those to choose from; a weight of two comes twice as often as one of one."""

    parts: "Parts"
    weight: float = 1.0


@dataclass(frozen=True)
class Pick:
    """From `least` to `most` different ones of the options, with `joiner` between them."""

    options: tuple[Option, ...]
    least: int
    most: int
    joiner: str
    source: str


Part: TypeAlias = Text | Column | FromList | Pick
Parts: TypeAlias = tuple[Part, ...]


# Of a table with a thousand rows, every row has the same template.
@lru_cache(maxsize=64)
def read(text: str) -> Parts:
    """Return the parts of a template; a text without signs is one part, itself."""
    return _joined(_Reader(text).parts())


def read_option(line: str) -> Option:
    """Return a line of a list: a template of its own, with a weight before it where it has one."""
    return _option(_Reader(line).parts())


def merged(options: Iterable[Option]) -> tuple[Option, ...]:
    """Return options with equal ones as one, which comes as often as they would together."""
    weights: dict[Parts, float] = {}
    for option in options:
        weights[option.parts] = weights.get(option.parts, 0) + option.weight
    return tuple(Option(parts, weight) for parts, weight in weights.items())


def walk(parts: Parts) -> Iterator[Part]:
    """Yield every part, those within groups too."""
    for part in parts:
        yield part
        if isinstance(part, Pick):
            for option in part.options:
                yield from walk(option.parts)


@dataclass(frozen=True)
class _Escaped:
    """A sign that means itself between the braces of a group, and is two ordinary characters elsewhere."""

    source: str


@dataclass
class _Group:
    """Braces that were opened: where, what they ask for, and the options so far. `depth` counts groups within it."""

    start: int
    sign: re.Match[str] | None
    options: list[list[Part | _Escaped]] = field(default_factory=lambda: [[]])
    depth: int = 0


class _Reader:
    """Reads one text, with a stack of the braces that are open."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._open = [_Group(0, None)]

    def parts(self) -> list[Part | _Escaped]:
        at = 0
        for sign in _SIGN.finditer(self._text):
            self._add(Text(self._text[at : sign.start()]))
            self._take(sign)
            at = sign.end()
        self._add(Text(self._text[at:]))
        whole, *unclosed = self._open
        return [*whole.options[0], *(part for group in unclosed for part in _as_text(group))]

    def _take(self, sign: re.Match[str]) -> None:
        match sign.lastgroup:
            case "column":
                self._add(Column(sign["column"], sign[0]))
            case "list":
                self._add(FromList(sign["list"], sign[0]))
            case "sign":
                self._add(Text(sign["sign"]) if sign["sign"] in ("{", "}", "__") else _Escaped(sign[0]))
            case "next" if len(self._open) > 1:
                self._open[-1].options.append([])
            case "end" if len(self._open) > 1:
                self._close(sign)
            case "next" | "end":
                self._add(Text(sign[0]))
            case _:
                self._open.append(_Group(sign.start(), sign))

    def _close(self, sign: re.Match[str]) -> None:
        group = self._open.pop()
        source = self._text[group.start : sign.end()]
        parent = self._open[-1]
        parent.depth = max(parent.depth, group.depth + 1)
        if group.depth >= MAX_DEPTH:
            self._add(Text(source))
        elif (bounds := _bounds(group)) is None:
            self._add(*_as_text(group), Text(sign[0]))
        else:
            self._add(Pick(merged(map(_option, group.options)), *bounds, source))

    def _add(self, *parts: Part | _Escaped) -> None:
        self._open[-1].options[-1].extend(part for part in parts if part != Text(""))


def _bounds(group: _Group) -> tuple[int, int, str] | None:
    """Return how many to take at least and at most, and what to put between; None where these are ordinary braces."""
    sign = group.sign
    assert sign is not None
    if not (sign["least"] or sign["only_most"]):
        return (1, 1, "") if len(group.options) > 1 else None
    least = int(sign["least"] or 1)
    most = int(sign["most"] or sign["only_most"] or (len(group.options) if sign["to"] else least))
    return min(least, most), max(least, most), "," if sign["joiner"] is None else sign["joiner"]


def _option(parts: Sequence[Part | _Escaped]) -> Option:
    """Return an option without its weight and the blanks before it."""
    first = parts[0] if parts else None
    if not isinstance(first, Text):
        return Option(_joined(parts, within=True))
    weight = _WEIGHT.match(first.text)
    rest = first.text[weight.end() if weight else 0 :].lstrip()
    return Option(_joined([Text(rest), *parts[1:]], within=True), float(weight[1]) if weight else 1.0)


def _as_text(group: _Group) -> list[Part | _Escaped]:
    """Return what was read of braces that are no group: they and what separates them are text, groups within stay groups."""
    assert group.sign is not None
    parts: list[Part | _Escaped] = [Text(group.sign[0])]
    for number, option in enumerate(group.options):
        parts += [Text("|"), *option] if number else option
    return parts


def _joined(parts: Sequence[Part | _Escaped], *, within: bool = False) -> Parts:
    """Return parts with neighboring texts as one, without empty ones."""
    joined: list[Part] = []
    for is_text, run in itertools.groupby(parts, lambda part: isinstance(part, Text | _Escaped)):
        if not is_text:
            joined += cast(Iterator[Part], run)
        elif text := "".join(part.text if isinstance(part, Text) else _plain(cast(_Escaped, part), within) for part in run):
            joined.append(Text(text))
    return tuple(joined)


def _plain(escaped: _Escaped, within: bool) -> str:
    return escaped.source[1:] if within else escaped.source
