"""The buttons on cards and batches: each sends one decision and leads back to the page it was on."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from imagegen import decisions
from imagegen.errors import Conflict
from imagegen.states import Decision


@require_POST
def on_job(request: HttpRequest, job_id: str, decision: str) -> HttpResponse:
    """Carry out a decision about one picture, unless it has moved on since the page was made."""
    fence = request.POST.get("fence", "")
    seen = int(fence) if fence.isascii() and fence.isdigit() else None
    try:
        if not decisions.on_job(Decision(decision), UUID(job_id), viewer=request.user, fence=seen):
            raise Http404("No such job.")
    except Conflict as error:
        messages.warning(request, str(error))
    return redirect(f"{came_from(request)}#card-{job_id}")


@require_POST
def on_batch(request: HttpRequest, batch_id: str, decision: str) -> HttpResponse:
    """Carry out a decision about every picture of a batch that it fits."""
    changed = decisions.on_batch(Decision(decision), UUID(batch_id), viewer=request.user)
    if changed is None:
        raise Http404("No such batch.")
    if not changed:
        messages.warning(request, "Nothing was changed: every picture is past that by now.")
    return redirect(reverse("batch", args=[batch_id]))


def came_from(request: HttpRequest, *, otherwise: str = "compose") -> str:
    """Return the page on this site that somebody came from, or the one of this name."""
    page = request.POST.get("next", "")
    # What does not begin with a slash, `redirect` would take for the name of a page.
    is_ours = page.startswith("/") and url_has_allowed_host_and_scheme(page, allowed_hosts=None)
    return page if is_ours else reverse(otherwise)
