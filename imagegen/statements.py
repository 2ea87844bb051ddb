"""Jobs and batches as statements of account: where they are, every call that was made for them, and what it cost."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

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
    """One job: its card, its times, and its calls, the first first."""

    card: Card
    batch: UUID
    model: str
    created: datetime
    started_at: datetime | None
    ended_at: datetime | None
    attempts: list[Attempt]


@dataclass(frozen=True)
class BatchStatement:
    """One batch: how many of its jobs are in which state, what they cost, and the jobs in order."""

    id: UUID
    created: datetime
    states: dict[str, int]
    cost: Cost
    jobs: list[UUID]


def of_job(job_id: UUID, viewer: Viewer, *, base_url: str) -> JobStatement | None:
    """Return one job's statement; None where this person knows no such job."""
    card = queries.cards([str(job_id)], viewer, base_url=base_url)[0]
    if card.state == queries.MISSING:
        return None
    job = Job.objects.get(pk=job_id)
    attempts = list(Attempt.objects.filter(job=job_id).order_by("fence"))
    return JobStatement(card, job.batch_id, job.model, job.created, job.started_at, job.ended_at, attempts)


def of_batch(batch_id: UUID, viewer: Viewer) -> BatchStatement | None:
    """Return one batch's statement; None where this person knows no such batch."""
    batch = Batch.objects.filter(accounts.may_see(viewer), pk=batch_id).first()
    if batch is None:
        return None
    jobs = list(batch.jobs.order_by("position").values_list("pk", "state"))
    cost = _cost(Attempt.objects.filter(job__batch=batch_id))
    return BatchStatement(batch.pk, batch.created, Counter(state for _, state in jobs), cost, [job for job, _ in jobs])


def _cost(attempts: Iterable[Attempt]) -> Cost:
    calls = list(attempts)
    paid = [call for call in calls if call.charged == Charged.YES]
    amounts: dict[str, Decimal] = {}
    for call in paid:
        if call.amount is not None:
            amounts[call.unit] = amounts.get(call.unit, Decimal(0)) + call.amount
    perhaps = sum(call.charged == Charged.UNKNOWN for call in calls)
    return Cost(len(paid), perhaps, sum(call.amount is None for call in paid), amounts)
