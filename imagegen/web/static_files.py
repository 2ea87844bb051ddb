"""ServeStatic, which is asynchronous alone: beside synchronous middleware it takes no step to an event loop and back."""

from collections.abc import Callable
from functools import cache
from typing import Any

from asgiref.sync import async_to_sync, iscoroutinefunction, sync_to_async
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware
from servestatic.middleware import ServeStaticMiddleware


@sync_and_async_middleware
def static_files(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    if iscoroutinefunction(get_response):
        asynchronous: Callable[[HttpRequest], Any] = ServeStaticMiddleware(get_response)
        return asynchronous

    @cache
    def served() -> Callable[[HttpRequest], HttpResponseBase]:
        # Made when it is first wanted: it looks at every file.
        return async_to_sync(ServeStaticMiddleware(sync_to_async(get_response)))

    def answer(request: HttpRequest) -> HttpResponseBase:
        respond = served() if request.path_info.startswith(settings.STATIC_URL) else get_response
        return respond(request)

    return answer
