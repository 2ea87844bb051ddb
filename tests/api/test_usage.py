"""GET /api/usage: what was spent by day, provider and person."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from imagegen import pauses
from imagegen.models import Attempt
from imagegen.states import Charged
from tests.rows import claimed, make_batch, make_job

pytestmark = pytest.mark.django_db
URL = "/api/usage"


def call(owner: User | None = None, **fields: Any) -> None:
    held = claimed(make_job(batch=make_batch(owner=owner)))
    known = {"charged": Charged.YES, "amount": Decimal("1.5"), "unit": "credits", "outcome": "succeeded", **fields}
    Attempt.objects.filter(pk=held.attempt).update(**known)


def days(client: Client, **asked: str) -> list[dict[str, Any]]:
    answer = client.get(URL, asked)
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["days"]
    return found


def test_calls_of_one_day_provider_and_person_are_added_up(client: Client) -> None:
    for _ in range(2):
        call()
    call(charged=Charged.UNKNOWN, amount=None, outcome="outcome_unknown")
    [day] = days(client)
    assert (day["day"], day["provider"], day["user"]) == (datetime.now(UTC).date().isoformat(), "demo", None)
    assert (day["calls"], day["pictures"], day["paid"], day["unknown"], day["amount"]) == (3, 2, 2, 1, 3.0)


def test_a_price_that_nobody_knows_is_no_price_of_nothing(client: Client) -> None:
    call(amount=None)
    [day] = days(client)
    assert (day["unpriced"], day["amount"]) == (1, None)


def test_days_can_be_chosen_and_the_newest_comes_first(client: Client) -> None:
    now = datetime.now(UTC)
    for age in (0, 1, 2, 40):
        call(sent_at=now - timedelta(days=age))
    assert [day["day"] for day in days(client)] == [f"{now - timedelta(days=age):%Y-%m-%d}" for age in (0, 1, 2)]
    yesterday = f"{now - timedelta(days=1):%Y-%m-%d}"
    assert [day["day"] for day in days(client, since=yesterday, until=yesterday)] == [yesterday]


@pytest.fixture
def ann() -> User:
    ann, bob = (User.objects.create(username=name) for name in ("ann", "bob"))
    for owner in (ann, bob, None):
        call(owner)
    return ann


def test_where_people_without_a_name_may_do_everything_they_see_everything(client: Client, ann: User) -> None:
    assert {day["user"] for day in days(client)} == {"ann", "bob", None}


def test_otherwise_people_see_what_they_spent(client: Client, ann: User, settings: Any) -> None:
    settings.ANONYMOUS_ACCESS = "read"
    assert days(client) == []
    client.force_login(ann)
    assert [day["user"] for day in days(client)] == ["ann"]


def test_staff_see_what_everybody_spent(client: Client, ann: User, settings: Any) -> None:
    settings.ANONYMOUS_ACCESS = "closed"
    User.objects.update(is_staff=True)
    client.force_login(ann)
    assert len(days(client)) == 3


def test_today_has_a_limit_and_a_brake(client: Client, settings: Any) -> None:
    settings.MAX_PAID_CALLS_PER_DAY = 10
    call(provider="stability")
    pauses.stop_everything("ann")
    today = client.get(URL).json()["today"]
    assert (today["paid_calls"], today["limit"], today["left"]) == (1, 10, 9)
    assert "ann" in today["stopped"]


def test_who_does_not_oversee_what_is_spent_is_not_told_of_the_limit(client: Client, ann: User, settings: Any) -> None:
    settings.ANONYMOUS_ACCESS = "closed"
    client.force_login(ann)
    assert client.get(URL).json()["today"] is None


@pytest.mark.parametrize("name", ["since", "until"])
def test_a_day_that_is_none_is_refused_by_its_name(client: Client, name: str) -> None:
    assert client.get(URL, {name: "2026-13-01"}).json()["errors"][0]["field"] == name
