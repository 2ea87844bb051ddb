"""Answers a test can script: the documented ones first, then the faults nobody documents.

Each answer knows whether it is billed. Stability states that failed generations are free, so a documented
error bills nothing. Where a picture was made it is billed, however badly it then travels: the provider
did the work, and a client that buys it again pays twice.
"""

import base64
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from . import stability_delivery as delivery
from . import stability_pictures as pictures
from .stability_delivery import Delivery, Reply
from .stability_limits import ERROR_STATUSES, Order
from .stability_pictures import Painter

HTML_PAGE = b"<!doctype html><title>Gateway</title><h1>Something between us and you has failed</h1>"


@dataclass(frozen=True)
class Answer:
    """What one call gets: a reply, the way it travels, and what it costs."""

    name: str
    reply: Callable[[Order, Painter], Reply]
    billed: bool
    deliver: Delivery = delivery.whole
    delay: float | None = None
    """Seconds before the answer; None means as long as the stand-in takes for a picture."""
    shows_status: bool = True
    """False where the client never sees so much as a status line."""

    def after(self, seconds: float) -> Self:
        """Return the same answer, given after that many seconds."""
        return replace(self, delay=seconds)


def success(delay: float | None = None) -> Answer:
    """Make the picture. Billed."""
    return Answer("success", _picture_reply, billed=True, delay=delay)


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
    return answer if retry_after is None else _with_header(answer, "retry-after", str(retry_after))


def internal_error() -> Answer:
    """Answer the documented 500. Not billed: failed generations are free."""
    return error("internal_error", "the picture could not be made")


def error(name: str, *errors: str) -> Answer:
    """Answer a documented error at once, without the delay of a picture."""
    return Answer(name, lambda _order, _painter: error_reply(name, *errors), billed=False, delay=0)


def html(status: int, *, billed: bool = True) -> Answer:
    """Answer with a gateway's page, under 200 too.

    Billed unless told otherwise: the gateway may have lost a picture that was made, and a client must fear
    that. `billed=False` is the gateway that never passed the request on; the client cannot tell.
    """
    return Answer("html", lambda _order, _painter: _html_reply(status), billed=billed)


def wrong_type() -> Answer:
    """Call plain text a picture. Billed: a 200 says that one was made."""
    return _damaged("wrong_type", lambda _png: b"this is not a picture")


def empty() -> Answer:
    """Answer 200 with a picture of no bytes. Billed: a 200 says that one was made."""
    return _damaged("empty", lambda _png: b"")


def bad_crc() -> Answer:
    """Send a PNG, whatever was asked for, with a wrong checksum over its pixels. Billed: it was made."""
    return _damaged("bad_crc", pictures.break_checksum)


def missing_iend() -> Answer:
    """Send a PNG, whatever was asked for, without its last chunk. Billed: it was made."""
    return _damaged("missing_iend", pictures.cut_end_chunk)


def bomb() -> Answer:
    """Send a small PNG that claims an enormous picture. Billed: a 200 says that one was made."""
    return _damaged("bomb", lambda _png: pictures.bomb())


def truncated() -> Answer:
    """Close after half of the declared body. Billed: the picture was made and half of it sent."""
    return _badly_delivered("truncated", delivery.cut_short)


def lying_length() -> Answer:
    """Declare half of the body's true length. Billed: the whole picture was even sent."""
    return _badly_delivered("lying_length", delivery.understated)


def endless() -> Answer:
    """Never finish the body; stops when the client goes. Billed: the body begins with the picture."""
    return _badly_delivered("endless", delivery.endless(None))


def huge(declared_length: int = 1 << 31) -> Answer:
    """Declare and send far too much. Billed: the body begins with the picture."""
    return _badly_delivered("huge", delivery.endless(declared_length))


def drip(bytes_per_second: float) -> Answer:
    """Send a good picture slowly. Billed: it was made before its first byte went out."""
    return _badly_delivered("drip", delivery.dripped(bytes_per_second))


def drip_headers(bytes_per_second: float) -> Answer:
    """Send the headers slowly. Billed: they report the seed of a picture that was made."""
    return _badly_delivered("drip_headers", delivery.dripped_headers(bytes_per_second))


def reset_in_headers() -> Answer:
    """Reset in mid-header. Billed: the headers report a picture that was made."""
    return _badly_delivered("reset_in_headers", delivery.reset_in_headers)


def reset_in_body() -> Answer:
    """Reset in mid-picture. Billed: the picture was made."""
    return _badly_delivered("reset_in_body", delivery.reset_in_body)


def reset_before_headers(*, billed: bool = True) -> Answer:
    """Reset before the first byte. Billed unless told otherwise: the picture is lost after it was made."""
    return _unanswered("reset_before_headers", delivery.reset_before_headers, billed=billed)


def hang_up(*, billed: bool = True) -> Answer:
    """Close in good order before the first byte. Billed unless told otherwise, as with a reset."""
    return _unanswered("hang_up", delivery.hung_up, billed=billed)


def silence(seconds: float = 3600, *, billed: bool = True) -> Answer:
    """Accept, then never answer; close after so many seconds.

    Billed unless told otherwise: a client that gives up cannot know that the picture was not made.
    """
    return _unanswered("silence", delivery.silent(seconds), billed=billed)


def error_reply(name: str, *errors: str) -> Reply:
    """Build the documented error body; the rate limit's id is its name, every other id is drawn."""
    identity = name if name == "rate_limit_exceeded" else uuid.uuid4().hex
    body = json.dumps({"id": identity, "name": name, "errors": errors}).encode()
    return _reply(ERROR_STATUSES[name], {"content-type": "application/json"}, body)


def _damaged(name: str, damage: Callable[[bytes], bytes]) -> Answer:
    def reply(order: Order, painter: Painter) -> Reply:
        png = painter.draw(replace(order, output_format="png"))
        return _generated(order, damage(png), "SUCCESS")

    return Answer(name, reply, billed=True)


def _badly_delivered(name: str, deliver: Delivery) -> Answer:
    return Answer(name, _picture_reply, billed=True, deliver=deliver)


def _unanswered(name: str, deliver: Delivery, *, billed: bool) -> Answer:
    return Answer(name, _picture_reply, billed=billed, deliver=deliver, shows_status=False)


def _with_header(answer: Answer, name: str, value: str) -> Answer:
    def reply(order: Order, painter: Painter) -> Reply:
        plain = answer.reply(order, painter)
        return replace(plain, headers={**plain.headers, name: value})

    return replace(answer, reply=reply)


def _picture_reply(order: Order, painter: Painter) -> Reply:
    return _generated(order, painter.draw(order), "SUCCESS")


def _filtered_reply(order: Order, painter: Painter) -> Reply:
    return _generated(order, painter.blur(order), "CONTENT_FILTERED")


def _generated(order: Order, picture: bytes, finish_reason: str) -> Reply:
    kind = f"image/{order.output_format}"
    if order.wants_json:
        encoded = base64.b64encode(picture).decode()
        body = json.dumps({"image": encoded, "finish_reason": finish_reason, "seed": order.seed})
        return _reply(200, {"content-type": f"application/json; type={kind}"}, body.encode())
    headers = {"content-type": kind, "finish-reason": finish_reason, "seed": str(order.seed)}
    return _reply(200, headers, picture)


def _html_reply(status: int) -> Reply:
    return _reply(status, {"content-type": "text/html; charset=utf-8"}, HTML_PAGE)


def _reply(status: int, headers: dict[str, str], body: bytes) -> Reply:
    always = {"x-request-id": uuid.uuid4().hex, "content-length": str(len(body))}
    return Reply(status, headers | always, body)
