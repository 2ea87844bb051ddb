"""Batches: how far each is and what it cost; all that waits in one canceled, or all that failed tried again."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from imagegen import queries, statements
from imagegen.models import Batch, Job
from imagegen.operators import deciding, rows
from imagegen.operators.rows import OwnerFilter, Rows
from imagegen.statements import BatchStatement
from imagegen.states import State


class Statements(ChangeList):
    """A page of batches, each with its statement: asked for all of them at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        found = list(self.result_list)
        for batch, statement in zip(found, statements.of_batches(found), strict=True):
            batch.statement = statement
        self.result_list = found


def _jobs_of(batches: QuerySet[Batch]) -> QuerySet[Job]:
    return Job.objects.filter(batch__in=batches.order_by().values("pk"))


@admin.register(Batch)
class Batches(Rows):
    """The list, and a page for each."""

    list_display = ("called", "pictures", "cost", "owned_by", "created", "source", "visibility")
    list_filter = (OwnerFilter, "visibility", ("created", admin.DateFieldListFilter))
    list_select_related = ("owner",)
    sortable_by = ("created",)
    search_fields = ("name",)
    search_help_text = "Words of the name, or an id"
    ordering = ("-created", "-pk")
    actions = tuple(deciding.actions(_jobs_of))
    fields = ("id", "name", "source", "owned_by", "visibility", "created", "scope", "key", "pictures", "cost", "pages")

    @admin.display(description="batch")
    def called(self, batch: Batch) -> str:
        return batch.name or str(batch.pk)

    @admin.display(description="owner")
    def owned_by(self, batch: Batch) -> str:
        return rows.owner(batch)

    def pictures(self, batch: Batch) -> str:
        states = _statement(batch).states
        return ", ".join(f"{count} {queries.LABELS[State(state)].lower()}" for state, count in states.items())

    def cost(self, batch: Batch) -> str:
        return str(_statement(batch).cost)

    def pages(self, batch: Batch) -> SafeString:
        jobs = f"{reverse('admin:imagegen_job_changelist')}?batch={batch.pk}"
        return rows.links(rows.link(reverse("batch", args=[batch.pk]), "its page"), rows.link(jobs, "its jobs"))

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return Statements

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Batch], search_term: str
    ) -> tuple[QuerySet[Batch], bool]:
        """Find an id by the key, and words as Django does."""
        if (found := rows.uuid(search_term)) is not None:
            return queryset.filter(pk=found), False
        return super().get_search_results(request, queryset, search_term)


def _statement(batch: Any) -> BatchStatement:
    """Return what the list asked for already; a batch on its own page is asked about once."""
    if not hasattr(batch, "statement"):
        (batch.statement,) = statements.of_batches([batch])
    found: BatchStatement = batch.statement
    return found
