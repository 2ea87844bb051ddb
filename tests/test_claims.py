"""Every call is written down before it is made, and a job is in one worker's hands at a time."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection
from django.utils import timezone

from imagegen import claims, errors, lifecycle
from imagegen.claims import Claim
from imagegen.ledger import Receipt
from imagegen.models import Attempt, Job, ProviderPause
from imagegen.states import Charged, State
from tests.rows import MACHINE, WORKER, claim, claimed, make_batch, make_job

LATER = timezone.now() + timedelta(days=1)


@pytest.mark.django_db
class TestClaim:
    def test_a_claim_runs_the_job_and_opens_its_attempt(self) -> None:
        held = claimed(make_job())
        assert Job.objects.get(pk=held.job).state == State.RUNNING
        attempt = Attempt.objects.get(job=held.job)
        assert (attempt.pk, attempt.ended_at, attempt.charged) == (held.attempt, None, Charged.UNKNOWN)

    def test_a_claim_carries_everything_that_was_asked(self) -> None:
        held = claimed(make_job("A kite", negative_prompt="rain", size="64x64", style="ocean", seed=3))
        request = held.request
        assert (request.prompt, request.negative_prompt, request.size, request.style, request.seed) == (
            "A kite", "rain", "64x64", "ocean", 3,
        )  # fmt: skip

    @pytest.mark.parametrize("state", [state for state in State if state != State.QUEUED])
    def test_only_a_queued_job_can_be_claimed(self, state: State) -> None:
        assert claim(make_job(state=state)) is None

    def test_a_job_is_not_claimed_before_its_time(self) -> None:
        assert claim(make_job(not_before=timezone.now() + timedelta(minutes=1))) is None
        assert claim(make_job(not_before=timezone.now() - timedelta(minutes=1))) is not None

    def test_a_job_of_a_paused_provider_waits(self) -> None:
        now = timezone.now()
        pause = ProviderPause.objects.create(
            provider="demo", reason="no_credit", since=now, until=now + timedelta(minutes=1)
        )
        assert claim(make_job()) is None
        ProviderPause.objects.filter(pk=pause.pk).update(until=now - timedelta(seconds=1))
        assert claim(make_job()) is not None

    def test_a_job_that_used_up_its_paid_calls_is_not_claimed(self) -> None:
        held = claimed(make_job())
        lifecycle.settle(held, errors.OutcomeUnknown("?"), Receipt())
        Job.objects.filter(pk=held.job).update(state=State.QUEUED)
        assert claims.claim(held.job, worker=WORKER, machine=MACHINE) is None

    def test_an_unknown_id_is_no_claim(self) -> None:
        assert claims.claim(uuid4(), worker=WORKER, machine=MACHINE) is None

    def test_the_database_refuses_a_second_open_attempt(self) -> None:
        held = claimed(make_job())
        with pytest.raises(IntegrityError):
            Attempt.objects.create(job_id=held.job, provider="demo", model="demo", fence=99, worker=WORKER, machine=MACHINE)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("crowd")
def test_of_many_workers_only_one_claims_each_job() -> None:
    jobs, start = [make_job() for _ in range(20)], threading.Barrier(8)

    def worker(_: int) -> list[Claim | None]:
        start.wait()
        try:
            return [claim(job) for job in jobs]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        held = [each for claims in pool.map(worker, range(8)) for each in claims if each]
    assert sorted(each.job for each in held) == sorted(job.pk for job in jobs)
    assert Attempt.objects.count() == len(jobs)


def next_of(provider: str) -> Claim | None:
    return claims.claim_next(provider, worker=WORKER, machine=MACHINE)


@pytest.mark.django_db
class TestClaimNext:
    def test_the_job_whose_turn_it_is_comes_first(self) -> None:
        first, later = make_batch(), make_batch()
        jobs = [make_job(batch=batch).pk for batch in (first, first, later)]
        held = [next_of("demo") for _ in jobs]
        assert [each and each.job for each in held] == [jobs[0], jobs[2], jobs[1]]

    def test_a_claim_of_the_next_one_runs_it_and_opens_its_attempt(self) -> None:
        job = make_job("A kite", size="64x64", style="ocean")
        held = next_of("demo")
        assert held is not None
        assert (held.job, held.request.prompt, held.request.size, held.request.style) == (job.pk, "A kite", "64x64", "ocean")
        assert Job.objects.get().state == State.RUNNING
        assert Attempt.objects.get().pk == held.attempt

    def test_there_is_none_of_another_provider(self) -> None:
        make_job(provider="stability")
        assert next_of("demo") is None

    @pytest.mark.parametrize("fields", [{"is_held": True}, {"not_before": LATER}, {"state": State.FAILED}])
    def test_there_is_none_that_waits_for_something_of_its_own(self, fields: dict[str, Any]) -> None:
        make_job(**fields)
        assert next_of("demo") is None

    def test_none_is_called_for_while_its_provider_rests(self) -> None:
        make_job()
        ProviderPause.objects.create(provider="demo", reason="no_credit", since=timezone.now(), until=LATER)
        assert next_of("demo") is None
        assert Attempt.objects.count() == 0

    def test_one_alone_tries_a_provider_that_rested(self) -> None:
        for _ in range(2):
            make_job()
        now = timezone.now()
        ProviderPause.objects.create(provider="demo", reason="no_credit", since=now, until=now - timedelta(seconds=1))
        assert (next_of("demo") is None, next_of("demo") is None) == (False, True)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("crowd")
def test_of_many_workers_that_take_the_next_each_job_has_one() -> None:
    jobs, start = [make_job() for _ in range(40)], threading.Barrier(8)

    def worker(_: int) -> list[UUID]:
        start.wait()
        try:
            return [held.job for held in iter(lambda: next_of("demo"), None)]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        held = [job for jobs in pool.map(worker, range(8)) for job in jobs]
    assert sorted(held) == sorted(job.pk for job in jobs)
    assert Attempt.objects.count() == len(jobs)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("crowd")
def test_of_two_hundred_claims_at_once_each_job_gets_one() -> None:
    jobs, start = [make_job() for _ in range(50)], threading.Barrier(200)

    def worker(number: int) -> bool:
        start.wait()
        try:
            return claim(jobs[number % len(jobs)]) is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(200) as pool:
        assert sum(pool.map(worker, range(200))) == len(jobs)
    assert Attempt.objects.count() == len(jobs)


@pytest.mark.django_db
def test_renewing_moves_the_lease_of_claims_that_still_hold() -> None:
    held, lost = claimed(make_job()), claimed(make_job())
    past = timezone.now() - timedelta(hours=1)
    Job.objects.update(lease_until=past)
    Job.objects.filter(pk=lost.job).update(fence=lost.fence + 1, worker=uuid4())
    claims.renew([held, lost], worker=WORKER)
    leases = {job.pk: job.lease_until for job in Job.objects.all()}
    assert leases[lost.job] == past
    assert (leases[held.job] or past) > timezone.now()
