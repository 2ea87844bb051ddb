"""The ledger: every call, found by provider, outcome, charge and day. No line of it can be changed or deleted."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from imagegen import errors, lifecycle
from imagegen.models import Attempt
from imagegen.operators import rows
from imagegen.operators.rows import ProviderFilter, Rows
from imagegen.writers import registry as writers

OPEN = "open"


class CallerFilter(ProviderFilter):
    """By who was called: prompt writers are in the ledger, too."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*super().lookups(request, model_admin), *((f"writer:{name}", f"writer {name}") for name in writers.names())]


class OutcomeFilter(admin.SimpleListFilter):
    """By what came of it: reading the words off the rows would read every row."""

    title, parameter_name = "outcome", "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        codes = ("succeeded", *sorted(_codes(errors.ProviderError)), lifecycle.NOT_STORED, "bug")
        return [(OPEN, "in flight"), *((code, code.replace("_", " ")) for code in codes)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Attempt]) -> QuerySet[Attempt]:
        match self.value():
            case None:
                return queryset
            case outcome if outcome == OPEN:
                return queryset.filter(ended_at=None)
            case outcome:
                return queryset.filter(outcome=outcome)


def _codes(kind: type[errors.ProviderError]) -> Iterator[str]:
    for below in kind.__subclasses__():
        yield below.code
        yield from _codes(below)


@admin.register(Attempt)
class Attempts(Rows):
    """The list, and a page for each."""

    list_display = ("sent_at", "provider", "model", "purpose", "result", "charged", "cost", "picture")
    list_filter = (CallerFilter, OutcomeFilter, "charged", ("sent_at", admin.DateFieldListFilter))
    sortable_by = ("sent_at",)
    search_fields = ("request_id",)
    search_help_text = "The provider's own id of the call, or the id of a call, a job or a worker"
    ordering = ("-sent_at", "-pk")

    @admin.display(description="outcome")
    def result(self, attempt: Attempt) -> str:
        return (attempt.outcome if attempt.ended_at else "in flight").replace("_", " ")

    def cost(self, attempt: Attempt) -> str:
        """Say what is known of its price: nothing where that is not known, never 0."""
        return "" if attempt.amount is None else f"{attempt.amount.normalize():f} {attempt.unit}"

    def picture(self, attempt: Attempt) -> SafeString | str:
        return rows.link_to("job", attempt.job_id, "see") if attempt.job_id else ""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Attempt], search_term: str
    ) -> tuple[QuerySet[Attempt], bool]:
        """Find ids by the key; a provider's own id is looked for as a whole, which is all that is ever known of one."""
        if (found := rows.uuid(search_term)) is not None:
            queryset = queryset.filter(Q(pk=found) | Q(job=found) | Q(worker=found) | Q(request_id=search_term.strip()))
        elif search_term:
            queryset = queryset.filter(request_id=search_term.strip())
        return queryset, False
