"""The ledger: every call that may cost money, written down before it is made, closed with what it cost, and counted.

Closing a call needs only its id: a paid fact is never refused.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count, F, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from imagegen import conf, errors
from imagegen.models import Attempt, Job
from imagegen.providers import registry
from imagegen.providers.base import Cost
from imagegen.states import Charged, Purpose

# What PostgreSQL knows the lock by that paid claims take in turn; any number that nothing else uses.
_SPENDING_LOCK = 8_305_811
# A prompt writer's call is made by a web process, for a person who waits.
_NOBODY = UUID(int=0)
FORGOTTEN = timedelta(minutes=10)


@dataclass(frozen=True)
class Receipt:
    """What is known of a finished call besides its outcome; absent facts are None or empty."""

    http_status: int | None = None
    request_id: str = ""
    bytes: int | None = None
    sha256: str = ""
    cost: Cost | None = None
    usage: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """A call that is about to be made: for which job, under which fence, and by whom."""

    job: Job
    fence: int
    worker: UUID
    machine: UUID


def write_down(calls: Iterable[Call]) -> list[UUID]:
    """Open the attempts of calls that are about to be made, and return their ids in order."""
    rows = [
        Attempt(
            job=call.job, provider=call.job.provider, model=call.job.model, fence=call.fence,
            worker=call.worker, machine=call.machine,
        )
        for call in calls
    ]  # fmt: skip
    return [attempt.pk for attempt in Attempt.objects.bulk_create(rows)]


def open_writing(*, provider: str, model: str, asked_by: int | None) -> UUID | None:
    """Write down a prompt writer's call that is about to be made; None where no more may be made today."""
    with transaction.atomic():
        if left_for([provider]) < 1:
            return None
        attempt = Attempt.objects.create(
            purpose=Purpose.PROMPTS, provider=provider, model=model, asked_by_id=asked_by,
            fence=0, worker=_NOBODY, machine=_NOBODY,
        )  # fmt: skip
    return attempt.pk


def close_forgotten_writings() -> None:
    """End the calls of prompt writers whose process is gone: nobody will hear their answers."""
    long_ago = Now() - FORGOTTEN
    Attempt.objects.filter(purpose=Purpose.PROMPTS, ended_at=None, sent_at__lt=long_ago).update(
        ended_at=Now(), outcome=errors.WorkerGone.code
    )


def close(attempt: UUID, outcome: str, charged: Charged, receipt: Receipt) -> None:
    """Note how a call ended and what it cost, and that nobody works on it any more."""
    if not _note(attempt, outcome, charged, receipt, ended_at=Coalesce("ended_at", Now())):
        Attempt.objects.filter(pk=attempt, ended_at=None).update(ended_at=Now())


def note(attempt: UUID, outcome: str, charged: Charged, receipt: Receipt) -> None:
    """Note what became of a call, also by one who lost its job to another; what is known of its cost never changes.

    Recovery may have closed it as unknown while its own worker was only slow: what is known takes the place of that.
    """
    _note(attempt, outcome, charged, receipt)


def note_sum(job: UUID, sha256: str) -> None:
    """Note the sum of what the call for a job's picture brought, where nobody took the time for it before."""
    Attempt.objects.filter(job=job, outcome="succeeded", sha256="").update(sha256=sha256)


def _note(attempt: UUID, outcome: str, charged: Charged, receipt: Receipt, **columns: Any) -> bool:
    """Write what is known of a call, and these columns; False where more is known already."""
    cost = receipt.cost if charged == Charged.YES else None
    changed = Attempt.objects.filter(pk=attempt, charged__in=(Charged.UNKNOWN, charged)).update(
        outcome=outcome, charged=charged, http_status=receipt.http_status, request_id=receipt.request_id,
        bytes=receipt.bytes, sha256=receipt.sha256, usage=receipt.usage, amount=cost.amount if cost else None,
        unit=cost.unit if cost else "", **columns,
    )  # fmt: skip
    return bool(changed)


def undecided(attempt: UUID) -> bool:
    """Whether a call has ended without anybody knowing whether it was charged."""
    return Attempt.objects.filter(pk=attempt, charged=Charged.UNKNOWN).exclude(ended_at=None).exists()


def price_of(attempt: UUID) -> Cost | None:
    """Return what the picture of this call costs by its provider's price list; None where that is not known."""
    row = Attempt.objects.select_related("job").filter(pk=attempt).first()
    if row is None or row.job is None:
        return None
    return registry.get(row.provider).price(row.model, row.job.size, row.job.quality)


def paid_calls(jobs: Collection[UUID]) -> dict[UUID, int]:
    """Count the calls for each of these jobs that cost money, or may have; jobs without any are left out."""
    if not jobs:
        return {}
    return dict(_paid().filter(job__in=jobs).order_by().values_list("job").annotate(Count("pk")))


def paid_calls_of_row() -> Coalesce:
    """Return the same count as an expression on rows of jobs."""
    of_job = _paid().filter(job=OuterRef("pk")).order_by().values("job").annotate(total=Count("pk")).values("total")
    return Coalesce(Subquery(of_job, output_field=IntegerField()), 0)


def free_failures(job: UUID) -> int:
    """Count the failures that cost nothing since the job was asked for, or asked for again."""
    return Attempt.objects.filter(job=job, outcome=errors.Unavailable.code, fence__gt=F("job__tries_from")).count()


def may_be_paid(job: UUID) -> bool:
    """Whether some call of this job has an outcome that nobody knows."""
    return Attempt.objects.filter(job=job, charged=Charged.UNKNOWN).exists()


def left_for(providers: Collection[str]) -> float:
    """Return how many calls that cost money may still be made today, by one who is about to write down calls to these.

    Asked in the transaction that writes them down: claims of paid calls then wait for each other, so that of many at once
    exactly as many pass as are left.
    """
    if conf.max_paid_calls_per_day() is None or set(providers).issubset(registry.free()):
        return math.inf
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_SPENDING_LOCK])
    left = left_today()
    return math.inf if left is None else left


def left_today() -> int | None:
    """Return how many calls that cost money may still be made before midnight UTC; None where there is no limit."""
    limit = conf.max_paid_calls_per_day()
    return None if limit is None else max(limit - paid_today(), 0)


def paid_today() -> int:
    """Count the calls since midnight UTC that cost money, or may have; those in flight are among them."""
    return today().exclude(charged=Charged.NO).exclude(provider__in=registry.free()).count()


def today() -> QuerySet[Attempt]:
    """Return the calls since midnight UTC."""
    return Attempt.objects.filter(sent_at__gte=_midnight())


def _paid() -> QuerySet[Attempt]:
    return Attempt.objects.exclude(charged=Charged.NO)


def _midnight() -> datetime:
    return timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
