"""Pages on which a person says how one gets in: no program that speaks for them with a token may."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse

from imagegen.errors import NotAllowed


def in_person(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Return the view as people see it, and nobody's programs."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **words: Any) -> HttpResponse:
        if hasattr(request, "by_token"):
            raise NotAllowed("A token does not open one's account: sign in for that.")
        return view(request, *args, **words)

    return answer
