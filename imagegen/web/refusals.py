"""Pages for people who may not do what they tried."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from imagegen.errors import NotAllowed


class NotAllowedPage:
    """Middleware that answers NotAllowed, whichever page raised it, with a sentence instead of a server error."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, NotAllowed):
            return None
        return render(request, "imagegen/message.html", {"heading": "Not allowed", "text": str(error)}, status=403)
