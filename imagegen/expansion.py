"""What a template becomes: a prompt drawn by chance, or each prompt that it can become."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imagegen import template_signs
from imagegen.template_decks import Book, Deck, Size, UnfitTemplate, orders
from imagegen.template_signs import Column, FromList, Part, Parts, Text

# In characters: of a template, and of what it becomes, as much as the longest prompt; and the choices for one prompt.
MAX_TEMPLATE = 100_000
MAX_LENGTH = 10_000
MAX_CHOICES = 2_000


@dataclass(frozen=True)
class Choice:
    """What became of one sign of a template."""

    sign: str
    text: str


@dataclass(frozen=True)
class Prompt:
    """One prompt that a template became, and by which choices."""

    text: str
    choices: tuple[Choice, ...] = ()


class Template:
    """A text that may hold signs, ready to become prompts. Raises UnfitTemplate."""

    def __init__(self, text: str, book: Book, cells: Mapping[str, str] | None = None) -> None:
        if len(text) > MAX_TEMPLATE:
            raise UnfitTemplate(
                f"has {len(text)} characters; at most {MAX_LENGTH} are allowed, {MAX_TEMPLATE} of a template"
            )
        self.text = text
        self._parts = template_signs.read(text)
        self._book = book
        self._cells = cells or {}
        size = book.measure(self._parts, self._cells) if self.has_signs else Size()
        if size.length > MAX_LENGTH or size.choices > MAX_CHOICES:
            sentence = f"may become {size.length} characters long, by {size.choices} choices"
            raise UnfitTemplate(f"{sentence}; at most {MAX_LENGTH} and {MAX_CHOICES} are allowed")

    @property
    def has_signs(self) -> bool:
        """Whether there is anything to choose, or to fill in."""
        return any(not isinstance(part, Text) for part in self._parts)

    def draw(self, seed: int) -> Prompt:
        """Return a prompt by chance; the same seed makes the same choices."""
        # With the text, so that two templates of one submission do not choose alike.
        dice = random.Random(f"{seed} {self.text}")
        return self._told([self._drawn(part, dice) for part in self._parts])

    def count(self) -> int:
        """Return how many prompts it can become, template_decks.MANY where there are more."""
        return self._book.count(self._parts)

    def nth(self, number: int) -> Prompt:
        """Return one of the prompts that it can become, counted from 0; the last sign changes fastest."""
        return self._told(self._each_placed(self._parts, number))

    def _told(self, texts: Sequence[str]) -> Prompt:
        signs = [
            Choice(part.source, text) for part, text in zip(self._parts, texts, strict=True) if not isinstance(part, Text)
        ]
        return Prompt("".join(texts), tuple(signs))

    def _drawn(self, part: Part, dice: random.Random) -> str:
        match part:
            case Text(text):
                return text
            case Column(name):
                return self._cells[name]
            case FromList(name):
                [option] = self._book.deck(name).draw(dice, 1)
                return self._all_drawn(option.parts, dice)
        deck = self._book.deck_of(part)
        takes = deck.takes(part.least, part.most)
        drawn = deck.draw(dice, takes[0] if len(takes) == 1 else dice.choice(takes))
        return part.joiner.join(self._all_drawn(option.parts, dice) for option in drawn)

    def _all_drawn(self, parts: Parts, dice: random.Random) -> str:
        return "".join(self._drawn(part, dice) for part in parts)

    def _placed(self, part: Part, place: int) -> str:
        match part:
            case Text(text):
                return text
            case Column(name):
                return self._cells[name]
            case FromList(name):
                return self._several_placed(self._book.deck(name), 1, place, "")
        deck = self._book.deck_of(part)
        for count in deck.takes(part.least, part.most):
            ways = orders(deck.counts, count)
            if place < ways:
                return self._several_placed(deck, count, place, part.joiner)
            place -= ways
        raise IndexError(place)

    def _several_placed(self, deck: Deck, count: int, place: int, joiner: str) -> str:
        """Return one of the ways to take so many options in some order."""
        texts, left = list[str](), list(zip(deck.options, deck.counts, strict=True))
        while len(texts) < count:
            number, place, rest = _next_of([own for _, own in left], count - len(texts) - 1, place)
            option, _ = left.pop(number)
            own, place = divmod(place, rest)
            texts.append("".join(self._each_placed(option.parts, own)))
        return joiner.join(texts)

    def _each_placed(self, parts: Parts, place: int) -> list[str]:
        """Return what each part becomes at a place among all ways to choose; the last part changes fastest."""
        texts: list[str] = []
        for part in reversed(parts):
            place, own = divmod(place, self._book.counted(part))
            texts.append(self._placed(part, own))
        return texts[::-1]


def _next_of(counts: Sequence[int], others: int, place: int) -> tuple[int, int, int]:
    """Return which option comes first in the way at `place`, the place among its ways, and how many ways the others have."""
    for number, own in enumerate(counts):
        rest = orders([*counts[:number], *counts[number + 1 :]], others) if others else 1
        if place < own * rest:
            return number, place, rest
        place -= own * rest
    raise IndexError(place)
