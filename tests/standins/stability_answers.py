"""What Stability's v2beta answers, as its document says, besides the faults of faults.py.

Stability states that failed generations are free, so a documented error bills nothing.
"""

import json
import uuid

from .deliveries import Reply
from .faults import Answer, with_header
from .orders import Order, whole_reply
from .painter import Painter
from .stability_limits import ERROR_STATUSES, FormOrder


def filtered() -> Answer:
    """Answer 200 with a blurred picture. Billed: it counts as a successful generation."""
    return Answer("filtered", _filtered_reply, billed=True)


def refused() -> Answer:
    """Turn the prompt down, 403. Not billed: the document says so in words."""
    return error("content_moderation", "prompt: refused by content moderation; you were not charged")


def invalid_language() -> Answer:
    """Ask for English, 422. Not billed: found in the prompt, before any picture."""
    return error("invalid_language", "prompt: must be in English")


def public_figure() -> Answer:
    """Turn down a likeness, 422. Not billed: a documented failure."""
    return error("public_figure", "prompt: must not ask for the likeness of a public figure")


def bad_request(text: str = "some-field: is required") -> Answer:
    """Object to a field, 400. Not billed: nothing was begun."""
    return error("bad_request", text)


def unauthorized() -> Answer:
    """Reject the key, 401. Not billed: there is no account to bill."""
    return error("unauthorized", "authorization: invalid or missing header value")


def out_of_credit() -> Answer:
    """Answer 402. Not billed: there is nothing left to bill."""
    return error("payment_required", "credits: not enough for this request")


def not_found() -> Answer:
    """Answer 404. Not billed: nothing was begun."""
    return error("not_found", "path: nothing is served here")


def too_large() -> Answer:
    """Answer 413. Not billed: nothing was begun."""
    return error("payload_too_large", "body: must be at most 10 MiB")


def rate_limited(retry_after: int | None = None) -> Answer:
    """Answer 429, with the undocumented Retry-After if given seconds. Not billed: nothing was begun."""
    answer = error("rate_limit_exceeded", "more than 150 requests within 10 seconds: wait 60 seconds")
    return answer if retry_after is None else with_header(answer, "retry-after", str(retry_after))


def internal_error() -> Answer:
    """Answer the documented 500. Not billed: failed generations are free."""
    return error("internal_error", "the picture could not be made")


def error(name: str, *errors: str) -> Answer:
    """Answer a documented error at once, without the delay of a picture."""
    return Answer(name, lambda _order, _painter: error_reply(name, *errors), billed=False, delay=0)


def error_reply(name: str, *errors: str) -> Reply:
    """Build the documented error body; the rate limit's id is its name, every other id is drawn."""
    identity = name if name == "rate_limit_exceeded" else uuid.uuid4().hex
    body = json.dumps({"id": identity, "name": name, "errors": errors}).encode()
    return whole_reply(ERROR_STATUSES[name], {"content-type": "application/json"}, body)


def _filtered_reply(order: Order, painter: Painter) -> Reply:
    assert isinstance(order, FormOrder)
    return order.generated(painter.blur(order), "CONTENT_FILTERED")
