"""The public gallery, and everybody's own history: pictures, found by what was asked for."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from django import forms
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from imagegen import accounts, addresses, gallery, marks, queries
from imagegen.gallery import ANY, MOST_COUNTED, Counts, Edge, Search, Shelf
from imagegen.models import Job
from imagegen.queries import LABELS, Card
from imagegen.states import State

ON_A_PAGE = 48
MAX_WORDS = 200
USUAL = ("", "any")
STARS = [
    USUAL,
    *((str(stars), f"{stars} or more" if stars < marks.STARS else str(stars)) for stars in range(1, marks.STARS + 1)),
]


class SearchForm(forms.Form):
    """What to look for; what is left empty is no matter, and so is what nobody can understand."""

    q = forms.CharField(label="Words in the prompt", required=False)
    provider = forms.CharField(label="Made by", max_length=60, required=False, widget=forms.Select)
    model = forms.CharField(label="Model", max_length=200, required=False, widget=forms.Select)
    style = forms.CharField(label="Style", max_length=60, required=False, widget=forms.Select)
    size = forms.RegexField(r"^[1-9][0-9]{0,4}x[1-9][0-9]{0,4}$", label="Size", required=False, widget=forms.Select)
    since = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label="Until", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    state = forms.ChoiceField(label="State", choices=[USUAL, *((state, LABELS[state]) for state in State)], required=False)
    rating = forms.TypedChoiceField(label="My stars", choices=STARS, coerce=int, empty_value=None, required=False)
    tag = forms.CharField(label="My tag", max_length=marks.MAX_TAG, required=False, widget=forms.Select)
    favourite = forms.BooleanField(label="My favourites only", required=False)

    def given(self) -> dict[str, str]:
        """Return what was asked for, as the words of an address."""
        self.is_valid()
        values = {name: value for name, value in self.cleaned_data.items() if value}
        return {name: _spelled(value) for name, value in values.items()}

    def search(self, *, anything: bool) -> Search:
        """Return what to look for: whatever has a picture, or `anything` whatever became of it."""
        self.is_valid()
        asked = self.cleaned_data
        return Search(
            words=asked.get("q", "")[:MAX_WORDS],
            since=_begin(asked.get("since")),
            until=_begin(asked.get("until"), days=1),
            state=(asked.get("state") or ANY) if anything else None,
            is_favourite=asked.get("favourite", False),
            **{name: asked.get(name) or None for name in ("provider", "model", "style", "size", "rating", "tag")},
        )

    def offer(self, counts: Counts, tags: dict[str, int]) -> None:
        """Offer the values that there are, each with how often; and what was chosen, where it is not found any more."""
        for name, values in {**counts.of, "tag": tags}.items():
            if name in self.fields:
                chosen = str(self.cleaned_data.get(name) or "")
                shown = sorted({*values, *filter(None, [chosen])})
                label = {state: LABELS[State(state)] for state in values} if name == "state" else {}
                offered = [(value, f"{label.get(value, value)} ({values.get(value, 0)})") for value in shown]
                self.fields[name].widget.choices = [USUAL, *offered]


@require_safe
def public(request: HttpRequest) -> HttpResponse:
    """Show what people published, the newest first."""
    form = _form(request)
    del form.fields["state"]
    return _page(request, form, Shelf.GALLERY, heading="Gallery", empty="Nobody has published a picture yet.")


@require_safe
def mine(request: HttpRequest) -> HttpResponse:
    """Show everything that this person asked for, the newest first, whatever became of it."""
    if not accounts.may_submit(request.user):
        return redirect_to_login(request.get_full_path())
    return _page(request, _form(request), Shelf.HISTORY, heading="History", empty=_nothing_yet(request))


def _nothing_yet(request: HttpRequest) -> str:
    """Say that somebody has no history, and where to look for what they asked for before they had an account."""
    nothing = "You have not asked for a picture yet."
    if not request.user.is_authenticated or not accounts.may_submit(AnonymousUser()):
        return nothing
    return f"{nothing} Pictures asked for without an account stay with those that everybody shares: sign out to see them."


def _form(request: HttpRequest) -> SearchForm:
    # No database keeps a NUL character, so there is none to find.
    form = SearchForm({name: value.replace("\x00", "") for name, value in request.GET.dict().items()})
    if not accounts.may_submit(request.user):
        for name in ("rating", "tag", "favourite"):
            del form.fields[name]
    return form


def _page(request: HttpRequest, form: SearchForm, shelf: Shelf, *, heading: str, empty: str) -> HttpResponse:
    found = gallery.find(form.search(anything=shelf is Shelf.HISTORY), request.user, shelf=shelf)
    place = _place(request)
    jobs = found.after(place, most=ON_A_PAGE + 1)
    counts = None if place else found.counts()
    if counts:
        form.offer(counts, marks.tags_of(request.user))
    asked = form.given()
    context = {
        "heading": heading,
        "mine": shelf is Shelf.HISTORY,
        "form": form,
        "narrowed": bool(asked.keys() - {"q"}),
        "counted": None if counts is None or counts.are_all else MOST_COUNTED,
        "asked": asked,
        "cards": _cards(request, jobs[:ON_A_PAGE]),
        "empty": "Nothing fits all of this." if asked else empty,
        "more": urlencode({**asked, "after": str(jobs[ON_A_PAGE - 1].pk)}) if len(jobs) > ON_A_PAGE else "",
    }
    return render(request, "imagegen/pictures.html", context)


def _cards(request: HttpRequest, jobs: list[Job]) -> list[Card]:
    """Return the cards of these jobs, with hearts for whoever may give any."""
    cards = queries.cards_of_jobs(jobs, base_url=addresses.base_url(request))
    if not accounts.may_submit(request.user):
        return cards
    opinions = marks.of([job.pk for job in jobs], request.user)
    return [replace(card, is_favourite=opinions[UUID(card.task_id)].is_favourite) for card in cards]


def _spelled(value: object) -> str:
    if value is True:
        return "on"
    return value.isoformat() if isinstance(value, date) else str(value)


def _begin(day: date | None, *, days: int = 0) -> datetime | None:
    """Return when a day begins (UTC), or one that comes so many days later; None where that is past all calendars."""
    try:
        return datetime.combine(day + timedelta(days=days), time(), UTC) if day else None
    except OverflowError:
        return None


def _place(request: HttpRequest) -> Edge | None:
    """Return the picture after which to go on; None where the address names none."""
    try:
        return gallery.edge(UUID(request.GET.get("after", "")))
    except ValueError:
        return None
