"""The page of one's account: what was spent, and the tokens of one's programs."""

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from imagegen import tokens, usage
from imagegen.errors import BadSubmission


class TokenForm(forms.Form):
    """What a new token is for, and for how long."""

    name = forms.CharField(max_length=tokens.MAX_NAME, help_text="What it is for, like the name of a program.")
    days = forms.IntegerField(
        min_value=1,
        max_value=tokens.MOST_DAYS,
        initial=tokens.USUAL_DAYS,
        help_text="Until it ends by itself.",
    )


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """Show tokens and spending; a POST makes a token, whose secret is shown this once, or takes one away."""
    person = cast(AbstractBaseUser, request.user)
    if request.method != "POST":
        return _page(request, TokenForm())
    if beginning := request.POST.get("revoke"):
        if tokens.revoke(person, beginning):
            messages.success(request, "The token is revoked: programs that use it are refused from now on.")
        return redirect("account")
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=400)
    try:
        _, secret = tokens.make(person, form.cleaned_data["name"], days=form.cleaned_data["days"])
    except BadSubmission as error:
        for problem in error.problems:
            form.add_error(problem.field, problem.message)
        return _page(request, form, status=400)
    return _page(request, TokenForm(), secret=secret)


def _page(request: HttpRequest, form: TokenForm, *, status: int = 200, **more: Any) -> HttpResponse:
    days = usage.by_day(request.user, mine=True)
    context = {"form": form, "tokens": tokens.of(cast(AbstractBaseUser, request.user)), "days": days, **more}
    return render(request, "imagegen/account.html", context, status=status)
