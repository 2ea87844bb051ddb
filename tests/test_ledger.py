"""What was paid is counted, and today's limit is exact however many claims come at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from imagegen import errors, lanes, ledger, lifecycle
from imagegen.ledger import Receipt
from imagegen.models import Attempt, Job
from imagegen.states import Charged
from tests.rows import claim, claimed, make_job


def is_claimed(job: Job) -> bool:
    return claim(job) is not None


def paid_job() -> Job:
    return make_job(provider="stability", model="core")


@pytest.fixture
def limit_of_two(settings: Any) -> None:
    settings.MAX_PAID_CALLS_PER_DAY = 2


@pytest.mark.django_db
@pytest.mark.usefixtures("limit_of_two")
class TestDailyLimit:
    def test_no_call_is_made_past_it(self) -> None:
        assert [is_claimed(paid_job()) for _ in range(3)] == [True, True, False]

    def test_a_call_that_cost_nothing_does_not_count(self) -> None:
        lifecycle.settle(claimed(paid_job()), errors.Unavailable("down"), Receipt())
        assert [is_claimed(paid_job()) for _ in range(3)] == [True, True, False]

    def test_a_call_that_may_have_cost_something_counts(self) -> None:
        lifecycle.settle(claimed(paid_job()), errors.OutcomeUnknown("?"), Receipt())
        assert [is_claimed(paid_job()) for _ in range(2)] == [True, False]

    def test_free_providers_go_on(self) -> None:
        assert all([is_claimed(paid_job()), is_claimed(paid_job()), is_claimed(make_job()), is_claimed(make_job())])

    def test_calls_of_free_providers_do_not_count(self) -> None:
        assert [is_claimed(make_job()) for _ in range(3)] == [True] * 3
        assert is_claimed(paid_job())

    def test_yesterdays_calls_do_not_count(self) -> None:
        assert [is_claimed(paid_job()) for _ in range(2)] == [True, True]
        Attempt.objects.update(sent_at=timezone.now() - timedelta(days=1))
        assert is_claimed(paid_job())

    def test_workers_are_told_about_free_jobs_alone_once_it_is_reached(self) -> None:
        assert [is_claimed(paid_job()) for _ in range(2)] == [True, True]
        paid_job()
        free = make_job()
        assert lanes.due("stability", 10, told_before=timedelta()) == []
        assert [hint.job for hint in lanes.due("demo", 10, told_before=timedelta())] == [free.pk]

    def test_the_job_itself_stays_queued(self) -> None:
        jobs = [paid_job() for _ in range(3)]
        assert [is_claimed(job) for job in jobs][-1] is False
        assert Job.objects.get(pk=jobs[-1].pk).state == "queued"


@pytest.mark.django_db
def test_a_limit_of_nothing_buys_nothing(settings: Any) -> None:
    settings.MAX_PAID_CALLS_PER_DAY = 0
    assert not is_claimed(paid_job())


@pytest.mark.django_db
def test_without_a_limit_there_is_no_figure() -> None:
    assert ledger.left_today() is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("crowd")
def test_of_many_claims_at_once_exactly_as_many_pass_as_are_left(settings: Any) -> None:
    settings.MAX_PAID_CALLS_PER_DAY = 10
    jobs, start = [paid_job() for _ in range(64)], threading.Barrier(64)

    def try_to(job: Job) -> bool:
        start.wait()
        try:
            return is_claimed(job)
        finally:
            connection.close()

    with ThreadPoolExecutor(64) as pool:
        assert sum(pool.map(try_to, jobs)) == 10
    assert Attempt.objects.count() == 10


@pytest.mark.django_db
def test_what_is_known_of_a_charge_is_never_forgotten() -> None:
    held = claimed(paid_job())
    ledger.close(held.attempt, "succeeded", Charged.YES, Receipt())
    ledger.close(held.attempt, "outcome_unknown", Charged.UNKNOWN, Receipt())
    assert Attempt.objects.get().charged == Charged.YES
