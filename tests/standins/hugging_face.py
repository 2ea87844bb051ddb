"""A stand-in for Hugging Face: its router, an endpoint of one's own, and the Hub's word on whose a token is.

    with HuggingFaceStandIn() as hugging_face:
        hugging_face.when("a fox", loading(20), success())
        ...  # point the product at hugging_face.url, the router or the endpoint
        assert hugging_face.bill == 1

The router has hf-inference, nscale and together. Every request is checked against what each of them documents; what errors
look like is known from Hugging Face's own server, from Together's document and from what people have reported.
"""

import base64
import json
import random
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

from .deliveries import Reply
from .faults import Answer, told, with_header
from .http_server import Request
from .orders import Objection, Order, whole_reply
from .standin import StandIn

# Nobody documents what a picture costs.
CREDITS = 1.0
SMALL = (64, 64)
MODELS = "/hf-inference/models/"
ENDPOINT_PATHS = ("/", "/predict")
HEALTH_PATHS = ("/", "/health")
PICTURE_TYPES = ("image/png", "image/jpeg", "image/webp")
FLUX = "black-forest-labs/FLUX.1-schnell"

# Says what is wrong with a value; None where nothing is.
Check = Callable[[Any], str | None]


def text(value: Any) -> str | None:
    return None if isinstance(value, str) and value else "must be text"


def mapping(value: Any) -> str | None:
    return None if isinstance(value, dict) else "must be an object"


def number(value: Any) -> str | None:
    return None if isinstance(value, int | float) and not isinstance(value, bool) else "must be a number"


def one_of(*choices: str) -> Check:
    return lambda value: None if value in choices else f"must be one of {', '.join(choices)}"


def whole(least: int, most: int, multiple: int = 1) -> Check:
    def check(value: Any) -> str | None:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        fits = is_whole and least <= value <= most and value % multiple == 0
        return None if fits else f"must be a whole number from {least} to {most} in steps of {multiple}"

    return check


def dimensions(value: Any) -> str | None:
    return None if re.fullmatch("[1-9][0-9]{1,3}x[1-9][0-9]{1,3}", str(value)) else 'must be like "512x512"'


SIDE = whole(64, 2048, multiple=16)
SEED = whole(0, 2**32 - 1)
# https://huggingface.co/docs/inference-providers/tasks/text-to-image
PARAMETERS: Mapping[str, Check] = {
    "negative_prompt": text, "width": SIDE, "height": SIDE, "num_inference_steps": whole(1, 100), "guidance_scale": number,
    "scheduler": text, "seed": SEED,
}  # fmt: skip
# By the path: the fields that each partner documents.
PARTNERS: Mapping[str, Mapping[str, Check]] = {
    "/nscale/v1/images/generations": {
        "model": text, "prompt": text, "response_format": one_of("b64_json"), "size": dimensions, "n": whole(1, 1),
    },
    "/together/v1/images/generations": {
        "model": text, "prompt": text, "response_format": one_of("base64"), "width": SIDE, "height": SIDE,
        "steps": whole(1, 50), "seed": SEED, "n": whole(1, 1), "negative_prompt": text, "guidance_scale": number,
    },
}  # fmt: skip


@dataclass(frozen=True)
class RawOrder(Order):
    """One that is answered with the picture itself."""

    def reply(self, picture: bytes) -> Reply:
        return whole_reply(200, {"content-type": f"image/{self.output_format}"}, picture)


@dataclass(frozen=True)
class EncodedOrder(Order):
    """One that is answered with the picture in base64; Together says a little more about it than nscale."""

    def reply(self, picture: bytes) -> Reply:
        item: dict[str, Any] = {"b64_json": base64.b64encode(picture).decode()}
        if self.path.startswith("/nscale/"):
            return _json_reply(200, {"created": int(time.time()), "data": [item]})
        data = [{"index": 0, "type": "b64_json", **item}]
        return _json_reply(200, {"id": uuid.uuid4().hex, "model": self.fields["model"], "object": "list", "data": data})


class HuggingFaceStandIn(StandIn):
    """Everything of Hugging Face at one address. With an empty key the endpoint is open; the router never is."""

    provider = "hugging-face"
    variable = "HF_ROUTER_URL"
    # What hf-inference serves.
    models: ClassVar[tuple[str, ...]] = ("stabilityai/stable-diffusion-3-medium-diffusers",)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # Every request that asked for a picture, as it came.
        self.seen: list[Request] = []

    def order(self, request: Request) -> Order:
        self.seen.append(request)
        is_endpoint = request.path in ENDPOINT_PATHS
        if not (is_endpoint or request.path.startswith(MODELS) or request.path in PARTNERS):
            raise Objection(_plain_reply(404, "Not Found"))
        if not self._knows(request, is_open=is_endpoint and not self.key):
            raise Objection(_error_reply(401, "Invalid credentials in Authorization header"))
        if request.path in PARTNERS:
            return _partner_order(request.path, _sent(request))
        return self._raw_order(request.path, request.headers.get("accept", ""), _sent(request))

    def aside(self, request: Request) -> Reply | None:
        if request.method != "GET" or request.path not in ("/api/whoami-v2", *HEALTH_PATHS):
            return None
        is_health = request.path in HEALTH_PATHS
        if not self._knows(request, is_open=is_health and not self.key):
            return _error_reply(401, "Invalid credentials in Authorization header")
        return _plain_reply(200, "Ok") if is_health else _json_reply(200, {"type": "user", "name": "ada"})

    def _knows(self, request: Request, *, is_open: bool) -> bool:
        given = request.headers.get("authorization")
        return given is None if is_open else given == f"Bearer {self.key}" and bool(self.key)

    def _raw_order(self, path: str, accept: str, sent: "_Sent") -> RawOrder:
        if path not in ENDPOINT_PATHS and path.removeprefix(MODELS) not in self.models:
            sent.refuse(400, "Model not supported by provider hf-inference")
        if accept not in PICTURE_TYPES:
            sent.refuse(400, f"Content type {accept!r} is not supported")
        sent.check(sent.fields, {"inputs": text, "parameters": mapping}, "inputs")
        parameters = sent.fields.get("parameters", {})
        sent.check(parameters, PARAMETERS)
        kind = accept.partition("/")[2]
        return RawOrder(path, sent.fields, sent.prompt, _seed(parameters), _size(parameters), kind, CREDITS)


def _partner_order(path: str, sent: "_Sent") -> EncodedOrder:
    sent.check(sent.fields, PARTNERS[path], "model", "prompt", "response_format")
    if sent.fields["model"] != FLUX:
        sent.refuse(404, f"Unable to access model {sent.fields['model']}")
    return EncodedOrder(path, sent.fields, sent.prompt, _seed(sent.fields), _size(sent.fields), "png", CREDITS)


def _size(fields: Mapping[str, Any]) -> tuple[int, int]:
    """Return the size asked for; a small one where that is left to the model, as nobody looks at it."""
    if "size" in fields:
        width, height = fields["size"].split("x")
        return int(width), int(height)
    return (fields["width"], fields["height"]) if "width" in fields else SMALL


@dataclass(frozen=True)
class _Sent:
    """What somebody sent, and how to turn it down."""

    fields: dict[str, Any]
    is_partner: bool

    @property
    def prompt(self) -> str:
        found = self.fields.get("prompt" if self.is_partner else "inputs")
        return found if isinstance(found, str) else ""

    def check(self, fields: Mapping[str, Any], checks: Mapping[str, Check], *required: str) -> None:
        """Refuse everything that breaks a rule, at once."""
        if problems := list(_problems(fields, checks, required)):
            self.refuse(400, "; ".join(problems))

    def refuse(self, status: int, words: str) -> NoReturn:
        reply = _object_reply(status, words) if self.is_partner else _error_reply(status, words)
        raise Objection(reply, prompt=self.prompt, fields=self.fields)


def _sent(request: Request) -> _Sent:
    sent = _Sent(_parsed(request.body), request.path in PARTNERS)
    if request.method != "POST":
        sent.refuse(405, "Method Not Allowed")
    if request.too_large:
        sent.refuse(413, "Payload too large")
    if request.headers.get("content-type") != "application/json" or not sent.fields:
        sent.refuse(400, "Body needs to be an object of JSON")
    return sent


def _problems(fields: Mapping[str, Any], checks: Mapping[str, Check], required: tuple[str, ...]) -> Iterator[str]:
    yield from (f"{name} is required" for name in required if name not in fields)
    yield from (f"{name} is no field of this" for name in fields if name not in checks)
    for name, value in fields.items():
        if problem := name in checks and checks[name](value):
            yield f"{name} {problem}"
    if ("width" in fields) != ("height" in fields):
        yield "width and height come together"


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _seed(fields: Mapping[str, Any]) -> int:
    return int(fields.get("seed", random.randrange(2**32)))


def unauthorized() -> Answer:
    """Reject the token, 401. Not billed: there is no account to bill."""
    return told("unauthorized", _error_reply(401, "Invalid credentials in Authorization header"))


def forbidden() -> Answer:
    """Miss a permission of the token, 403. Not billed: nothing was begun."""
    words = (
        "This authentication method does not have sufficient permissions to call Inference Providers on behalf of user ada"
    )
    return told("forbidden", _error_reply(403, words))


def out_of_credit() -> Answer:
    """Answer 402. Not billed: there is nothing left to bill."""
    return told(
        "out_of_credit", _error_reply(402, "You have exceeded your monthly included credits for Inference Providers.")
    )


def not_supported() -> Answer:
    """Turn down a model that this provider does not serve, 400. Not billed: nothing was begun."""
    return told("not_supported", _error_reply(400, "Model not supported by provider hf-inference"))


def not_found() -> Answer:
    """Answer the router's plain 404. Not billed: nothing was begun."""
    return told("not_found", _plain_reply(404, "Not Found"))


def partner_not_found() -> Answer:
    """Miss a model as Together says it. Not billed: nothing was begun."""
    return told("partner_not_found", _object_reply(404, "Unable to access model x"))


def invalid(words: str = "width: must be a multiple of 16") -> Answer:
    """Object to a parameter, 422, with a list. Not billed: nothing was begun."""
    return told("invalid", _json_reply(422, {"error": [words]}))


def rate_limited(retry_after: int | None = None) -> Answer:
    """Answer 429. Not billed: nothing was begun."""
    answer = told("rate_limited", _error_reply(429, "Rate limit exceeded"))
    return answer if retry_after is None else with_header(answer, "retry-after", str(retry_after))


def loading(estimated_time: float | None = 20.0) -> Answer:
    """Answer that the model is not there yet, 503, with a guess of how long that takes. Not billed: nothing was begun."""
    guess = {} if estimated_time is None else {"estimated_time": estimated_time}
    return told("loading", _json_reply(503, {"error": "Model x is currently loading", **guess}))


def overloaded() -> Answer:
    """Turn everybody away for a moment, 503. Not billed: said before the request is read."""
    return told("overloaded", _error_reply(503, "Service temporarily unavailable, overload detected"))


def failed(status: int = 500) -> Answer:
    """Fail in Hugging Face's own shape. Billed: nothing says that it is not."""
    return told("failed", _error_reply(status, "Internal Server Error"), billed=True)


def _error_reply(status: int, words: str) -> Reply:
    return _json_reply(status, {"error": words})


def _object_reply(status: int, words: str) -> Reply:
    error = {"message": words, "type": "invalid_request_error", "param": None, "code": None}
    return _json_reply(status, {"error": error})


def _json_reply(status: int, body: Mapping[str, Any]) -> Reply:
    return whole_reply(status, {"content-type": "application/json"}, json.dumps(body).encode())


def _plain_reply(status: int, words: str) -> Reply:
    return whole_reply(status, {"content-type": "text/plain; charset=utf-8"}, words.encode())
