"""What a person thinks of pictures: the heart, the stars and the tags."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from imagegen import marks
from imagegen.errors import BadSubmission
from imagegen.web.decide import came_from

YES = "yes"


@require_POST
def favour(request: HttpRequest, job_id: str) -> HttpResponse:
    """Make a picture a favourite, or not any more."""
    is_favourite = request.POST.get("favourite") == YES
    return _back(request, job_id, marks.favour(UUID(job_id), request.user, is_favourite=is_favourite))


@require_POST
def rate(request: HttpRequest, job_id: str) -> HttpResponse:
    """Give a picture its stars; the same number once more takes them away."""
    said = request.POST.get("rating", "")
    stars = int(said) if said.isascii() and said.isdigit() and len(said) < 3 else 0
    return _back(request, job_id, marks.rate(UUID(job_id), request.user, stars))


@require_POST
def retag(request: HttpRequest, job_id: str) -> HttpResponse:
    """Let a picture have these tags and no others."""
    try:
        seen = marks.retag(UUID(job_id), request.user, marks.tags_in(request.POST.get("tags", "")))
    except BadSubmission as error:
        messages.error(request, f"Tags {error}.")
        # The message stands where the page begins.
        return redirect(came_from(request).partition("#")[0])
    return _back(request, job_id, seen)


def _back(request: HttpRequest, job_id: str, is_seen: bool) -> HttpResponse:
    if not is_seen:
        raise Http404("No such picture.")
    page = came_from(request)
    return redirect(page if "#" in page else f"{page}#card-{job_id}")
