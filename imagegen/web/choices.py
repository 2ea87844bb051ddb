"""What somebody chose last in the compose form, kept by their browser."""

import json
from collections.abc import Mapping

from django.http import HttpRequest, HttpResponse

from imagegen import texts

COOKIE = "choices"
KEPT = ("maker", "size", "style", "quality", "n")
MAX_LENGTH = 200
SECONDS = 365 * 24 * 3600


def last(request: HttpRequest) -> dict[str, str]:
    """Return the values of the form's fields as they were last; nothing where the browser keeps none that can be read."""
    try:
        found = json.loads(request.COOKIES.get(COOKIE, ""))
    except (ValueError, RecursionError):
        return {}
    return _fit(found) if isinstance(found, dict) else {}


def keep(answer: HttpResponse, values: Mapping[str, str]) -> None:
    """Let the browser remember what was chosen."""
    chosen = _fit(values)
    answer.set_cookie(COOKIE, json.dumps(chosen), max_age=SECONDS, httponly=True, samesite="Lax")


def _fit(values: Mapping[str, object]) -> dict[str, str]:
    given = {name: values[name] for name in KEPT if name in values}
    return {name: value for name, value in given.items() if isinstance(value, str) and _is_fit(value)}


def _is_fit(value: str) -> bool:
    return len(value) <= MAX_LENGTH and not texts.fault(value)
