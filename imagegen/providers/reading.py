"""What answers of providers have in common, and how to read it: never an exception for what a server may say."""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from imagegen import errors
from imagegen.states import Charged

# Of what a server says of an error, in characters.
MAX_SAID = 500


def json_object(body: bytes) -> dict[str, Any]:
    """Return the object that a body holds; an empty one where it holds anything else."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def sentence(text: object) -> str:
    """Return what a server says as one line that ends without a full stop, so that it fits into a sentence."""
    return " ".join(str(text).split())[:MAX_SAID].rstrip(".") if text else ""


def wrong_fields(detail: list[Any]) -> str:
    """Return what FastAPI says of a request whose fields are wrong, as one line: `width: must be a multiple of 8`."""
    faults = [fault for fault in detail if isinstance(fault, dict)]
    return sentence("; ".join(f"{_field(fault.get('loc'))}: {fault.get('msg')}" for fault in faults))


def _field(place: object) -> str:
    return str(place[-1]) if isinstance(place, list) and place else "request"


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
