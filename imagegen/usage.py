"""What is spent: today's calls by provider, what the day's limit leaves, and who rests, until resumed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from django.db.models import Count, Q, Sum
from django.db.models.functions import Coalesce, TruncDate

from imagegen import accounts, conf, lanes, ledger, limits, pauses, waiting
from imagegen.accounts import Viewer
from imagegen.models import Attempt, ProviderPause
from imagegen.providers import registry
from imagegen.states import Charged, Purpose

_PAID = Q(charged=Charged.YES)
_COUNTS = {
    "calls": Count("pk"),
    "paid": Count("pk", filter=_PAID),
    "unknown": Count("pk", filter=Q(charged=Charged.UNKNOWN)),
    "unpriced": Count("pk", filter=_PAID & Q(amount=None)),
    "amount": Sum("amount"),
}
_PICTURES = Count("pk", filter=Q(outcome="succeeded", purpose=Purpose.IMAGE))
USUAL_DAYS = timedelta(days=29)


@dataclass(frozen=True)
class Spent:
    """One provider's calls in one unit of money. `amount` is what the known prices add up to; None where none is known.

    Of one that is free nothing was paid, whatever is said of its calls.
    """

    provider: str
    is_free: bool
    unit: str
    calls: int
    paid: int
    unknown: int
    unpriced: int
    amount: Decimal | None


@dataclass(frozen=True)
class Today:
    """Since midnight UTC. `limit` and `left` are None where there is no limit.

    `stopped` is the pause of everything, if there is one; `resting` are those of single providers, and `crowded` the
    providers that had too many calls, with the time that is left in words.
    """

    spent: list[Spent]
    paid_calls: int
    limit: int | None
    left: int | None
    stopped: ProviderPause | None
    resting: list[ProviderPause]
    crowded: dict[str, str]


def today() -> Today:
    found = pauses.current()
    return Today(
        spent=_spent(),
        paid_calls=ledger.paid_today(),
        limit=conf.max_paid_calls_per_day(),
        left=ledger.left_today(),
        stopped=found.get(pauses.EVERYTHING),
        resting=[pause for pause in found.values() if pause.provider != pauses.EVERYTHING],
        crowded=_crowded(found),
    )


@dataclass(frozen=True)
class DaySpent:
    """One day's calls (UTC) to one provider in one unit, for one person; `user` is None for people without an account."""

    day: date
    provider: str
    user: str | None
    unit: str
    calls: int
    pictures: int
    paid: int
    unknown: int
    unpriced: int
    amount: Decimal | None


def by_day(viewer: Viewer, *, since: date | None = None, until: date | None = None, mine: bool = False) -> list[DaySpent]:
    """Return what this person spent, or everybody where they oversee that and do not ask for theirs alone.

    The newest day comes first, and both days are included.
    """
    until = until or datetime.now(UTC).date()
    calls = Attempt.objects.filter(sent_at__date__range=(since or until - USUAL_DAYS, until))
    if mine or not accounts.may_oversee(viewer):
        theirs = Q(job__owner=viewer.pk) | Q(asked_by=viewer.pk)
        calls = calls.filter(theirs) if viewer.is_authenticated else calls.none()
    user = Coalesce("job__owner__username", "asked_by__username")
    days = calls.annotate(day=TruncDate("sent_at", tzinfo=UTC), user=user)
    grouped = (
        days.values("day", "provider", "user", "unit")
        .annotate(pictures=_PICTURES, **_COUNTS)
        .order_by("-day", "provider", "user", "unit")
    )
    return [DaySpent(**cast(dict[str, Any], row)) for row in grouped]


def resume(provider: str) -> bool:
    """Let calls be made again, to one provider or to pauses.EVERYTHING; False where it did not rest."""
    had_enough = limits.end_pause(provider)
    lanes.wait_no_longer(provider)
    return pauses.resume(provider) or had_enough


def _crowded(paused: Mapping[str, ProviderPause]) -> dict[str, str]:
    """Return for how long providers rest that had too many calls, and are not paused besides."""
    rests = limits.rests(name for name in registry.names() if name not in paused)
    return {name: waiting.duration(math.ceil(seconds)) for name, seconds in rests.items() if seconds}


def _spent() -> list[Spent]:
    rows = ledger.today().values("provider").annotate(**_COUNTS).order_by("provider")
    return [_spent_at(row["provider"], cast(dict[str, Any], row)) for row in rows]


def _spent_at(provider: str, counts: dict[str, Any]) -> Spent:
    return Spent(is_free=registry.is_free(provider), unit=_unit(provider), **counts)


def _unit(provider: str) -> str:
    """Return the unit in which this provider charged today."""
    priced = ledger.today().filter(provider=provider).exclude(unit="")
    return priced.values_list("unit", flat=True).first() or ""
