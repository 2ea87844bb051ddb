"""Ratios as little pictures of themselves, to choose from."""

from fractions import Fraction
from typing import NamedTuple

from imagegen.providers import registry

# Of the square that a drawing fills, in units of its own.
SIDE = 20


class Shape(NamedTuple):
    """A ratio as "W:H", and a rectangle of it around the middle, as large as fits into a square of SIDE units."""

    ratio: str
    left: float
    top: float
    width: float
    height: float


def known() -> list[Shape]:
    """Return every ratio that somebody here draws, from the tallest to the widest."""
    ratios = {ratio for name in registry.ready() for ratio in registry.get(name).aspect_ratios}
    return [_shape(ratio) for ratio in sorted(ratios, key=lambda ratio: (Fraction(*map(int, ratio.split(":"))), ratio))]


def _shape(ratio: str) -> Shape:
    width, height = map(int, ratio.split(":"))
    half = SIDE / max(width, height) / 2
    sides = (-width * half, -height * half, 2 * width * half, 2 * height * half)
    return Shape(ratio, *(round(side, 1) for side in sides))
