"""Who gets in, and what the first page says."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from imagegen.errors import NotAllowed
from imagegen.operators import overview


class OperatorSite(admin.AdminSite):
    """Django's admin for people who sign in themselves."""

    site_title = "Chaotix operations"
    site_header = "Chaotix"
    index_title = "Operations"
    index_template = "admin/imagegen/index.html"
    # Lists are wide, and there are few of them.
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        """Let staff in, and no program that speaks for them with a token: a second factor was asked of the person."""
        return super().has_permission(request) and not getattr(request, "by_token", False)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Send people to where everybody signs in: a second factor is asked for there, too."""
        if self.has_permission(request):
            return redirect("admin:index")
        if request.user.is_authenticated:
            raise NotAllowed("Only staff may see the operators' pages.")
        return redirect_to_login(request.GET.get(REDIRECT_FIELD_NAME) or reverse("admin:index"))

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Show how everything is, above the lists."""
        return super().index(request, {**(extra_context or {}), "overview": overview.now()})
