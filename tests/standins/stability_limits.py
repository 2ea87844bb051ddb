"""What Stability's v2beta accepts: turns a request into an order, or says which rules it breaks.

The rules are the data in stability_v2beta.json; this module only knows how to apply them.
"""

import base64
import io
import json
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from PIL import Image

from . import multipart
from .deliveries import Reply
from .http_server import Request
from .orders import Order, whole_reply

LIMITS: dict[str, Any] = json.loads(Path(__file__).with_name("stability_v2beta.json").read_text())
SHORT_SIDE = 64
LARGEST_BODY: int = LIMITS["request"]["largest_body"]
ERROR_STATUSES: dict[str, int] = LIMITS["errors"]


@dataclass(frozen=True)
class FormOrder(Order):
    """A form that keeps every rule."""

    wants_json: bool

    def reply(self, picture: bytes) -> Reply:
        return self.generated(picture, "SUCCESS")

    def generated(self, picture: bytes, finish_reason: str) -> Reply:
        kind = f"image/{self.output_format}"
        if self.wants_json:
            encoded = base64.b64encode(picture).decode()
            body = json.dumps({"image": encoded, "finish_reason": finish_reason, "seed": self.seed})
            return whole_reply(200, {"content-type": f"application/json; type={kind}"}, body.encode())
        headers = {"content-type": kind, "finish-reason": finish_reason, "seed": str(self.seed)}
        return whole_reply(200, headers, picture)


class Violation(Exception):
    """The request breaks the protocol; carries the documented error that answers it."""

    def __init__(self, name: str, *errors: str, prompt: str = "", fields: Mapping[str, str] | None = None):
        super().__init__(name, *errors)
        self.name = name
        self.errors = errors
        self.prompt = prompt
        self.fields = fields or {}


def order(request: Request, *, key: str) -> FormOrder:
    """Return what is asked for; raise Violation where the document says no."""
    endpoint = _endpoint(request)
    if request.headers.get("authorization") != LIMITS["authorization"] + key:
        raise Violation("unauthorized", "authorization: invalid or missing header value")
    if request.too_large:
        raise Violation("payload_too_large", f"body: must be at most {LARGEST_BODY} bytes")
    if errors := list(_header_errors(request.headers)):
        raise Violation("bad_request", *errors)
    parts = _parts(request)
    fields = MappingProxyType({part.name: _as_text(part) for part in parts})
    if errors := list(_form_errors(endpoint, parts)):
        raise Violation("bad_request", *errors, prompt=fields.get("prompt", ""), fields=fields)
    return _order(request, endpoint, fields)


def _endpoint(request: Request) -> dict[str, Any]:
    endpoint: dict[str, Any] | None = LIMITS["endpoints"].get(request.path)
    if endpoint is None:
        raise Violation("not_found", "path: nothing is served here")
    if request.method != LIMITS["request"]["method"]:
        raise Violation("method_not_allowed", f"method: must be {LIMITS['request']['method']}")
    return endpoint


def _header_errors(headers: Mapping[str, str]) -> Iterator[str]:
    rules = LIMITS["request"]
    if _content_type(headers) != rules["content_type"]:
        yield f"content-type: must be {rules['content_type']}"
    if _accept(headers) not in rules["accept"]:
        yield f"accept: must be one of {', '.join(rules['accept'])}"
    for name in rules["short_headers"]:
        if len(headers.get(name, "")) > rules["short_header_length"]:
            yield f"{name}: must be at most {rules['short_header_length']} characters"


def _content_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _accept(headers: Mapping[str, str]) -> str:
    accept: str = headers.get("accept", LIMITS["request"]["default_accept"])
    return accept


def _parts(request: Request) -> list[multipart.Part]:
    try:
        parts = multipart.parse(request.body, request.headers["content-type"])
    except ValueError as exc:
        raise Violation("bad_request", f"body: {exc}") from exc
    return [part for part in parts if not _is_placeholder(part)]


def _is_placeholder(part: multipart.Part) -> bool:
    """The provider's own sample sends an empty file called none, only to make the form multipart."""
    return part.is_file and not part.content and part.name in LIMITS["request"]["placeholder_parts"]


def _as_text(part: multipart.Part) -> str:
    return f"{len(part.content)} bytes" if part.is_file else part.content.decode("utf-8", "replace")


def _form_errors(endpoint: dict[str, Any], parts: list[multipart.Part]) -> Iterator[str]:
    given = {part.name: part for part in parts}
    if len(given) < len(parts):
        yield "body: each field may be sent once"
    for name in endpoint["required"]:
        if name not in given:
            yield f"{name}: is required"
    for name, part in given.items():
        if problem := _field_problem(endpoint, part):
            yield f"{name}: {problem}"
    for condition in endpoint["conditions"]:
        yield from _condition_errors(condition, given)


def _field_problem(endpoint: dict[str, Any], part: multipart.Part) -> str | None:
    """Say what is wrong with one field; None means nothing is."""
    if part.name not in endpoint["required"] + endpoint["optional"]:
        return "is not a field of this endpoint"
    rule = LIMITS["fields"][part.name] | endpoint.get("narrower", {}).get(part.name, {})
    if rule["kind"] == "picture":
        return _picture_problem(rule, part.content)
    try:
        text = part.content.decode()
    except UnicodeDecodeError:
        return "must be UTF-8 text"
    return _text_problem(rule, text)


def _text_problem(rule: dict[str, Any], text: str) -> str | None:
    if rule["kind"] == "choice":
        return None if text in rule["choices"] else f"must be one of {', '.join(rule['choices'])}"
    if rule["kind"] == "text":
        fits = rule["least"] <= len(text) <= rule["most"]
        return None if fits else f"must have {rule['least']} to {rule['most']} characters"
    return _number_problem(rule, text)


def _number_problem(rule: dict[str, Any], text: str) -> str | None:
    try:
        number = _integer(text) if rule["kind"] == "integer" else float(text)
    except ValueError:
        return f"must be {'an integer' if rule['kind'] == 'integer' else 'a number'}"
    fits = rule["least"] <= number <= rule["most"]
    return None if fits else f"must be between {rule['least']} and {rule['most']}"


def _integer(text: str) -> int:
    """Read digits only: int() would let blanks, underscores and foreign digits through."""
    if not re.fullmatch("-?[0-9]+", text):
        raise ValueError(text)
    return int(text)


def _picture_problem(rule: dict[str, Any], content: bytes) -> str | None:
    try:
        with Image.open(io.BytesIO(content), formats=rule["formats"]) as picture:
            width, height = picture.size
    except (OSError, Image.DecompressionBombError):
        return f"must be a picture in one of {', '.join(rule['formats'])}"
    least, most = rule.get("least_side", 1), rule.get("most_side", max(width, height))
    if not least <= min(width, height) <= max(width, height) <= most:
        return f"each side must be between {least} and {most} pixels"
    if width * height < rule.get("least_pixels", 1):
        return f"must have at least {rule['least_pixels']} pixels"
    return None


def _condition_errors(condition: dict[str, Any], given: Mapping[str, multipart.Part]) -> Iterator[str]:
    reason = _condition_that_holds(condition, given)
    if reason is None:
        return
    for name in condition.get("requires", []):
        if name not in given:
            yield f"{name}: is required {reason}"
    for name in condition.get("refuses", []):
        if name in given:
            yield f"{name}: is not allowed {reason}"


def _condition_that_holds(condition: dict[str, Any], given: Mapping[str, multipart.Part]) -> str | None:
    """Return the condition in words; None means it does not apply to this request."""
    if "given" in condition:
        return f"with {condition['given']}" if condition["given"] in given else None
    name = condition["field"]
    value = _as_text(given[name]) if name in given else LIMITS["fields"][name]["default"]
    return f"when {name} is {value}" if value in condition["is"] else None


def _order(request: Request, endpoint: dict[str, Any], fields: Mapping[str, str]) -> FormOrder:
    return FormOrder(
        path=request.path,
        fields=fields,
        prompt=fields["prompt"],
        seed=int(_value(fields, "seed")) or random.randint(1, LIMITS["fields"]["seed"]["most"]),
        size=_small_size(_value(fields, "aspect_ratio")),
        output_format=_value(fields, "output_format"),
        wants_json=_accept(request.headers) == "application/json",
        credits=_credits(endpoint, fields),
    )


def _small_size(aspect_ratio: str) -> tuple[int, int]:
    width, height = (int(side) for side in aspect_ratio.split(":"))
    short = min(width, height)
    return width * SHORT_SIDE // short, height * SHORT_SIDE // short


def _value(fields: Mapping[str, str], name: str) -> str:
    default: str = LIMITS["fields"][name]["default"]
    return fields.get(name, default)


def _credits(endpoint: dict[str, Any], fields: Mapping[str, str]) -> float:
    price = endpoint["credits"]
    return float(price[_value(fields, "model")] if isinstance(price, dict) else price)
