"""The page that asks before something is done that cannot be undone, or that costs money."""

from collections.abc import Mapping, Sequence

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse


def ask(
    request: HttpRequest, question: str, sentences: Sequence[str], *, action: str, fields: Mapping[str, str], back: str
) -> HttpResponse:
    """Ask, and say what would happen; the button sends `fields` to the address `action`, and the link leads back."""
    page = {
        **admin.site.each_context(request),
        "title": f"{question}?",
        "question": question,
        "sentences": sentences,
        "action": action,
        "fields": fields,
        "back": back,
    }
    return TemplateResponse(request, "admin/imagegen/confirm.html", page)
