"""The page on which the first administrator makes their account."""

from allauth.account.forms import SignupForm
from django.contrib import messages
from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from imagegen import first_run

BACKEND = "django.contrib.auth.backends.ModelBackend"


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def administrator(request: HttpRequest, secret: str) -> HttpResponse:
    """Ask for a name and a password; who has given them is the administrator, and signed in."""
    if not first_run.is_open(secret):
        return _closed(request)
    form = SignupForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return render(request, "account/first_run.html", {"form": form}, status=400 if form.errors else 200)
    if not first_run.take(secret):
        return _closed(request)
    _make_administrator(request, form)
    messages.success(request, "You are the administrator of this site.")
    return redirect("account")


def _make_administrator(request: HttpRequest, form: SignupForm) -> None:
    with transaction.atomic():
        person = form.save(request)
        person.is_staff = person.is_superuser = True
        person.save(update_fields=["is_staff", "is_superuser"])
    login(request, person, backend=BACKEND)


def _closed(request: HttpRequest) -> HttpResponse:
    return render(request, "account/first_run_closed.html", {"is_over": first_run.is_over()}, status=404)
