"""A stand-in for Stability AI's REST v1 with its one engine, SDXL 1.0, and a bill of its own.

It checks every request against what v1 documents and answers the documented error where a rule is broken.
"""

import base64
import json
import math
import random
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .deliveries import Reply
from .faults import Answer, told, with_header
from .http_server import Request
from .orders import Objection, Order, whole_reply
from .painter import Painter
from .standin import StandIn

ENGINE = "stable-diffusion-xl-1024-v1-0"
# Its price is not documented.
CREDITS = 1.0
LARGEST_SEED = 4_294_967_295
SIZES = {
    (1024, 1024), (1152, 896), (1216, 832), (1344, 768), (1536, 640), (640, 1536), (768, 1344), (832, 1216), (896, 1152),
}  # fmt: skip
STYLES = (
    "enhance", "anime", "photographic", "digital-art", "comic-book", "fantasy-art", "line-art", "analog-film",
    "neon-punk", "isometric", "low-poly", "origami", "modeling-compound", "cinematic", "3d-model", "pixel-art",
    "tile-texture",
)  # fmt: skip
SAMPLERS = (
    "DDIM", "DDPM", "K_DPMPP_2M", "K_DPMPP_2S_ANCESTRAL", "K_DPM_2", "K_DPM_2_ANCESTRAL", "K_EULER",
    "K_EULER_ANCESTRAL", "K_HEUN", "K_LMS",
)  # fmt: skip
GUIDANCES = ("NONE", "FAST_BLUE", "FAST_GREEN", "SIMPLE", "SLOW", "SLOWER", "SLOWEST")
# Pictures are drawn so much smaller than asked for, in their ratio: nobody looks at them.
SHRUNK = 16


@dataclass(frozen=True)
class V1Order(Order):
    """A request that keeps every rule."""

    wants_json: bool
    samples: int

    def reply(self, picture: bytes) -> Reply:
        return self.generated(picture, "SUCCESS")

    def generated(self, picture: bytes, finish_reason: str) -> Reply:
        """Hand over the picture; where several are asked for, it comes several times."""
        if not self.wants_json:
            headers = {"content-type": "image/png", "finish-reason": finish_reason, "seed": str(self.seed)}
            return whole_reply(200, headers, picture)
        encoded = base64.b64encode(picture).decode()
        artifacts = [
            {"base64": encoded, "seed": self.seed + number, "finishReason": finish_reason} for number in range(self.samples)
        ]
        return _json_reply(200, {"artifacts": artifacts})


class StabilityV1StandIn(StandIn):
    """The engine, the list of engines, the account and its balance."""

    provider = "stability-v1"
    variable = "STABILITY_V1_HOST"
    # What the account has left, in credits.
    balance = 1000.0
    # The one that the account belongs to; another may not be named.
    organization = "org-123"

    def order(self, request: Request) -> V1Order:
        self._check_sender(request)
        content = _content(request)
        faults = list(_faults(content, request.headers.get("accept", "application/json")))
        if faults:
            name, message = faults[0]
            raise Objection(error_reply(400, name, message), prompt=_prompt(content), fields=content)
        return _order(request, content)

    def aside(self, request: Request) -> Reply | None:
        answers: dict[str, Any] = {
            "/v1/user/balance": {"credits": self.balance},
            "/v1/user/account": self._account(),
            "/v1/engines/list": [{"id": ENGINE, "name": "SDXL 1.0", "description": "A stand-in", "type": "PICTURE"}],
        }
        if request.path not in answers:
            return None
        if request.method != "GET":
            return error_reply(404, "not_found", "nothing is served here")
        return self._stranger(request) or _json_reply(200, answers[request.path])

    def _account(self) -> dict[str, Any]:
        organization = {"id": self.organization, "name": "Somebody", "role": "ADMIN", "is_default": True}
        return {"id": "user-1", "email": "a@example.com", "organizations": [organization], "profile_picture": ""}

    def _check_sender(self, request: Request) -> None:
        """Look at everything before the body."""
        engine = re.fullmatch("/v1/generation/([^/]+)/text-to-image", request.path)
        if engine is None or request.method != "POST":
            raise Objection(error_reply(404, "not_found", "nothing is served here"))
        if reply := self._stranger(request):
            raise Objection(reply)
        if engine[1] != ENGINE:
            raise Objection(error_reply(404, "not_found", f"The specified engine (ID {engine[1]}) was not found."))

    def _stranger(self, request: Request) -> Reply | None:
        """Return what answers somebody without the key, or with an organization that is not his."""
        if request.headers.get("authorization") != f"Bearer {self.key}":
            return error_reply(401, "unauthorized", "missing authorization header")
        if request.headers.get("organization", self.organization) != self.organization:
            return error_reply(403, "permission_denied", "you do not belong to this organization")
        return None


def refused() -> Answer:
    """Turn the prompt down for its words, 400. Not billed: before any picture."""
    return _error(400, "invalid_prompts", "One or more prompts contains filtered words.")


def bad_request(text: str = "cfg_scale: must be between 0 and 35") -> Answer:
    """Object to a field, 400. Not billed: nothing was begun."""
    return _error(400, "bad_request", text)


def unauthorized() -> Answer:
    """Reject the key, 401. Not billed: there is no account to bill."""
    return _error(401, "unauthorized", "missing authorization header")


def permission_denied() -> Answer:
    """Let this key not do that, 403. Not billed: nothing was begun."""
    return _error(403, "permission_denied", "you lack the necessary permissions")


def out_of_credit(status: int = 402) -> Answer:
    """Say that too little is left. Not billed: there is nothing left to bill."""
    text = "Your organization does not have enough balance to request this action"
    return _error(status, "insufficient_balance", text)


def not_found() -> Answer:
    """Know no such engine, 404. Not billed: nothing was begun."""
    return _error(404, "not_found", f"The specified engine (ID {ENGINE}) was not found.")


def rate_limited(retry_after: int | None = None) -> Answer:
    """Answer 429, with the undocumented Retry-After if given seconds. Not billed: nothing was begun."""
    answer = _error(429, "rate_limit_exceeded", "more than 150 requests within 10 seconds")
    return answer if retry_after is None else with_header(answer, "retry-after", str(retry_after))


def server_error() -> Answer:
    """Answer the documented 500. Billed: v1 does not say that it is free, and a client must fear that it is not."""
    reply = error_reply(500, "server_error", "an unexpected server error has occurred, please try again")
    return told("server_error", reply, billed=True)


def filtered() -> Answer:
    """Answer 200 with a blurred picture. Billed: it counts as a successful generation."""
    return Answer("filtered", lambda order, painter: _made(order, painter.blur(order), "CONTENT_FILTERED"), billed=True)


def failed() -> Answer:
    """Answer 200 and say in it that there was an error. Billed: nothing says that it is free."""
    return Answer("failed", _failed_reply, billed=True)


def error_reply(status: int, name: str, message: str) -> Reply:
    return _json_reply(status, {"id": uuid.uuid4().hex, "name": name, "message": message})


def _error(status: int, name: str, message: str) -> Answer:
    return told(name, error_reply(status, name, message))


def _failed_reply(order: Order, painter: Painter) -> Reply:
    return _made(order, painter.draw(order), "ERROR")


def _made(order: Order, picture: bytes, finish_reason: str) -> Reply:
    assert isinstance(order, V1Order)
    return order.generated(picture, finish_reason)


def _json_reply(status: int, content: object) -> Reply:
    return whole_reply(status, {"content-type": "application/json"}, json.dumps(content).encode())


def _content(request: Request) -> dict[str, Any]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Objection(error_reply(400, "bad_request", "content-type: must be application/json"))
    if request.too_large:
        raise Objection(error_reply(400, "bad_request", "body: is too large"))
    try:
        content = json.loads(request.body)
    except ValueError as error:
        raise Objection(error_reply(400, "bad_request", "body: must be JSON")) from error
    if not isinstance(content, dict):
        raise Objection(error_reply(400, "bad_request", "body: must be an object"))
    return content


def _faults(content: Mapping[str, Any], accept: str) -> Iterator[tuple[str, str]]:
    """Yield name and message of each documented error that the request earns."""
    if accept not in ("application/json", "image/png"):
        yield "bad_request", "accept: must be application/json or image/png"
    if "text_prompts" not in content:
        yield "bad_request", "text_prompts: is required"
    for name, value in content.items():
        if name not in RULES:
            yield "bad_request", f"{name}: is not a field of this endpoint"
        elif not RULES[name](value):
            yield ("invalid_samples" if name == "samples" else "bad_request"), f"{name}: must be otherwise"
    if accept == "image/png" and content.get("samples", 1) != 1:
        yield "invalid_samples", "samples: must be 1 when a picture is asked for"
    if (content.get("width", 512), content.get("height", 512)) not in SIZES:
        yield "invalid_height_or_width", "width and height: must be one of the sizes of this engine"


def _is_between(least: float, most: float) -> Callable[[Any], bool]:
    return lambda value: _is_number(value) and least <= value <= most


def _is_whole(least: int, most: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and least <= value <= most


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_side(value: object) -> bool:
    return type(value) is int and value >= 128 and value % 64 == 0


def _are_prompts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_prompt, value))


def _is_prompt(value: object) -> bool:
    if not isinstance(value, dict) or not {"text"} <= set(value) <= {"text", "weight"}:
        return False
    text = value["text"]
    return isinstance(text, str) and 0 < len(text) <= 2000 and _is_number(value.get("weight", 1))


RULES: dict[str, Callable[[Any], bool]] = {
    "text_prompts": _are_prompts,
    "cfg_scale": _is_between(0, 35),
    "clip_guidance_preset": GUIDANCES.__contains__,
    "sampler": SAMPLERS.__contains__,
    "samples": _is_whole(1, 10),
    "seed": _is_whole(0, LARGEST_SEED),
    "steps": _is_whole(10, 50),
    "style_preset": STYLES.__contains__,
    "width": _is_side,
    "height": _is_side,
    "extras": lambda value: isinstance(value, dict),
}


def _prompt(content: Mapping[str, Any]) -> str:
    """Return the first prompt, of whatever the request holds."""
    prompts = content.get("text_prompts")
    first = prompts[0] if isinstance(prompts, list) and prompts else None
    return str(first.get("text", "")) if isinstance(first, dict) else ""


def _order(request: Request, content: Mapping[str, Any]) -> V1Order:
    samples = content.get("samples", 1)
    return V1Order(
        path=request.path,
        fields=content,
        prompt=_prompt(content),
        seed=content.get("seed") or random.randint(1, LARGEST_SEED - samples),
        size=(content["width"] // SHRUNK, content["height"] // SHRUNK),
        output_format="png",
        credits=CREDITS * samples,
        wants_json=request.headers.get("accept") != "image/png",
        samples=samples,
    )
