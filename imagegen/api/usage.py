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
from imagegen.usage import DaySpent


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


class UsageShape(TypedDict):
    """What was spent, the newest day first."""

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
        answer: UsageShape = {"days": [_entry(day) for day in days]}
        return Response(answer)


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
