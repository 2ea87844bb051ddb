"""The public gallery, and everybody's own history: pictures, found by what was asked for."""

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from django import forms
from django.contrib.auth.views import redirect_to_login
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from imagegen import accounts, addresses, gallery, library, queries
from imagegen.gallery import ANY, Search
from imagegen.models import PUBLISHED, Job
from imagegen.providers import registry
from imagegen.queries import LABELS
from imagegen.states import State

ON_A_PAGE = 48
MAX_WORDS = 200
USUAL = ("", "any")


def _providers() -> list[tuple[str, str]]:
    return [USUAL, *((name, name) for name in registry.names())]


def _styles() -> list[tuple[str, str]]:
    known = {style for _, provider in registry.made() for style in provider.styles} | library.our_styles().keys()
    return [USUAL, *((style, style) for style in sorted(known))]


class SearchForm(forms.Form):
    """What to look for; what is left empty is no matter, and so is what nobody can understand."""

    q = forms.CharField(label="Words in the prompt", required=False)
    provider = forms.ChoiceField(label="Made by", choices=_providers, required=False)
    style = forms.ChoiceField(label="Style", choices=_styles, required=False)
    since = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label="Until", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    state = forms.ChoiceField(label="State", choices=[USUAL, *((state, LABELS[state]) for state in State)], required=False)

    def given(self) -> dict[str, str]:
        """Return what was asked for, as the words of an address."""
        self.is_valid()
        values = {name: value for name, value in self.cleaned_data.items() if value}
        return {name: value.isoformat() if isinstance(value, date) else str(value) for name, value in values.items()}

    def search(self, *, anything: bool) -> Search:
        """Return what to look for: whatever has a picture, or `anything` whatever became of it."""
        self.is_valid()
        asked = self.cleaned_data
        return Search(
            words=asked.get("q", "")[:MAX_WORDS],
            provider=asked.get("provider") or None,
            style=asked.get("style") or None,
            since=_begin(asked.get("since")),
            until=_begin(asked.get("until"), days=1),
            state=(asked.get("state") or ANY) if anything else None,
        )


@require_safe
def public(request: HttpRequest) -> HttpResponse:
    """Show what people published, the newest first."""
    form = _form(request)
    del form.fields["state"]
    found = gallery.find(form.search(anything=False), request.user).filter(PUBLISHED)
    return _page(request, form, found, heading="Gallery", mine=False, empty="Nobody has published a picture yet.")


@require_safe
def mine(request: HttpRequest) -> HttpResponse:
    """Show everything that this person asked for, the newest first, whatever became of it."""
    if not accounts.may_submit(request.user):
        return redirect_to_login(request.get_full_path())
    form = _form(request)
    found = gallery.find(form.search(anything=True), request.user).filter(accounts.is_theirs(request.user))
    return _page(request, form, found, heading="History", mine=True, empty="You have not asked for a picture yet.")


def _form(request: HttpRequest) -> SearchForm:
    # No database keeps a NUL character, so there is none to find.
    return SearchForm({name: value.replace("\x00", "") for name, value in request.GET.dict().items()})


def _page(
    request: HttpRequest, form: SearchForm, found: QuerySet[Job], *, heading: str, mine: bool, empty: str
) -> HttpResponse:
    jobs = gallery.after(found, _place(request), most=ON_A_PAGE + 1)
    shown = [str(job.pk) for job in jobs[:ON_A_PAGE]]
    asked = form.given()
    context = {
        "heading": heading,
        "mine": mine,
        "form": form,
        "narrowed": bool(asked.keys() - {"q"}),
        "asked": asked,
        "cards": queries.cards(shown, request.user, base_url=addresses.base_url(request)),
        "empty": "Nothing fits all of this." if asked else empty,
        "more": urlencode({**asked, "after": shown[-1]}) if len(jobs) > ON_A_PAGE else "",
    }
    return render(request, "imagegen/pictures.html", context)


def _begin(day: date | None, *, days: int = 0) -> datetime | None:
    """Return when a day begins (UTC), or one that comes so many days later; None where that is past all calendars."""
    try:
        return datetime.combine(day + timedelta(days=days), time(), UTC) if day else None
    except OverflowError:
        return None


def _place(request: HttpRequest) -> UUID | None:
    """Return the picture after which to go on; None where the address names none."""
    try:
        return UUID(request.GET.get("after", ""))
    except ValueError:
        return None
