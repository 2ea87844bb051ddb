"""GET /api/usage: what was spent, and how many pictures came of it, by day, provider and person."""

from datetime import date
from typing import TypedDict

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from imagegen import accounts, usage
from imagegen.api.query import Query
from imagegen.api.schema import describe
from imagegen.api.shapes import number
from imagegen.usage import DaySpent, Today


class DayShape(TypedDict):
    """Calls of one day (UTC) to one provider in one unit of money, for one person; null is nobody with an account.

    `amount` adds up the known prices, and is null where none is known.
    """

    day: date
    provider: str
    user: str | None
    unit: str | None
    calls: int
    pictures: int
    paid: int
    unknown: int
    unpriced: int
    amount: float | None


class TodayShape(TypedDict):
    """Since midnight UTC: the paid calls, the day's limit and what it leaves, null where there is none.

    `stopped` is the sentence of who stopped everything, null where nobody did.
    """

    paid_calls: int
    limit: int | None
    left: int | None
    stopped: str | None


class UsageShape(TypedDict):
    """What was spent, the newest day first; `today` is null for those who do not oversee it."""

    today: TodayShape | None
    days: list[DayShape]


class Asked(Query):
    """Which days, both included; thirty days up to today unless it is said."""

    since = serializers.DateField(required=False)
    until = serializers.DateField(required=False)


class Usage(APIView):
    """GET /api/usage: one's own spending; everybody's for those who oversee it."""

    @describe("usage", "What was spent", {200: UsageShape}, asked=Asked)
    def get(self, request: Request) -> Response:
        accounts.check_may_read(request.user)
        days = usage.by_day(request.user, **Asked.read(request.query_params))
        today = _today(usage.today()) if accounts.may_oversee(request.user) else None
        answer: UsageShape = {"today": today, "days": [_entry(day) for day in days]}
        return Response(answer)


def _today(today: Today) -> TodayShape:
    stopped = today.stopped.sentence if today.stopped else None
    return {"paid_calls": today.paid_calls, "limit": today.limit, "left": today.left, "stopped": stopped}


def _entry(day: DaySpent) -> DayShape:
    return {
        "day": day.day,
        "provider": day.provider,
        "user": day.user,
        "unit": day.unit or None,
        "calls": day.calls,
        "pictures": day.pictures,
        "paid": day.paid,
        "unknown": day.unknown,
        "unpriced": day.unpriced,
        "amount": number(day.amount),
    }
