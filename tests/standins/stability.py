"""A stand-in for Stability AI's REST v2beta text-to-image service, with a bill of its own.

    with StabilityStandIn() as stability:
        stability.when("a fox", rate_limited(), success())
        ...  # point the product at stability.url
        assert stability.bill == 3

It checks every request against stability_v2beta.json and answers the documented error where one is broken.
By hand: python -m tests.standins.stability --port 9000 --delay 2 --picture-bytes 1470000
"""

import argparse
import json
import threading

from . import stability_limits as limits
from .deliveries import Reply
from .faults import (
    Answer,
    bad_crc,
    bomb,
    drip,
    drip_headers,
    empty,
    endless,
    hang_up,
    html,
    huge,
    lying_length,
    missing_iend,
    reset_before_headers,
    reset_in_body,
    reset_in_headers,
    silence,
    success,
    truncated,
    wrong_type,
)  # fmt: skip
from .http_server import Request
from .orders import Objection, whole_reply
from .stability_answers import (
    bad_request,
    error,
    error_reply,
    filtered,
    internal_error,
    invalid_language,
    not_found,
    out_of_credit,
    public_figure,
    rate_limited,
    refused,
    too_large,
    unauthorized,
)  # fmt: skip
from .standin import Call, StandIn

__all__ = [
    "Answer",
    "Call",
    "StabilityStandIn",
    "bad_crc",
    "bad_request",
    "bomb",
    "drip",
    "drip_headers",
    "empty",
    "endless",
    "error",
    "filtered",
    "hang_up",
    "html",
    "huge",
    "internal_error",
    "invalid_language",
    "lying_length",
    "missing_iend",
    "not_found",
    "out_of_credit",
    "public_figure",
    "rate_limited",
    "refused",
    "reset_before_headers",
    "reset_in_body",
    "reset_in_headers",
    "silence",
    "success",
    "too_large",
    "truncated",
    "unauthorized",
    "wrong_type",
]


class StabilityStandIn(StandIn):
    """The v2beta, and the account's balance, which v1 tells."""

    provider = "stability"
    variable = "STABILITY_API_HOST"
    largest_body = limits.LARGEST_BODY
    # What the account has left, in credits.
    balance = 1000.0

    def order(self, request: Request) -> limits.FormOrder:
        try:
            return limits.order(request, key=self.key)
        except limits.Violation as violation:
            reply = error_reply(violation.name, *violation.errors)
            raise Objection(reply, prompt=violation.prompt, fields=violation.fields) from violation

    def aside(self, request: Request) -> Reply | None:
        if request.path != "/v1/user/balance":
            return None
        if request.headers.get("authorization") != f"Bearer {self.key}":
            body = {"id": "1", "name": "unauthorized", "message": "missing authorization header"}
            return whole_reply(401, {"content-type": "application/json"}, json.dumps(body).encode())
        return whole_reply(200, {"content-type": "application/json"}, json.dumps({"credits": self.balance}).encode())


def main() -> None:
    """Serve until Ctrl-C, then print the bill."""
    parser = argparse.ArgumentParser(description="A local stand-in for Stability AI's REST v2beta.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--key", default="sk-test", help="the key it accepts")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds each picture takes")
    parser.add_argument("--picture-bytes", type=int, help="about how large each PNG is")
    options = parser.parse_args()
    with StabilityStandIn(options.key, options.delay, options.picture_bytes, port=options.port) as stability:
        print(stability.url, flush=True)
        _wait_for_interrupt()
        print(f"{len(stability.calls)} calls, {stability.bill} credits")


def _wait_for_interrupt() -> None:
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print()


if __name__ == "__main__":
    main()
