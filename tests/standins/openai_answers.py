"""What OpenAI's image API answers, as its document says, besides the faults of faults.py; and what servers like it say.

OpenAI does not say what of this is charged. Nothing is billed here but what moderation withholds once it is made.
"""

import json
from collections.abc import Mapping

from .deliveries import Reply
from .faults import Answer, told, with_header
from .orders import Order, whole_reply
from .painter import Painter

JSON = {"content-type": "application/json"}


def refused(stage: str | None = "input", *, code: str = "moderation_blocked") -> Answer:
    """Say no, 400, at a stage of the work, or without naming one. Billed where the picture was made already."""
    details = {"moderation_details": {"moderation_stage": stage, "categories": ["violence"]}} if stage else {}
    message = "Your request was turned down by the safety system. safety_violations=[violence]."
    reply = error_reply(400, message, kind="image_generation_user_error", code=code, details=details)
    return told(f"refused_{stage}", reply, billed=stage == "output")


def bad_request(message: str = "Invalid value for 'size'.", *, param: str = "size") -> Answer:
    """Object to a field, 400. Not billed: nothing was begun."""
    return told("bad_request", error_reply(400, message, param=param, code="invalid_value"))


def unauthorized() -> Answer:
    """Reject the key, 401. Not billed: there is no account to bill."""
    return told("unauthorized", wrong_key())


def forbidden() -> Answer:
    """Ask for the organisation to be verified, 403. Not billed: nothing was begun."""
    return told("forbidden", error_reply(403, "Your organization must be verified to use the model."))


def not_found(model: str = "gpt-image-9") -> Answer:
    """Not know the model, 404. Not billed: nothing was begun."""
    return told("not_found", no_model(model))


def rate_limited(**headers: str) -> Answer:
    """Answer 429, with headers like retry_after_ms if given. Not billed: nothing was begun."""
    message = "Rate limit reached for images per minute: limit 5, used 5."
    answer = told("rate_limited", error_reply(429, message, kind="requests", code="rate_limit_exceeded"))
    for name, value in headers.items():
        answer = with_header(answer, name.replace("_", "-"), value)
    return answer


def out_of_credit(code: str = "insufficient_quota", *, status: int = 429) -> Answer:
    """Say that the account is empty, with the status of too many calls. Not billed: there is nothing left to bill."""
    return told("out_of_credit", error_reply(status, "You exceeded your current quota.", kind=code, code=code))


def server_error(status: int = 500) -> Answer:
    """Fail as documented. Not billed here; a client cannot know that."""
    message = "The server had an error while processing your request."
    return told(f"server_error_{status}", error_reply(status, message, kind="server_error"))


def overloaded() -> Answer:
    """Have no room, 503. Not billed: nothing was begun."""
    message = "The requested model is overloaded. Please try again later."
    return told("overloaded", error_reply(503, message, kind="service_unavailable_error", code="server_is_overloaded"))


def detailed(status: int, detail: object) -> Answer:
    """Object as FastAPI does. Not billed: nothing was begun."""
    return told(f"detailed_{status}", detail_reply(status, detail))


def address(url: str = "http://127.0.0.1/pictures/1.png") -> Answer:
    """Answer 200 with an address instead of a picture. Billed: it was made."""
    body = json.dumps({"created": 1, "data": [{"url": url}]}).encode()
    return told("address", whole_reply(200, JSON, body), billed=True)


def as_data_url() -> Answer:
    """Answer 200 with the picture as a data: URL. Billed: it was made."""

    def reply(order: Order, painter: Painter) -> Reply:
        body = json.loads(order.reply(painter.draw(order)).body)
        body["data"] = [{"url": f"data:image/png;base64,{made['b64_json']}"} for made in body["data"]]
        return whole_reply(200, JSON, json.dumps(body).encode())

    return Answer("as_data_url", reply, billed=True)


def wrong_key() -> Reply:
    return error_reply(401, "Incorrect API key provided: sk-****.", code="invalid_api_key")


def no_model(model: str) -> Reply:
    return error_reply(404, f"The model '{model}' does not exist.", param="model", code="model_not_found")


def error_reply(
    status: int,
    message: str,
    *,
    kind: str = "invalid_request_error",
    param: str | None = None,
    code: str | int | None = None,
    details: Mapping[str, object] | None = None,
) -> Reply:
    """Build the documented body of an error, whose four keys are always there."""
    error = {"message": message, "type": kind, "param": param, "code": code, **(details or {})}
    return whole_reply(status, JSON, json.dumps({"error": error}).encode())


def detail_reply(status: int, detail: object) -> Reply:
    """Build what FastAPI makes of a request that it does not accept."""
    return whole_reply(status, JSON, json.dumps({"detail": detail}).encode())
