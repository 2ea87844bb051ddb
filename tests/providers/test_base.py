"""What the base class makes of what a provider declares."""

from typing import ClassVar

import pytest

from imagegen.providers.base import Answer, Handle, ImageRequest, ImageResult, Keep, Model, Provider, SizeRange, size_near
from tests.providers.contract import refused_fields


class Bare(Provider):
    """Supports nothing but ratios."""

    models = (Model("only"),)
    aspect_ratios: ClassVar[tuple[str, ...]] = ("1:1", "3:2")

    def send(self, request: ImageRequest, keep: Keep) -> Answer | Handle:
        raise NotImplementedError

    def read(self, answer: Answer) -> ImageResult:
        raise NotImplementedError


class CloseRatios(Bare):
    aspect_ratios = ("51:50", "1:1", "50:51")


class BareSizes(Bare):
    aspect_ratios = ()
    sizes = SizeRange(64, 512, multiple=8)


@pytest.mark.parametrize(("field", "value"), [("negative_prompt", "rain"), ("seed", 7), ("seed", 0), ("style", "anime")])
def test_an_option_without_its_flag_is_refused(field: str, value: object) -> None:
    assert refused_fields(Bare(), **{field: value}) == [field]


@pytest.mark.parametrize(("size", "refused"), [("300x200", []), ("1000x980", []), ("1000x960", ["size"])])
def test_a_size_needs_a_ratio_within_three_percent(size: str, refused: list[str]) -> None:
    assert refused_fields(Bare(), size=size) == refused


@pytest.mark.parametrize(("size", "ratio"), [("510x500", "51:50"), ("500x500", "1:1"), ("500x510", "50:51")])
def test_of_several_ratios_the_nearest_is_taken(size: str, ratio: str) -> None:
    assert CloseRatios().ratio_for(size) == ratio


@pytest.mark.parametrize(
    ("size", "refused"), [("64x512", []), ("56x64", ["size"]), ("64x520", ["size"]), ("65x64", ["size"])]
)
def test_a_size_must_lie_in_the_range(size: str, refused: list[str]) -> None:
    assert refused_fields(BareSizes(), size=size) == refused


def test_a_provider_of_sizes_takes_no_ratio() -> None:
    assert refused_fields(BareSizes(), aspect_ratio="1:1") == ["aspect_ratio"]


@pytest.mark.parametrize(
    ("sizes", "size", "fits"),
    [
        (SizeRange(16, 3840, 16, longest=3), "3072x1024", True),
        (SizeRange(16, 3840, 16, longest=3), "3088x1024", False),
        (SizeRange(64, 4096, most_pixels=1_000_000), "1000x1000", True),
        (SizeRange(64, 4096, most_pixels=1_000_000), "1001x1000", False),
    ],
)
def test_sizes_may_be_bounded_by_their_shape_and_their_pixels(sizes: SizeRange, size: str, fits: bool) -> None:
    width, height = size.split("x")
    assert sizes.holds(int(width), int(height)) is fits


@pytest.mark.parametrize(
    ("ratio", "size"), [("1:1", "1024x1024"), ("16:9", "1344x768"), ("9:16", "768x1344"), ("3:2", "1280x832")]
)
def test_a_ratio_has_a_size_of_about_a_million_pixels(ratio: str, size: str) -> None:
    assert size_near(ratio, multiple=64) == size
