"""What a new form begins with: choices of one's own, or what was chosen last, which the browser keeps."""

import json
from collections.abc import Mapping

from django.http import HttpRequest, HttpResponse

from imagegen import texts
from imagegen.models import DefaultChoices
from imagegen.states import Visibility

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


def of_row(row: DefaultChoices) -> dict[str, object]:
    """Return a person's own choices as values of the form's fields."""
    maker = f"{row.provider}/{row.model}" if row.provider else ""
    values = {"maker": maker, "size": row.size, "style": row.style, "quality": row.quality, "n": str(row.n)}
    return {**values, "publish": row.visibility == Visibility.PUBLIC}


def keep(answer: HttpResponse, values: Mapping[str, str]) -> None:
    """Let the browser remember what was chosen."""
    chosen = _fit(values)
    answer.set_cookie(COOKIE, json.dumps(chosen), max_age=SECONDS, httponly=True, samesite="Lax")


def _fit(values: Mapping[str, object]) -> dict[str, str]:
    given = {name: values[name] for name in KEPT if name in values}
    return {name: value for name, value in given.items() if isinstance(value, str) and _is_fit(value)}


def _is_fit(value: str) -> bool:
    return len(value) <= MAX_LENGTH and not texts.fault(value)
