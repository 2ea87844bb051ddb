"""The pages: compose, and the pictures of one batch."""

import hashlib
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from imagegen import accounts, addresses, queries, submission
from imagegen.errors import BadSubmission
from imagegen.providers import registry
from imagegen.web.forms import ComposeForm


@require_http_methods(["GET", "HEAD", "POST"])
def compose(request: HttpRequest) -> HttpResponse:
    """Show the form; a good one leads to the page of its pictures."""
    form = ComposeForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            made = submission.submit(form.items(), viewer=request.user, source="compose", key=_key(request, form))
        except BadSubmission as error:
            form.show(error.problems)
        else:
            return redirect("batch", made.batch)
    return render(request, "imagegen/compose.html", _context(request, form), status=400 if form.errors else 200)


@require_safe
def batch(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Show the pictures of one submission in the order asked."""
    accounts.check_may_read(request.user)
    cards = queries.batch_cards(batch_id, request.user, base_url=addresses.base_url(request))
    if cards is None:
        raise Http404("No such batch.")
    progress = queries.progress(cards)
    context = {
        "heading": "Your pictures",
        "cards": cards,
        "progress": progress,
        "refresh_seconds": progress.refresh_seconds,
        "events_url": queries.events_url(cards, batch=str(batch_id)),
        "mine": queries.is_mine(batch_id, request.user),
        "batch_id": batch_id,
    }
    return render(request, "imagegen/results.html", context)


def _key(request: HttpRequest, form: ComposeForm) -> str:
    """Return a key for this form and this content: sent twice it is one batch, edited and sent again it is another."""
    once = form.cleaned_data["once"]
    content = sorted((name, values) for name, values in request.POST.lists() if name != "csrfmiddlewaretoken")
    return f"{once}:{hashlib.sha256(repr(content).encode()).hexdigest()}" if once else ""


def _context(request: HttpRequest, form: ComposeForm) -> dict[str, object]:
    options = [field.name for field in form.visible_fields() if field.name != "prompts"]
    return {
        "form": form,
        "options_open": any(name in form.errors for name in options),
        "demo": registry.get(registry.default()).is_demo,
        "base_url": addresses.base_url(request),
    }
