"""Errors as `application/problem+json` (RFC 9457), each naming the field and the item that it is about."""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import TemplateHTMLRenderer
from rest_framework.views import exception_handler

from imagegen import prompts
from imagegen.errors import BadSubmission, Conflict, NotAllowed, Problem, WriterFailed

TYPE = "application/problem+json"


def in_field(field: str, message: str) -> BadSubmission:
    """Return the error for a body or address that cannot be read, with the field it is about."""
    return BadSubmission([Problem(field, message)])


def answer(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """Shape any error that a view raises, as a page for those who asked for one; None, a 500, where nobody foresaw it."""
    status, headers, detail = 400, dict[str, str](), str(error)
    more: dict[str, object] = {}
    match error:
        case BadSubmission(problems=problems):
            detail = "; ".join(_sentence(each) for each in problems)
            more["errors"] = [_entry(each) for each in problems]
        case Conflict():
            status = 409
        case NotAllowed():
            status = 401
        case WriterFailed(writer=writer, code=code):
            # Whoever asks decides whether somebody else is to write.
            status, more = 502, {"code": code, "writer": writer, "offered": prompts.instead_of(writer) or None}
        case ValidationError(detail=dict() as fields):
            faults = [Problem(name, str(text)) for name, texts in fields.items() for text in texts]
            return answer(BadSubmission(faults), context)
        case _ if response := exception_handler(error, context):
            status, headers, detail = response.status_code, dict(response.items()), str(getattr(error, "detail", error))
        case _:
            return None
    if isinstance(getattr(context["request"], "accepted_renderer", None), TemplateHTMLRenderer):
        page = {"heading": HTTPStatus(status).phrase, "text": detail}
        return render(context["request"], "imagegen/message.html", page, status=status)
    return problem(status, detail, headers=headers, **more)


def of_error(error: Exception) -> HttpResponse:
    """Shape an error for a view that is none of Django REST Framework's."""
    response = answer(error, {"request": None})
    if response is None:
        raise error
    return response


def no_such_door(request: HttpRequest) -> HttpResponse:
    """Answer for an address of the APIs that stands for nothing, in the form that their clients read."""
    return problem(404, "There is nothing at this address.")


def problem(status: int, detail: str, *, headers: dict[str, str] | None = None, **more: object) -> JsonResponse:
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    kept = {name: value for name, value in (headers or {}).items() if name.lower() != "content-type"}
    return JsonResponse(body, status=status, content_type=TYPE, headers=kept)


def _entry(each: Problem) -> dict[str, object]:
    entry: dict[str, object] = {"field": each.field, "message": each.message}
    if each.position is not None:
        entry["position"] = each.position
    return entry


def _sentence(each: Problem) -> str:
    where = each.field if each.position is None else f"{each.field}[{each.position}]"
    return f"{where}: {each.message}"
