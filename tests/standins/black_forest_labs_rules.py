"""What Black Forest Labs accepts for drawing from text, as its OpenAPI document says, and what it says of anything else."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MAX_SEED = 4_294_967_295
# Of a picture for which only a ratio was named, by each part of that ratio.
UNIT = 16


@dataclass(frozen=True)
class Rules:
    """What one model takes, and how many credits its first megapixel costs."""

    credits: float
    tolerance: int
    # The smallest side, the largest, and the step between two; None where it takes a ratio.
    sides: tuple[int, int, int] | None
    default: tuple[int, int] = (1024, 1024)
    flags: tuple[str, ...] = ()
    needs_prompt: bool = True


_FLUX_2, _FLUX_1 = (64, 4096, 16), (256, 1440, 32)
MODELS = {
    "flux-2-pro": Rules(3, 5, _FLUX_2),
    "flux-2-max": Rules(7, 5, _FLUX_2),
    "flux-2-flex": Rules(5, 5, _FLUX_2, flags=("prompt_upsampling",)),
    "flux-2-klein-9b": Rules(1.5, 5, _FLUX_2),
    "flux-2-klein-4b": Rules(1.4, 5, _FLUX_2),
    "flux-pro-1.1": Rules(4, 6, _FLUX_1, (1024, 768), ("prompt_upsampling",), needs_prompt=False),
    "flux-pro-1.1-ultra": Rules(6, 6, None, flags=("prompt_upsampling", "raw"), needs_prompt=False),
    "flux-dev": Rules(2.5, 6, _FLUX_1, (1024, 768), ("prompt_upsampling",), needs_prompt=False),
}


def faults(rules: Rules, fields: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what is wrong with each field, in the shape of the framework that the provider uses."""
    if rules.needs_prompt and "prompt" not in fields:
        yield fault("prompt", "Field required")
    for name, value in fields.items():
        if problem := _problem(rules, name, value):
            yield fault(name, problem)


def fault(field: str, message: str) -> dict[str, Any]:
    return {"loc": ["body", field], "msg": message, "type": "value_error"}


def size(rules: Rules, fields: Mapping[str, Any]) -> tuple[int, int]:
    """Return the size to draw: a quarter of each side that was asked for, to be quick, in the same ratio."""
    if rules.sides is None:
        width, height = fields.get("aspect_ratio", "16:9").split(":")
        return int(width) * UNIT, int(height) * UNIT
    return fields.get("width", rules.default[0]) // 4, fields.get("height", rules.default[1]) // 4


def _problem(rules: Rules, name: str, value: object) -> str | None:
    """Say what is wrong with one field; None means nothing is."""
    if name == "prompt":
        return None if isinstance(value, str) else "Input should be a valid string"
    if name == "seed":
        return None if _is_whole(value, 0, MAX_SEED) or value is None else "Input should be a valid integer"
    if name == "safety_tolerance":
        return None if _is_whole(value, 0, rules.tolerance) else f"Input should be between 0 and {rules.tolerance}"
    if name == "output_format":
        return None if value in ("jpeg", "png", "webp") else "Input should be 'jpeg', 'png' or 'webp'"
    if name in rules.flags:
        return None if isinstance(value, bool) else "Input should be a valid boolean"
    return _shape_problem(rules, name, value)


def _shape_problem(rules: Rules, name: str, value: object) -> str | None:
    if rules.sides is None and name == "aspect_ratio":
        return None if _is_ratio(value) else "Input should be a ratio between 21:9 and 9:21"
    if rules.sides is None or name not in ("width", "height"):
        return "Extra inputs are not permitted"
    least, most, step = rules.sides
    fits = _is_whole(value, least, most) and isinstance(value, int) and value % step == 0
    return None if fits else f"Input should be from {least} to {most} and a multiple of {step}"


def _is_whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_ratio(value: object) -> bool:
    sides = str(value).split(":")
    if len(sides) != 2 or not all(side.isdecimal() and int(side) for side in sides):
        return False
    return 9 / 21 <= int(sides[0]) / int(sides[1]) <= 21 / 9
