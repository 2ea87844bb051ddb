"""The page of one's account: what was spent, what new forms begin with, the tokens of one's programs, and signing in."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.decorators import login_required
from django.core.validators import MaxLengthValidator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from imagegen import conf, defaults, statements, submission, tokens, usage
from imagegen.errors import BadSubmission
from imagegen.models import DefaultChoices
from imagegen.statements import Cost
from imagegen.states import Visibility
from imagegen.web import choices, two_factor
from imagegen.web.forms import ChoicesForm

FORGET = "forget"


class TokenForm(forms.Form):
    """What a new token is for, and for how long."""

    name = forms.CharField(max_length=tokens.MAX_NAME, help_text="What it is for, like the name of a program.")
    days = forms.IntegerField(
        min_value=1,
        max_value=tokens.MOST_DAYS,
        initial=tokens.USUAL_DAYS,
        help_text="Until it ends by itself.",
    )


class DefaultsForm(ChoicesForm):
    """What new forms begin with."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        longest = DefaultChoices._meta.get_field("size").max_length
        self.fields["size"].validators.append(MaxLengthValidator(longest))

    def clean(self) -> None:
        """Refuse what no picture could be made with."""
        if not self.errors:
            try:
                submission.draft([self.item("A picture")], viewer=self._viewer)
            except BadSubmission as error:
                self.show(error.problems)

    def row(self) -> DefaultChoices:
        values = self.cleaned_data
        provider, _, model = values["maker"].partition("/")
        options = {name: values.get(name) or "" for name in ("size", "style", "quality")}
        visibility = Visibility.PUBLIC if values["publish"] else Visibility.PRIVATE
        return DefaultChoices(provider=provider, model=model, n=values["n"] or 1, visibility=visibility, **options)


@dataclass(frozen=True)
class Line:
    """A line of what somebody spent: so much of something this month, and in all, as text."""

    what: str
    month: str
    ever: str


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """Show what is somebody's own; a POST changes what new forms begin with, or makes or takes away a token."""
    if request.method != "POST":
        return _page(request)
    if "choices" in request.POST:
        return _chosen(request)
    return _revoked(request) if request.POST.get("revoke") else _made(request)


def _chosen(request: HttpRequest) -> HttpResponse:
    if request.POST["choices"] == FORGET:
        defaults.forget(_person(request))
        messages.success(request, "New forms begin with what you chose last.")
        return redirect("account")
    form = DefaultsForm(request.POST, viewer=request.user)
    if not form.is_valid():
        return _page(request, faulty=form, choices=form, status=400)
    defaults.keep(_person(request), form.row())
    messages.success(request, "New forms begin with these choices.")
    return redirect("account")


def _revoked(request: HttpRequest) -> HttpResponse:
    if tokens.revoke(_person(request), request.POST["revoke"]):
        messages.success(request, "The token is revoked: programs that use it are refused from now on.")
    return redirect("account")


def _made(request: HttpRequest) -> HttpResponse:
    """Make a token, whose secret is shown this once."""
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _page(request, faulty=form, form=form, status=400)
    try:
        _, secret = tokens.make(_person(request), form.cleaned_data["name"], days=form.cleaned_data["days"])
    except BadSubmission as error:
        for problem in error.problems:
            form.add_error(problem.field, problem.message)
        return _page(request, faulty=form, form=form, status=400)
    return _page(request, secret=secret)


def _page(request: HttpRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    person, own = _person(request), defaults.of(request.user)
    context = {
        "form": TokenForm(),
        "tokens": tokens.of(person),
        "choices": DefaultsForm(initial=choices.of_row(own) if own else None, viewer=person),
        "has_choices": own is not None,
        "spent": [*_lines(*statements.of_person(person))],
        "days": usage.by_day(person, mine=True),
        "two_factor": two_factor.of(person),
        "can_send_mail": conf.can_send_mail(),
        **more,
    }
    return render(request, "imagegen/account.html", context, status=status)


def _lines(month: Cost, ever: Cost) -> Iterator[Line]:
    for unit, amount in ever.amounts.items():
        yield Line(unit, _plain(month.amounts.get(unit, Decimal())), _plain(amount))
    if ever.unpriced:
        yield Line("calls at an unknown price", str(month.unpriced), str(ever.unpriced))
    if ever.perhaps_paid:
        yield Line("calls that may have been paid", str(month.perhaps_paid), str(ever.perhaps_paid))


def _plain(amount: Decimal) -> str:
    """Return an amount with all that is in it and no idle zeros: what is little is not nothing."""
    return f"{amount:f}".rstrip("0").rstrip(".") if amount else "0"


def _person(request: HttpRequest) -> AbstractBaseUser:
    return cast(AbstractBaseUser, request.user)
