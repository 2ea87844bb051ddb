"""What OpenAI's image API accepts: turns a request into an order, or says which rule it breaks.

Types are those of the `openai` package, so that nobody of this project decides what is right; the limits of its texts are
here.
"""

import base64
import json
import random
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from openai.types.image_generate_params import ImageGenerateParamsNonStreaming
from pydantic import TypeAdapter, ValidationError

from .deliveries import Reply
from .http_server import Request
from .openai_answers import JSON, error_reply, no_model, wrong_key
from .orders import Objection, Order, whole_reply

GENERATE = "/v1/images/generations"
MODELS = (
    "gpt-image-2",
    "gpt-image-2-2026-04-21",
    "gpt-image-2.5-sunburst",
    "gpt-image-2.5-flare",
    "gpt-image-2.6-sunburst",
    "gpt-image-2.6-flare",
)
TYPES: TypeAdapter[Any] = TypeAdapter(ImageGenerateParamsNonStreaming)
FIELDS = tuple(get_type_hints(ImageGenerateParamsNonStreaming))
LONGEST_PROMPT = 32_000
RANGES = {"n": (1, 10), "output_compression": (0, 100)}
STANDARD_SIZES = ("1024x1024", "1536x1024", "1024x1536")
LEAST_PIXELS, MOST_PIXELS, LONGEST_SIDE = 655_360, 3840 * 2160, 3840
# Those that the types of openai 2 do not know yet: version 3.52.0 has them, for the models 2.5 alone.
NEWER_QUALITIES = ("xhigh", "max")
# Output tokens of a picture; `low` as OpenAI's guide says, the next two from its table of prices, the last made up.
OUTPUT_TOKENS = {"low": 196, "medium": 1767, "high": 7033, "xhigh": 14_000, "max": 28_000}
# Dollars a token: https://developers.openai.com/api/docs/pricing, as litellm quotes it.
TEXT_PRICE, PICTURE_PRICE = 5e-6, 30e-6
# Pictures are drawn small, in the ratio that was asked for.
SHORT_SIDE = 64
LARGEST_SEED = 2**32


@dataclass(frozen=True)
class JsonOrder(Order):
    """A body of JSON that keeps every rule."""

    count: int
    quality: str
    asked_size: str

    @property
    def usage(self) -> dict[str, Any]:
        """Count a token for four characters, and for the pictures what their quality takes."""
        told, made = tokens(self.prompt, self.quality, self.count)
        details = {"text_tokens": told, "image_tokens": 0}
        return {
            "input_tokens": told, "output_tokens": made, "total_tokens": told + made, "input_tokens_details": details,
        }  # fmt: skip

    def reply(self, picture: bytes) -> Reply:
        body = {
            "created": int(time.time()),
            "background": "opaque",
            "data": [{"b64_json": base64.b64encode(picture).decode()}] * self.count,
            "output_format": self.output_format,
            "quality": self.quality,
            "size": self.asked_size,
            "usage": self.usage,
        }
        return whole_reply(200, JSON, json.dumps(body).encode())


def tokens(prompt: str, quality: str, count: int) -> tuple[int, int]:
    """Return the tokens of the input and of the pictures."""
    return len(prompt) // 4 + 1, OUTPUT_TOKENS[quality] * count


def price(told: int, made: int) -> float:
    return told * TEXT_PRICE + made * PICTURE_PRICE


def order(request: Request, *, key: str) -> JsonOrder:
    """Return what is asked for; raise Objection where the document says no."""
    fields = json_fields(request, path=GENERATE, key=key)
    prompt = str(fields.get("prompt", ""))
    for param, message in _problems(fields):
        raise Objection(error_reply(400, message, param=param, code="invalid_value"), prompt=prompt, fields=fields)
    if fields["model"] not in MODELS:
        raise Objection(no_model(fields["model"]), prompt=prompt, fields=fields)
    for param, message in _problems_of_the_model(fields):
        raise Objection(error_reply(400, message, param=param, code="invalid_value"), prompt=prompt, fields=fields)
    return _order(fields)


def json_fields(request: Request, *, path: str, key: str) -> dict[str, Any]:
    """Return the fields of a request whose address, key and form are right; an empty key stands for a server without."""
    if request.path != path:
        raise Objection(error_reply(404, f"Invalid URL ({request.method} {request.path})"))
    if request.method != "POST":
        raise Objection(error_reply(405, f"Not allowed to {request.method} on {path}", code="method_not_supported"))
    check_key(request, key)
    if request.too_large:
        raise Objection(error_reply(413, "The body is too large."))
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Objection(error_reply(400, "The content type must be application/json."))
    try:
        fields = json.loads(request.body)
    except ValueError:
        raise Objection(error_reply(400, "The body is no JSON.")) from None
    if not isinstance(fields, dict):
        raise Objection(error_reply(400, "The body is no JSON object."))
    return fields


def check_key(request: Request, key: str) -> None:
    """Raise Objection where a key is wanted and another one, or none, is there."""
    if key and request.headers.get("authorization") != f"Bearer {key}":
        raise Objection(wrong_key())


def type_problems(fields: Mapping[str, Any], known: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield field and sentence for whatever has no such name or not that type."""
    yield from ((name, f"Unknown parameter: '{name}'.") for name in fields if name not in known)
    newer = {"quality": "high"} if fields.get("quality") in NEWER_QUALITIES else {}
    try:
        TYPES.validate_python({**fields, **newer}, strict=True)
    except ValidationError as error:
        for fault in error.errors():
            name = str(fault["loc"][0])
            yield name, f"Invalid value for '{name}': {fault['msg']}."


def _problems(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong whatever the model; the first is answered, so that each may build on those before."""
    yield from type_problems(fields, FIELDS)
    if not isinstance(fields.get("model"), str):
        yield "model", "A model must be named: the default is one that is gone."
    if not 0 < len(fields["prompt"]) <= LONGEST_PROMPT:
        yield "prompt", f"The prompt must have 1 to {LONGEST_PROMPT} characters."
    for name in ("response_format", "style"):
        if name in fields:
            yield name, f"Unknown parameter: '{name}'."
    for name, (least, most) in RANGES.items():
        if fields.get(name) is not None and not least <= fields[name] <= most:
            yield name, f"Invalid value for '{name}': it must be from {least} to {most}."
    if "partial_images" in fields:
        yield "partial_images", "Partial images come in a stream alone."
    if "output_compression" in fields and fields.get("output_format") not in ("jpeg", "webp"):
        yield "output_compression", "Only jpeg and webp are compressed."
    if fields.get("background") == "transparent" and fields.get("output_format") == "jpeg":
        yield "background", "A jpeg cannot be transparent."


def _problems_of_the_model(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what this model does not draw."""
    model, quality, size = fields["model"], fields.get("quality") or "auto", fields.get("size") or "auto"
    if quality in ("standard", "hd") or (quality in NEWER_QUALITIES and "-2.5-" not in model):
        yield "quality", f"Invalid value for 'quality': '{quality}' is not supported with {model}."
    if size not in ("auto", *STANDARD_SIZES) and not ("-2.6-" not in model and _is_size(size)):
        yield "size", f"Invalid value for 'size': '{size}' is not supported with {model}."


def _is_size(text: str) -> bool:
    """Whether it is one of the many sizes that the guide allows."""
    if not re.fullmatch("[1-9][0-9]{0,4}x[1-9][0-9]{0,4}", text):
        return False
    short, long = sorted(sides(text))
    is_shape = short % 16 == long % 16 == 0 and long <= LONGEST_SIDE and long <= 3 * short
    return is_shape and LEAST_PIXELS <= short * long <= MOST_PIXELS


def sides(size: str) -> tuple[int, int]:
    width, height = size.split("x")
    return int(width), int(height)


def small(size: str) -> tuple[int, int]:
    """Return a few pixels in the ratio of a size."""
    width, height = sides(size)
    return width * SHORT_SIDE // min(width, height), height * SHORT_SIDE // min(width, height)


def _order(fields: dict[str, Any]) -> JsonOrder:
    quality, size = fields.get("quality") or "auto", fields.get("size") or "auto"
    quality, size = ("medium" if quality == "auto" else quality), (STANDARD_SIZES[0] if size == "auto" else size)
    count = fields.get("n") or 1
    return JsonOrder(
        path=GENERATE,
        fields=fields,
        prompt=fields["prompt"],
        seed=random.randrange(LARGEST_SEED),
        size=small(size),
        output_format=fields.get("output_format") or "png",
        credits=price(*tokens(fields["prompt"], quality, count)),
        count=count,
        quality=quality,
        asked_size=size,
    )
