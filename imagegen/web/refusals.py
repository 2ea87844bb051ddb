"""Pages for people who may not do what they tried, or cannot just now."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.deprecation import MiddlewareMixin
from django.utils.http import urlencode

from imagegen import redis
from imagegen.errors import NotAllowed


class NotAllowedPage(MiddlewareMixin):
    """Middleware that answers NotAllowed, whichever page raised it, with a sentence instead of a server error."""

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, NotAllowed):
            return None
        page: dict[str, object] = {"heading": "Not allowed", "text": str(error)}
        if not request.user.is_authenticated:
            action = f"{reverse('account_login')}?{urlencode({'next': request.get_full_path()})}"
            page |= {"action_url": action, "action_label": "Sign in"}
        return render(request, "imagegen/message.html", page, status=403)


class BrokerAwayPage(MiddlewareMixin):
    """Middleware that asks people to wait: without what Redis remembers, a code would count twice and tries without end."""

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, redis.Error):
            return None
        page = {"heading": "Please try again in a moment", "text": "A part of this site is away. What you made is safe."}
        return render(request, "imagegen/message.html", page, status=503)
