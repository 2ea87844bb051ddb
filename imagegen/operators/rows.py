"""What all lists share: rows that nobody writes by hand, and pages that stay fast however many there are."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from imagegen.providers import registry

# Nobody turns that many pages: counting ends here, and what comes after is found by narrowing the list down.
MOST_COUNTED = 10_000
# Stands for people without an account, where a name is asked for; no account can have it.
NOBODY = "(nobody)"


class ShortCount(Paginator):  # type: ignore[type-arg]  # not generic when it runs
    """Pages of the first rows of a list, without counting the others."""

    most = MOST_COUNTED

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return rows[: self.most].count()


class ReadOnly:
    """Rows that staff may look at, and nobody may make, change or delete: ModelAdmin's questions about permissions."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return True

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Nobody gets here whom the site does not let in.
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class Rows(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when it runs
    """A list of rows, each with a page of its own."""

    paginator = ShortCount
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    empty_value_display = ""
    # Only what has an index can be put in order.
    sortable_by: ClassVar[tuple[str, ...]] = ()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Head the list with what it lists, which is not there to be selected from."""
        title = {"title": capfirst(self.opts.verbose_name_plural)}
        return super().changelist_view(request, {**title, **(extra_context or {})})


class TypedFilter(admin.SimpleListFilter):
    """A filter by what somebody types, where there may be too many to choose from."""

    template = "admin/imagegen/typed_filter.html"
    help_text = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return []

    def has_output(self) -> bool:
        return True

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Yield what the form needs to keep of the address, and the address without this filter."""
        others = [(name, text) for name, text in changelist.get_filters_params().items() if name != self.parameter_name]
        kept = [*((name, text) for name, texts in others for text in texts)]
        if changelist.query:
            kept.append(("q", changelist.query))
        yield {"kept": kept, "query_string": changelist.get_query_string(remove=[str(self.parameter_name)])}


class OwnerFilter(TypedFilter):
    """By whose it is."""

    title, parameter_name = "owner", "owner"
    help_text = f"A name, or {NOBODY} for people without an account."

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case None | "":
                return queryset
            case name if name == NOBODY:
                return queryset.filter(owner=None)
            case name:
                return queryset.filter(owner__username=name)


class ProviderFilter(admin.SimpleListFilter):
    """By provider, as the settings name them: reading them off the rows would read every row."""

    title, parameter_name = "provider", "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in registry.names()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(provider=self.value()) if self.value() else queryset


def link(address: str, text: object) -> SafeString:
    return format_html('<a href="{}">{}</a>', address, text)


def link_to(model: str, key: UUID, text: object) -> SafeString:
    """Return a link to a row's page here."""
    return link(reverse(f"admin:imagegen_{model}_change", args=[key]), text)


def links(*all_of_them: SafeString) -> SafeString:
    return format_html_join(", ", "{}", ((each,) for each in all_of_them))


def uuid(text: str) -> UUID | None:
    """Return the id that somebody typed; None where it is none."""
    try:
        return UUID(text.strip())
    except ValueError:
        return None


def key_of(request: HttpRequest) -> int:
    """Return the key of who asks, which everybody has whom the site lets in."""
    return int(request.user.pk or 0)


def owner(row: Any) -> str:
    """Say whose a row is."""
    return row.owner.get_username() if row.owner else NOBODY
