"""The page of what is spent: today's calls, the limit, and the brake that every page shows while it is on."""

import re
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from imagegen import claims, errors, ledger, lifecycle, limits, pauses
from imagegen.ledger import Receipt
from imagegen.models import Attempt
from imagegen.states import Charged
from tests.rows import MACHINE, WORKER, claimed, make_job

pytestmark = pytest.mark.django_db


def page(client: Client, path: str = "/spending") -> str:
    return str(client.get(path).content.decode())


def paid(amount: Decimal | None, unit: str = "credits") -> None:
    held = claimed(make_job(provider="stability", model="core"))
    ledger.close(held.attempt, "succeeded", Charged.YES, Receipt())
    Attempt.objects.filter(pk=held.attempt).update(amount=amount, unit=unit)


def test_a_day_without_calls_says_so(client: Client) -> None:
    assert "No call was made today." in page(client)


def test_costs_are_added_up_by_provider(client: Client) -> None:
    paid(Decimal(3))
    paid(Decimal("3.5"))
    assert "6.50 credits" in page(client)


def test_a_price_that_is_not_known_is_never_nothing(client: Client) -> None:
    paid(None, "")
    assert "1 at an unknown price" in page(client)


def test_what_may_have_been_paid_is_counted_apart(client: Client) -> None:
    lifecycle.settle(claimed(make_job(provider="stability", model="core")), errors.OutcomeUnknown("?"), Receipt())
    assert "<td>1</td><td>0</td><td>1</td>" in page(client)


def test_a_call_that_is_free_is_not_said_to_be_paid(client: Client) -> None:
    ledger.close(claimed(make_job(provider="demo")).attempt, "succeeded", Charged.YES, Receipt())
    assert "0 paid calls since midnight" in page(client)
    assert "<td>1</td><td>free</td><td>0</td>" in page(client)


def test_the_limit_is_told_with_what_is_left(client: Client, settings: Any) -> None:
    settings.MAX_PAID_CALLS_PER_DAY = 5
    paid(Decimal(3))
    assert "1 of 5 paid calls since midnight UTC, 4 left" in page(client)


def test_a_click_stops_everything_and_every_page_says_so(client: Client) -> None:
    client.post("/spending", {})
    assert "Everything was paused by a visitor" in page(client, "/")


def test_another_click_lets_it_go_on(client: Client) -> None:
    client.post("/spending", {})
    assert "Resume everything" in page(client)
    client.post("/spending", {"resume": ""})
    assert pauses.current() == {}
    assert "Everything was paused" not in page(client, "/")


def test_a_provider_that_rests_is_shown_and_can_be_resumed_by_hand(client: Client) -> None:
    lifecycle.settle(claimed(make_job()), errors.OutOfCredit("The account is empty."), Receipt())
    shown = page(client)
    assert "The account is empty." in shown
    assert "Resume demo now" in shown
    client.post("/spending", {"resume": "demo"})
    assert pauses.current() == {}


def test_a_provider_that_had_too_many_calls_is_shown_and_can_be_resumed_by_hand(client: Client) -> None:
    limits.pause("demo", 60, "Too many calls.")
    assert re.search(r"takes no more calls for another (59|60) s", page(client))
    client.post("/spending", {"resume": "demo"})
    assert limits.paused_for("demo") == 0
    assert "takes no more calls" not in page(client)


def test_a_job_that_was_to_wait_for_a_crowded_provider_goes_on_with_it(client: Client) -> None:
    held = claimed(make_job())
    lifecycle.settle(held, errors.RateLimited("Too many calls.", retry_after=600), Receipt())
    client.post("/spending", {"resume": "demo"})
    assert claims.claim(held.job, worker=WORKER, machine=MACHINE)


def test_waiting_jobs_say_that_everything_is_stopped(client: Client) -> None:
    job = make_job()
    pauses.stop_everything("ada")
    assert 'dir="auto">Everything was paused by ada.' in page(client, f"/batches/{job.batch_id}")


def test_waiting_jobs_say_that_the_day_is_spent(client: Client, settings: Any) -> None:
    settings.MAX_PAID_CALLS_PER_DAY = 0
    job = make_job(provider="stability", model="core")
    assert "limit of 0 paid calls is reached" in page(client, f"/batches/{job.batch_id}")


@pytest.mark.parametrize("access", ["read", "closed"])
def test_only_staff_may_where_not_everybody_may_spend(client: Client, settings: Any, access: str) -> None:
    settings.ANONYMOUS_ACCESS = access
    assert client.post("/spending", {}).status_code == 403
    client.force_login(User.objects.create(username="grace"))
    assert client.get("/spending").status_code == 403
    client.force_login(User.objects.create(username="ada", is_staff=True))
    assert client.post("/spending", {}, follow=True).status_code == 200
    assert "paused by ada" in pauses.stopped_by()


def test_the_command_line_stops_and_resumes(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("pause")
    assert "on the command line" in pauses.stopped_by()
    call_command("resume")
    assert pauses.current() == {}
    call_command("resume", "demo")
    assert "Nothing was paused" in capsys.readouterr().out
