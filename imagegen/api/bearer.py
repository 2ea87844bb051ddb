"""Middleware that lets a token speak for its owner, at every address: `Authorization: Bearer chaotix_…`."""

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

from imagegen import tokens
from imagegen.api import problems
from imagegen.asking import Askers
from imagegen.errors import NotAllowed

_database = Askers("bearer", 2)


@sync_and_async_middleware
def bearer(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    if not iscoroutinefunction(get_response):
        return lambda request: _sign_in(request) or get_response(request)

    async def answer(request: HttpRequest) -> Any:
        if "Authorization" in request.headers and (refusal := await _database.ask(lambda: _sign_in(request))):
            return refusal
        return await get_response(request)

    return answer


def _sign_in(request: HttpRequest) -> HttpResponse | None:
    """Make the token's owner the one who asks; return an answer where the token does not count."""
    try:
        user = tokens.holder(request.headers.get("Authorization", ""))
    except NotAllowed as error:
        # OpenAI's SDKs read their own shape.
        fault = {"message": str(error), "type": "invalid_request_error", "param": None, "code": "invalid_api_key"}
        return problems.problem(401, str(error), headers={"WWW-Authenticate": "Bearer"}, error=fault)
    if user is not None:
        _speak_for(request, user)
    return None


def _speak_for(request: HttpRequest, user: AbstractBaseUser) -> None:
    async def auser() -> AbstractBaseUser:
        return user

    request.user = user  # type: ignore[assignment]
    request.auser = auser  # type: ignore[assignment]
    request.by_token = True  # type: ignore[attr-defined]
    # Another site cannot make a browser send a token; a form's secret would prove nothing more.
    request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
