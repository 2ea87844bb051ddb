"""API tokens: whose they are and until when, and revoked where one got lost. Nobody reads one, or makes one for others."""

from django.contrib import admin, messages
from django.contrib.admin.models import DELETION, LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import pluralize
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST

from imagegen import tokens
from imagegen.models import ApiToken
from imagegen.operators import confirming, rows
from imagegen.operators.rows import Rows


@admin.register(ApiToken)
class ApiTokens(Rows):
    """The list. A page for each would have nothing to add."""

    list_display = ("token_key", "name", "user", "created", "expiry")
    list_display_links = None
    list_select_related = ("user",)
    search_fields = ("user__username", "name")
    search_help_text = "Words of a token's name, or of its owner's"
    ordering = ("-created", "-pk")
    actions = ("revoke",)

    @admin.action(description="Revoke")
    def revoke(self, request: HttpRequest, ticked: QuerySet[ApiToken]) -> HttpResponse:
        """Ask first: a program that uses one stops working."""
        found = list(ticked)
        sentences = [f"{token} of {token.user}" for token in found]
        return confirming.ask(
            request,
            f"Revoke {_tokens(len(found))}",
            ["Programs that use them are turned away from then on.", *sentences],
            action=reverse("admin:imagegen_apitoken_revoke"),
            fields={"tokens": " ".join(token.token_key for token in found)},
            back=reverse("admin:imagegen_apitoken_changelist"),
        )

    @method_decorator(require_POST)
    def revoked(self, request: HttpRequest) -> HttpResponse:
        """Take away what was asked about."""
        keys = request.POST.get("tokens", "").split()
        found = list(ApiToken.objects.filter(token_key__in=keys).select_related("user"))
        LogEntry.objects.log_actions(rows.key_of(request), found, DELETION, "Revoked")
        count = sum(tokens.revoke(token.user, token.token_key) for token in found)
        messages.success(request, f"{_tokens(count)} revoked.")
        return redirect("admin:imagegen_apitoken_changelist")

    def get_urls(self) -> list[URLPattern]:
        revoked = path("revoke/", self.admin_site.admin_view(self.revoked), name="imagegen_apitoken_revoke")
        return [revoked, *super().get_urls()]


def _tokens(count: int) -> str:
    return f"{count} token{pluralize(count)}"
