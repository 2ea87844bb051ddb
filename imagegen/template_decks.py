"""What templates choose from: lists and groups, read and measured before anything is drawn of them.

Once a template is measured nothing about it can go wrong: every list is there, none names itself, and what it becomes has
bounds.
"""

import bisect
import itertools
import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from imagegen import template_signs
from imagegen.template_signs import Column, FromList, Option, Part, Parts, Pick, Text

# Lists and groups within lists and groups: each level is a call within a call.
MAX_NESTED = 40
# Nobody counts further: a submission that could become as many is refused long before.
MANY = 1_000_000
# Returns the lines of a list; None where there is none of that name.
Lists = Callable[[str], Sequence[str] | None]


class UnfitTemplate(ValueError):
    """The template cannot be used: it names what is not there, or may become too long. The message says which."""


@dataclass(frozen=True)
class Size:
    """The most that something becomes: characters, choices that it takes, and how deep they lie in each other."""

    length: int = 0
    choices: int = 0
    depth: int = 0

    def __add__(self, other: "Size") -> "Size":
        return Size(self.length + other.length, self.choices + other.choices, max(self.depth, other.depth))


class Deck:
    """Options that one, or several different ones, are taken of; `counts` says how many prompts each can become."""

    def __init__(self, options: Sequence[Option], counts: Sequence[int]) -> None:
        self.options, self.counts = options, counts
        weights = [option.weight for option in options]
        # Where nothing has a weight, everything has the same.
        self._weights = weights if any(weights) else [1.0] * len(weights)

    @cached_property
    def _sums(self) -> list[float]:
        return list(itertools.accumulate(self._weights))

    def takes(self, least: int, most: int) -> range:
        """Return how many options may be taken: never more than there are."""
        return range(min(least, len(self.options)), min(most, len(self.options)) + 1)

    def draw(self, dice: random.Random, count: int) -> list[Option]:
        """Return so many different options in the order in which they were drawn."""
        if count == 1:
            return [self.options[bisect.bisect_right(self._sums, dice.random() * self._sums[-1], hi=len(self.options) - 1)]]
        # One throw for each: sorted like this they lie as if drawn one after the other by their weights (Efraimidis and
        # Spirakis, 2006). Those without a weight come last.
        keys = [dice.random() ** (1 / weight) if weight else -dice.random() for weight in self._weights]
        return [self.options[place] for place in sorted(range(len(keys)), key=keys.__getitem__, reverse=True)[:count]]


class Book:
    """The lists that templates name, each read and measured once."""

    def __init__(self, lists: Lists) -> None:
        self._lists = lists
        self._decks: dict[str, tuple[Deck, Sequence[Size]]] = {}
        self._groups: dict[int, tuple[Pick, Deck]] = {}
        self._path: list[str] = []
        self._depth = 0

    def deck(self, name: str) -> Deck:
        """Return the lines of a list. Raises UnfitTemplate."""
        return self._list(name)[0]

    def deck_of(self, pick: Pick) -> Deck:
        """Return what a group chooses from: its options, or the lines of the list that is the only one of them."""
        if name := _list_alone(pick):
            return self.deck(name)
        if id(pick) not in self._groups:
            counts = [self.count(option.parts) for option in pick.options]
            self._groups[id(pick)] = pick, Deck(pick.options, counts)
        return self._groups[id(pick)][1]

    def measure(self, parts: Parts, cells: Mapping[str, str]) -> Size:
        """Return the most that a template becomes. Raises UnfitTemplate."""
        return sum((self._measured(part, cells) for part in parts), Size())

    def count(self, parts: Parts) -> int:
        """Return how many prompts a template can become, MANY where there are more."""
        return product(self.counted(part) for part in parts)

    def counted(self, part: Part) -> int:
        match part:
            case Text() | Column():
                return 1
            case FromList(name):
                return orders(self.deck(name).counts, 1)
        deck = self.deck_of(part)
        return min(sum(orders(deck.counts, count) for count in deck.takes(part.least, part.most)), MANY)

    def _list(self, name: str) -> tuple[Deck, Sequence[Size]]:
        if name in self._path:
            raise UnfitTemplate(f"the list {name!r} names itself: {' → '.join([*self._path, name])}")
        if name not in self._decks:
            self._path.append(name)
            try:
                self._decks[name] = self._read(name)
            finally:
                self._path.pop()
        return self._decks[name]

    def _read(self, name: str) -> tuple[Deck, Sequence[Size]]:
        lines = self._lists(name)
        if not lines:
            raise UnfitTemplate(f"there is no list {name!r}" if lines is None else f"the list {name!r} is empty")
        options = template_signs.merged(map(template_signs.read_option, lines))
        if any(isinstance(part, Column) for option in options for part in template_signs.walk(option.parts)):
            raise UnfitTemplate(f"the list {name!r} names a column: only a prompt's own text can")
        sizes = [self.measure(option.parts, {}) for option in options]
        return Deck(options, [self.count(option.parts) for option in options]), sizes

    def _measured(self, part: Part, cells: Mapping[str, str]) -> Size:
        match part:
            case Text(text):
                return Size(len(text))
            case Column(name):
                return Size(len(_cell(name, cells)), 1)
        self._depth += 1
        try:
            size = self._within(part, cells)
            if self._depth + size.depth > MAX_NESTED:
                raise UnfitTemplate(f"lists and groups lie more than {MAX_NESTED} deep in each other")
        finally:
            self._depth -= 1
        return size + Size(depth=size.depth + 1)

    def _within(self, part: FromList | Pick, cells: Mapping[str, str]) -> Size:
        if self._depth > MAX_NESTED:
            raise UnfitTemplate(f"lists and groups lie more than {MAX_NESTED} deep in each other")
        if isinstance(part, FromList):
            return _largest(self._list(part.name)[1], 1, "")
        if name := _list_alone(part):
            return _largest(self._list(name)[1], part.most, part.joiner)
        return _largest([self.measure(option.parts, cells) for option in part.options], part.most, part.joiner)


def orders(counts: Sequence[int], count: int) -> int:
    """Return in how many ways so many different options can be taken, where their order matters, MANY at most."""
    if count == 1:
        return min(sum(counts), MANY)
    if count and math.perm(len(counts), count) >= MANY:
        return MANY
    # Ways to take the first n of them, without their order: what is (1 + a x)(1 + b x)… at x to the n.
    ways = [1] + [0] * count
    for own in counts:
        for number in range(count, 0, -1):
            ways[number] = min(ways[number] + ways[number - 1] * own, MANY)
    return min(ways[count] * math.factorial(count), MANY)


def product(counts: Iterable[int]) -> int:
    found = 1
    for count in counts:
        found = min(found * count, MANY)
    return found


def _largest(sizes: Sequence[Size], most: int, joiner: str) -> Size:
    lengths = sorted((size.length for size in sizes), reverse=True)[:most]
    choices = sorted((size.choices + 1 for size in sizes), reverse=True)[:most]
    between = len(joiner) * max(len(lengths) - 1, 0)
    return Size(sum(lengths) + between, sum(choices), max((size.depth for size in sizes), default=0))


def _list_alone(pick: Pick) -> str:
    match pick.options:
        case [Option(parts=(FromList(name),))]:
            return name
    return ""


def _cell(name: str, cells: Mapping[str, str]) -> str:
    if name not in cells:
        known = ", ".join(cells) or "there is no table with it"
        raise UnfitTemplate(f"there is no column {name!r} ({known})")
    return cells[name]
