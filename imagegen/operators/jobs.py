"""Jobs: found by state, provider, model, owner, day and words; tried again, canceled, bought again, one or many at once."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import truncatechars
from django.urls import URLPattern, re_path, reverse
from django.utils.safestring import SafeString

from imagegen import decisions, queries
from imagegen.models import Attempt, Job
from imagegen.operators import deciding, rows
from imagegen.operators.rows import OwnerFilter, ProviderFilter, ReadOnly, Rows
from imagegen.providers import registry
from imagegen.states import State

ASKED = (
    "prompt", "name", "negative_prompt", "provider", "moved_from", "model", "size", "aspect_ratio", "style", "quality",
    "seed", "recipe",
)  # fmt: skip
WHERE = (
    "created",
    "changed",
    "started_at",
    "ended_at",
    "not_before",
    "hinted_at",
    "cancel_requested",
    "turn",
    "step",
    "steps",
)
WHO = ("fence", "worker", "lease_until", "may_pay", "tries_from")
CAME = ("picture", "thumbnail", "content_type", "sha256", "bytes", "width", "height", "actual_seed", "defect")


class StateFilter(admin.SimpleListFilter):
    """By state. How many are in each is on the first page: counting reads every row."""

    title, parameter_name = "state", "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state, queries.LABELS[state]) for state in State]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        return queryset.filter(state=self.value()) if self.value() else queryset


class ModelFilter(admin.SimpleListFilter):
    """By model, once a provider is chosen."""

    title, parameter_name = "model", "model"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        provider = registry.find(request.GET.get("provider", ""))
        return [(model.name, model.name) for model in provider.models] if provider else []

    def has_output(self) -> bool:
        return bool(self.lookup_choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        return queryset.filter(model=self.value()) if self.value() else queryset


class Calls(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]  # not generic when it runs
    """Every call that was made for a job, with what it cost."""

    model = Attempt
    verbose_name_plural = "Calls"
    fields = (
        "sent_at",
        "ended_at",
        "provider",
        "model",
        "outcome",
        "charged",
        "amount",
        "unit",
        "http_status",
        "request_id",
    )
    readonly_fields = fields
    ordering = ("fence",)
    extra = 0
    show_change_link = True


@admin.register(Job)
class Jobs(Rows):
    """The list, and a page for each."""

    list_display = ("asked", "state", "why", "provider", "model", "owned_by", "created")
    list_filter = (StateFilter, ProviderFilter, ModelFilter, OwnerFilter, ("created", admin.DateFieldListFilter))
    list_select_related = ("owner",)
    sortable_by = ("created",)
    search_fields = ("prompt",)
    search_help_text = "Words of the prompt, or the id of a job or of a batch"
    ordering = ("-created", "-pk")
    inlines = (Calls,)
    actions = tuple(deciding.actions(lambda jobs: jobs))
    fieldsets = (
        (None, {"fields": ("id", "state", "whole_why", "error_code", "owned_by", "visibility", "deleted_at", "pages")}),
        ("What was asked", {"fields": ASKED}),
        ("What came", {"fields": CAME}),
        ("Where it is", {"fields": WHERE}),
        ("Who works on it", {"fields": WHO}),
    )

    @admin.display(description="prompt")
    def asked(self, job: Job) -> str:
        return truncatechars(job.prompt, 60)

    @admin.display(description="owner")
    def owned_by(self, job: Job) -> str:
        return rows.owner(job)

    def why(self, job: Job) -> str:
        return truncatechars(job.error_sentence or job.defect, 120)

    @admin.display(description="why")
    def whole_why(self, job: Job) -> str:
        """Say what its owner reads on its card."""
        return queries.cards_of_jobs([job])[0].why or ""

    def pages(self, job: Job) -> SafeString:
        batch = rows.link(reverse("batch", args=[job.batch_id]), "its batch")
        here = rows.link_to("batch", job.batch_id, "its batch for operators")
        return rows.links(rows.link(reverse("image", args=[job.pk]), "the picture"), batch, here)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Job], search_term: str
    ) -> tuple[QuerySet[Job], bool]:
        """Find an id by the key, and words as Django does."""
        if (found := rows.uuid(search_term)) is not None:
            return queryset.filter(Q(pk=found) | Q(batch=found)), False
        return super().get_search_results(request, queryset, search_term)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **options: Any) -> HttpResponse:
        """Show what can be decided about it, beside its history."""
        job = context["original"]
        offers = queries.OFFERS.get(State(job.state), ())
        context["offers"] = [offer for offer in offers if decisions.fits_many(offer[0], State(job.state))]
        return super().render_change_form(request, context, *args, **options)

    def get_urls(self) -> list[URLPattern]:
        decide = re_path(
            r"^decide/(?P<decision>cancel|retry|buy-again)/$",
            self.admin_site.admin_view(deciding.decide),
            name="imagegen_job_decide",
        )
        return [decide, *super().get_urls()]
