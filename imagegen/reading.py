"""What answers of providers have in common, and how to read it: never an exception for what a server may say."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from imagegen import errors
from imagegen.states import Charged

# Of what a server says of an error, in characters.
MAX_SAID = 500
# JSON may hold any number, and no call takes so many tokens.
MAX_TOKENS = 1_000_000_000


def json_object(body: bytes) -> dict[str, Any]:
    """Return the object that a body holds; an empty one where it holds anything else."""
    found = json_value(body)
    return found if isinstance(found, dict) else {}


def json_value(body: bytes) -> Any:
    """Return what a body holds; None where it is not JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def sentence(text: object) -> str:
    """Return what a server says as one line that ends without a full stop, so that it fits into a sentence."""
    return " ".join(str(text).split())[:MAX_SAID].rstrip(".") if text else ""


def wrong_fields(detail: list[Any]) -> str:
    """Return what FastAPI says of a request whose fields are wrong, as one line: `width: must be a multiple of 8`."""
    faults = [fault for fault in detail if isinstance(fault, dict)]
    return sentence("; ".join(f"{_field(fault.get('loc'))}: {fault.get('msg')}" for fault in faults))


def _field(place: object) -> str:
    return str(place[-1]) if isinstance(place, list) and place else "request"


def counts(told: object, *names: str) -> dict[str, int]:
    """Return those of these numbers of tokens that an answer tells."""
    found = {name: told.get(name) for name in names} if isinstance(told, dict) else {}
    return {name: count for name, count in found.items() if type(count) is int and 0 <= count <= MAX_TOKENS}


def picture(text: object) -> bytes:
    """Return a picture out of base64, with or without `data:image/png;base64,` before it. Raises BadAnswer."""
    try:
        return base64.b64decode(str(text).rpartition(",")[2], validate=True)
    except (ValueError, binascii.Error) as error:
        raise no_picture() from error


def no_picture() -> errors.BadAnswer:
    """Return what to raise where an answer says that it worked and has no picture."""
    return errors.BadAnswer("The provider answered 200 without a picture. It may have been paid.", charged=Charged.UNKNOWN)


def wait_seconds(headers: Mapping[str, str], default: float) -> float:
    """Return how long a server asks to be left alone, in any of the ways to say it; `default` where it does not."""
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        text = headers.get(name, "")
        # As a float any number of digits has a value.
        if text.isascii() and text.isdigit() and float(text):
            return float(text) / unit
    try:
        until = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return default
    return max((until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds(), 0) or default


def key_fault(key: str, name: str) -> str | None:
    """Return a sentence that says why no header can hold this key, or None; `name` is how people know the setting.

    Anything but visible ASCII fits in no header, and the exception that says so would show the key.
    """
    if not key:
        return f"{name} is not set"
    return None if re.fullmatch(r"[!-~]+", key) else f"{name} holds characters that no key has"
