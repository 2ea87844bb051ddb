"""The page of what is spent today, and the brake for everything."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from imagegen import accounts, pauses, usage


@require_http_methods(["GET", "HEAD", "POST"])
def spending(request: HttpRequest) -> HttpResponse:
    """Show today's calls and what they cost; the button stops everything, or lets it go on."""
    accounts.check_may_oversee(request.user)
    if request.method != "POST":
        return render(request, "imagegen/spending.html", {"today": usage.today()})
    if (provider := request.POST.get("resume")) is not None:
        usage.resume(provider)
    else:
        pauses.stop_everything(request.user.get_username() or "a visitor")
    return redirect("spending")
