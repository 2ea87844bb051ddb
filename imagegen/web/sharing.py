"""What owners do with pictures that are there, and the trash, from which they come back."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.http import require_POST, require_safe

from imagegen import accounts, addresses, exports, marks, queries, retention, sharing, streams
from imagegen.errors import BadSubmission
from imagegen.states import Wish
from imagegen.web.decide import came_from

ON_A_PAGE = 48
# As many as one batch may hold.
MAX_SELECTED = 1000
DOWNLOAD, TAG = "download", "tag"
# Where the wish is undone, or what it brought back is found.
LEADS = {Wish.DELETE: "trash", Wish.RESTORE: "history"}
DONE = {
    Wish.PUBLISH: "{} shown in the gallery now.",
    Wish.TAKE_BACK: "{} no longer shown to anybody else.",
    Wish.DELETE: f"{{}} in the {{}} now, for {retention.DAYS} days.",
    Wish.RESTORE: "{} back in your {}.",
}


@require_POST
def on_picture(request: HttpRequest, job_id: str, wish: str) -> HttpResponse:
    """Do this with one picture, and lead to where it can be undone."""
    known = Wish(wish)
    changed = sharing.on_jobs(known, [UUID(job_id)], viewer=request.user)
    if not changed and not sharing.has(UUID(job_id), request.user):
        raise Http404("No such picture.")
    _say(request, known, changed)
    return redirect("trash") if known is Wish.DELETE else redirect("image", job_id)


@require_POST
def on_batch(request: HttpRequest, batch_id: str, wish: str) -> HttpResponse:
    """Publish every picture of a batch, those that are still to come among them, or take all back."""
    changed = sharing.on_batch(Wish(wish), UUID(batch_id), viewer=request.user)
    if changed is None:
        raise Http404("No such batch.")
    _say(request, Wish(wish), changed)
    return redirect("batch", batch_id)


@require_POST
def on_selection(request: HttpRequest) -> HttpResponseBase:
    """Do this with the pictures that were ticked, or answer with all of them in one file."""
    accounts.check_may_submit(request.user)
    jobs, asked = _ticked(request), request.POST.get("wish", "")
    if not jobs:
        messages.warning(request, "Tick some pictures first.")
        return _back(request)
    if asked == DOWNLOAD:
        return streams.file(request, exports.of_jobs(jobs, request.user), name="chaotix.zip", content_type=streams.ZIP)
    if asked == TAG:
        _tag(request, jobs)
        return _back(request)
    if asked not in {*Wish}:
        raise Http404("No such wish.")
    _say(request, Wish(asked), sharing.on_jobs(Wish(asked), jobs, viewer=request.user))
    return _back(request)


@require_safe
def trash(request: HttpRequest) -> HttpResponse:
    """Show what this person threw away, the last first, with a button that brings it back."""
    if not accounts.may_submit(request.user):
        return redirect_to_login(request.get_full_path())
    thrown = sharing.trash(request.user)
    cards = queries.cards_of_jobs(thrown[:ON_A_PAGE], base_url=addresses.base_url(request))
    context = {"cards": cards, "more": max(thrown.count() - ON_A_PAGE, 0), "days": retention.DAYS}
    return render(request, "imagegen/trash.html", context)


def _ticked(request: HttpRequest) -> list[UUID]:
    try:
        return [UUID(text) for text in request.POST.getlist("job")[:MAX_SELECTED]]
    except ValueError as error:
        raise Http404("No such picture.") from error


def _back(request: HttpRequest) -> HttpResponse:
    return redirect(came_from(request, otherwise="history"))


def _tag(request: HttpRequest, jobs: list[UUID]) -> None:
    try:
        names = marks.tags_in(request.POST.get("tags", ""))
        tagged = marks.tag(jobs, request.user, names) if names else 0
    except BadSubmission as error:
        return messages.error(request, f"Tags {error}.")
    if not tagged:
        return messages.warning(request, "Write a tag first, beside the button.")
    return messages.success(request, f"{_pictures(tagged)} tagged {', '.join(names)} now.")


def _say(request: HttpRequest, wish: Wish, changed: int) -> None:
    if not changed:
        why = ": what is still being made is canceled first" if wish is Wish.DELETE else ""
        return messages.warning(request, f"Nothing was changed{why}.")
    page = LEADS.get(wish, "")
    link = format_html('<a href="{}">{}</a>', reverse(page), page) if page else ""
    return messages.success(request, format_html(DONE[wish], _pictures(changed), link))


def _pictures(count: int) -> str:
    return "1 picture is" if count == 1 else f"{count} pictures are"
