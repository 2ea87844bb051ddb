"""Answers that any stand-in can be told to give: a picture, and the faults that nobody documents.

Each answer knows whether it is billed. Where a picture was made it is billed, however badly it then travels: the provider
did the work, and a client that buys it again pays twice.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from . import deliveries as delivery
from . import painter as pictures
from .deliveries import Delivery, Reply
from .orders import Order, whole_reply
from .painter import Painter

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


def told(name: str, reply: Reply, *, billed: bool = False) -> Answer:
    """Answer what the protocol documents, at once, without the delay of a picture. Not billed unless told otherwise."""
    return Answer(name, lambda _order, _painter: reply, billed=billed, delay=0)


def with_header(answer: Answer, name: str, value: str) -> Answer:
    """Return the same answer with one more header."""

    def reply(order: Order, painter: Painter) -> Reply:
        plain = answer.reply(order, painter)
        return replace(plain, headers={**plain.headers, name: value})

    return replace(answer, reply=reply)


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


def _damaged(name: str, damage: Callable[[bytes], bytes]) -> Answer:
    def reply(order: Order, painter: Painter) -> Reply:
        png = painter.draw(replace(order, output_format="png"))
        return order.reply(damage(png))

    return Answer(name, reply, billed=True)


def _badly_delivered(name: str, deliver: Delivery) -> Answer:
    return Answer(name, _picture_reply, billed=True, deliver=deliver)


def _unanswered(name: str, deliver: Delivery, *, billed: bool) -> Answer:
    return Answer(name, _picture_reply, billed=billed, deliver=deliver, shows_status=False)


def _picture_reply(order: Order, painter: Painter) -> Reply:
    return order.reply(painter.draw(order))


def _html_reply(status: int) -> Reply:
    return whole_reply(status, {"content-type": "text/html; charset=utf-8"}, HTML_PAGE)
