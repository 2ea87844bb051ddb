"""Jobs and batches as statements of account: where they are, every call that was made for them, and what it cost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Count, Q, QuerySet, Sum

from imagegen import accounts, queries
from imagegen.accounts import Viewer
from imagegen.estimates import Estimate
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

    def __str__(self) -> str:
        """Say it in words; what nobody knows is said, too."""
        known = [str(Estimate(self.paid, self.amounts, self.unpriced))] if self.paid else []
        perhaps = [f"{self.perhaps_paid} perhaps paid"] if self.perhaps_paid else []
        return ", ".join([*known, *perhaps]) or "nothing"


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


def of_batch_so_far(batch_id: UUID) -> Cost:
    """Return what calls of a batch that have ended cost; whether somebody may know was asked before."""
    ended = Attempt.objects.filter(job__batch=batch_id).exclude(ended_at=None)
    return _cost([_Calls(*alike) for alike in _summed(ended)])


def costs_of(jobs: Sequence[UUID]) -> dict[UUID, Cost]:
    """Return what each of these jobs cost."""
    return _costs("job", jobs)


def of_person(person: AbstractBaseUser) -> tuple[Cost, Cost]:
    """Return what this person spent since the month began (UTC), and in all."""
    month = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return _cost(_calls_of(person, Q(sent_at__gte=month))), _cost(_calls_of(person, Q()))


class _Calls(NamedTuple):
    """Calls for one thing that were charged alike; `amount` is the sum of those that are `priced`."""

    charged: str
    unit: str
    calls: int
    priced: int
    amount: Decimal | None


def _costs(field: str, ids: Sequence[UUID]) -> dict[UUID, Cost]:
    """Return what was spent on each thing that attempts reach by this field."""
    calls: dict[UUID, list[_Calls]] = {each: [] for each in ids}
    for made_for, *alike in _summed(Attempt.objects.filter(**{f"{field}__in": ids}), field):
        calls[made_for].append(_Calls(*alike))
    return {each: _cost(calls[each]) for each in ids}


def _calls_of(person: AbstractBaseUser, when: Q) -> list[_Calls]:
    """Return the calls for this person's jobs, and for the prompts that they asked for."""
    # One condition for both would have the database read the calls of everybody.
    theirs = (Q(job__owner=person.pk), Q(job=None, asked_by=person.pk))
    return [_Calls(*alike) for calls in theirs for alike in _summed(Attempt.objects.filter(calls, when))]


def _summed(calls: QuerySet[Attempt], *by: str) -> Iterable[tuple[Any, ...]]:
    """Return these fields and those of _Calls, for each group of calls that are alike."""
    alike = calls.values(*by, "charged", "unit")
    summed = alike.annotate(count=Count("pk"), priced=Count("amount"), sum=Sum("amount")).order_by("unit")
    yield from summed.values_list(*by, "charged", "unit", "count", "priced", "sum")


def _cost(calls: Sequence[_Calls]) -> Cost:
    paid = [some for some in calls if some.charged == Charged.YES]
    amounts: dict[str, Decimal] = {}
    for some in paid:
        if some.amount is not None:
            amounts[some.unit] = amounts.get(some.unit, Decimal()) + some.amount
    return Cost(
        paid=sum(some.calls for some in paid),
        perhaps_paid=sum(some.calls for some in calls if some.charged == Charged.UNKNOWN),
        unpriced=sum(some.calls - some.priced for some in paid),
        amounts=amounts,
    )
