"""An authenticator app in a few lines (RFC 6238), which shares none with the product."""

import base64
import hashlib
import hmac
import time

STEP_SECONDS = 30
ENOUGH_SECONDS = 10


def code(secret: str, *, steps_ago: int = 0) -> str:
    """Return what the app shows, and will go on to show for long enough to type it."""
    if (left := STEP_SECONDS - time.time() % STEP_SECONDS) < ENOUGH_SECONDS:
        time.sleep(left)
    counter = int(time.time()) // STEP_SECONDS - steps_ago
    digest = hmac.new(base64.b32decode(secret), counter.to_bytes(8), hashlib.sha1).digest()
    start = digest[-1] & 0xF
    number = int.from_bytes(digest[start : start + 4]) & 0x7FFFFFFF
    return f"{number % 10**6:06}"
