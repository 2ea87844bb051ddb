"""Pages that need a mail server: who forgot a password, and where mail goes."""

from allauth.account import views
from allauth.account.decorators import reauthentication_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from imagegen import conf


@require_http_methods(["GET", "HEAD", "POST"])
def reset(request: HttpRequest) -> HttpResponse:
    """Ask where to send a link; or say who can make one, where no mail is sent."""
    if not conf.can_send_mail():
        return render(request, "account/password_reset_without_mail.html")
    answer: HttpResponse = views.password_reset(request)
    return answer


@reauthentication_required(app="allauth.account")  # type: ignore[untyped-decorator]
def address(request: HttpRequest) -> HttpResponse:
    """Show one's address, and change it: whoever reads its mail can choose a new password."""
    if not conf.can_send_mail():
        raise Http404("No mail is sent here.")
    answer: HttpResponse = views.email(request)
    return answer
