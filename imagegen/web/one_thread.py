"""Django's ASGI handler, with one step into a thread for a request whose view is synchronous.

Django takes such a step for each half of each middleware and one for the view, sixteen in all, and starts a thread for the
first: for a small POST that was a third of the time until its answer.
"""

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.base import BaseHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve


class Handler(ASGIHandler):
    """Runs all middleware beside a synchronous view; what waits in a coroutine holds no thread, as before."""

    def load_middleware(self, is_async: bool = True) -> None:
        super().load_middleware(is_async=is_async)
        self._synchronous = BaseHandler()
        self._synchronous.load_middleware()

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        if _is_synchronous(request):
            return await sync_to_async(self._synchronous.get_response)(request)
        return await super().get_response_async(request)


def _is_synchronous(request: HttpRequest) -> bool:
    """Whether no coroutine answers this: neither a view nor what serves static files.

    A page that says that there is nothing belongs to one thread above all: in a coroutine Django makes it in a thread of its
    own, which keeps its database connection for good.
    """
    try:
        return not iscoroutinefunction(resolve(request.path_info).func)
    except Resolver404:
        return not request.path_info.startswith(settings.STATIC_URL)
