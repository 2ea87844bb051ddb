"""Jobs and batches as statements of account: where they are, every call that was made for them, and what it cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from django.db.models import Count, Sum

from imagegen import accounts, queries
from imagegen.accounts import Viewer
from imagegen.models import Attempt, Batch, Job
from imagegen.queries import Card
from imagegen.states import Charged


@dataclass(frozen=True)
class Cost:
    """What some calls cost. `amounts` adds up known prices by unit; `unpriced` counts paid calls of unknown price."""

    paid: int
    perhaps_paid: int
    unpriced: int
    amounts: dict[str, Decimal]


@dataclass(frozen=True)
class JobStatement:
    """One job: its card, its row, and its calls, the first first."""

    card: Card
    job: Job
    attempts: list[Attempt]


@dataclass(frozen=True)
class BatchStatement:
    """One batch: how many of its jobs are in which state, and what they cost."""

    batch: Batch
    states: dict[str, int]
    cost: Cost


def of_job(job_id: UUID, viewer: Viewer, *, base_url: str) -> JobStatement | None:
    """Return one job's statement; None where this person knows no such job."""
    card = queries.cards([str(job_id)], viewer, base_url=base_url)[0]
    if card.state == queries.MISSING:
        return None
    job = Job.objects.get(pk=job_id)
    attempts = list(Attempt.objects.filter(job=job_id).order_by("fence"))
    return JobStatement(card, job, attempts)


def of_batch(batch_id: UUID, viewer: Viewer) -> BatchStatement | None:
    """Return one batch's statement; None where this person knows no such batch."""
    return next(iter(of_batches(list(Batch.objects.filter(accounts.may_see(viewer), pk=batch_id)))), None)


def of_batches(batches: Sequence[Batch]) -> list[BatchStatement]:
    """Return the statements of batches that somebody may see, in the same order, with as many questions as for one."""
    ids = [batch.pk for batch in batches]
    states: dict[UUID, dict[str, int]] = {batch: {} for batch in ids}
    counted = Job.objects.filter(batch__in=ids).values("batch", "state").annotate(count=Count("pk")).order_by("state")
    for batch_id, state, count in counted.values_list("batch", "state", "count"):
        states[batch_id][state] = count
    costs = _costs("job__batch", ids)
    return [BatchStatement(batch, states[batch.pk], costs[batch.pk]) for batch in batches]


def costs_of(jobs: Sequence[UUID]) -> dict[UUID, Cost]:
    """Return what each of these jobs cost."""
    return _costs("job", jobs)


class _Calls(NamedTuple):
    """Calls for one thing that were charged alike; `amount` is the sum of those that are `priced`."""

    made_for: UUID
    charged: str
    unit: str
    calls: int
    priced: int
    amount: Decimal | None


def _costs(field: str, ids: Sequence[UUID]) -> dict[UUID, Cost]:
    """Return what was spent on each thing that attempts reach by this field."""
    alike = Attempt.objects.filter(**{f"{field}__in": ids}).values(field, "charged", "unit")
    summed = alike.annotate(count=Count("pk"), priced=Count("amount"), sum=Sum("amount")).order_by("unit")
    calls: dict[UUID, list[_Calls]] = {each: [] for each in ids}
    for row in summed.values_list(field, "charged", "unit", "count", "priced", "sum"):
        calls[row[0]].append(_Calls._make(row))
    return {each: _cost(calls[each]) for each in ids}


def _cost(calls: Sequence[_Calls]) -> Cost:
    paid = [some for some in calls if some.charged == Charged.YES]
    return Cost(
        paid=sum(some.calls for some in paid),
        perhaps_paid=sum(some.calls for some in calls if some.charged == Charged.UNKNOWN),
        unpriced=sum(some.calls - some.priced for some in paid),
        amounts={some.unit: some.amount for some in paid if some.amount is not None},
    )
