"""Pictures of many batches on one page: everybody's published ones, and one's own."""

from uuid import UUID

from django.contrib.auth.views import redirect_to_login
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from imagegen import accounts, addresses, gallery, queries
from imagegen.gallery import Search
from imagegen.models import PUBLISHED, Job

ON_A_PAGE = 48
MAX_WORDS = 200


@require_safe
def public(request: HttpRequest) -> HttpResponse:
    """Show what people published, the newest first."""
    found = gallery.find(Search(words=_words(request)), request.user).filter(PUBLISHED)
    return _page(request, found, heading="Gallery", mine=False, empty="Nobody has published a picture yet.")


@require_safe
def mine(request: HttpRequest) -> HttpResponse:
    """Show everything that this person asked for, the newest first, whatever became of it."""
    if not accounts.may_submit(request.user):
        return redirect_to_login(request.get_full_path())
    found = gallery.find(Search(words=_words(request), state=gallery.ANY), request.user)
    theirs = found.filter(accounts.is_theirs(request.user))
    return _page(request, theirs, heading="History", mine=True, empty="You have not asked for a picture yet.")


def _words(request: HttpRequest) -> str:
    return request.GET.get("q", "").replace("\x00", "").strip()[:MAX_WORDS]


def _page(request: HttpRequest, found: QuerySet[Job], *, heading: str, mine: bool, empty: str) -> HttpResponse:
    jobs = gallery.after(found, _place(request), most=ON_A_PAGE + 1)
    shown = [str(job.pk) for job in jobs[:ON_A_PAGE]]
    words = _words(request)
    more = {**({"q": words} if words else {}), "after": shown[-1]} if len(jobs) > ON_A_PAGE else {}
    context = {
        "heading": heading,
        "mine": mine,
        "cards": queries.cards(shown, request.user, base_url=addresses.base_url(request)),
        "words": words,
        "empty": "No picture has all of these words in its prompt." if words else empty,
        "more": urlencode(more),
    }
    return render(request, "imagegen/pictures.html", context)


def _place(request: HttpRequest) -> UUID | None:
    """Return the picture after which to go on; None where the address names none."""
    try:
        return UUID(request.GET.get("after", ""))
    except ValueError:
        return None
