"""The page of one batch's pictures."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from imagegen import accounts, addresses, queries, statements
from imagegen.progress import events_url, progress_of


@require_safe
def batch(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Show the pictures of one submission in the order asked."""
    accounts.check_may_read(request.user)
    cards = queries.batch_cards(batch_id, request.user, base_url=addresses.base_url(request))
    if cards is None:
        raise Http404("No such batch.")
    progress = progress_of(cards)
    context = {
        "heading": "Your pictures",
        "cards": cards,
        "progress": progress,
        "refresh_seconds": progress.refresh_seconds,
        "events_url": events_url(cards, batch=str(batch_id)),
        "mine": queries.is_mine(batch_id, request.user),
        "cost": statements.of_batch_so_far(batch_id) if queries.is_told_cost(batch_id, request.user) else None,
        "batch_id": batch_id,
        "is_public": queries.is_public(batch_id),
    }
    return render(request, "imagegen/results.html", context)
