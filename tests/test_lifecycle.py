"""Every change of state is guarded, and every call is written down before it is made."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection
from django.utils import timezone

from imagegen import errors, lifecycle
from imagegen.lifecycle import Claim, Receipt, Stored
from imagegen.models import Attempt, Job, ProviderPause
from imagegen.pictures import Picture
from imagegen.providers.base import Price
from imagegen.states import Charged, State
from tests.rows import MACHINE, WORKER, claimed, make_job

PNG = Picture("image/png", "png", 64, 64)
STORED = Stored("a.png", "ab", 3, PNG)


def claim(job: Job) -> Claim | None:
    return lifecycle.claim(job.pk, worker=WORKER, machine=MACHINE)


def succeed(held: Claim, stored: Stored = STORED) -> bool:
    return lifecycle.succeed(held, stored, seed=7, receipt=Receipt(sha256="cd", bytes=2))


def state_after(error: errors.ProviderError) -> Job:
    held = claimed(make_job())
    lifecycle.settle(held, error, Receipt())
    return Job.objects.get(pk=held.job)


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
        ProviderPause.objects.filter(pk=pause.pk).update(until=now)
        assert claim(make_job()) is not None

    def test_a_job_that_used_up_its_paid_calls_is_not_claimed(self) -> None:
        held = claimed(make_job())
        lifecycle.settle(held, errors.OutcomeUnknown("?"), Receipt())
        Job.objects.filter(pk=held.job).update(state=State.QUEUED)
        assert lifecycle.claim(held.job, worker=WORKER, machine=MACHINE) is None

    def test_an_unknown_id_is_no_claim(self) -> None:
        assert lifecycle.claim(uuid4(), worker=WORKER, machine=MACHINE) is None

    def test_the_database_refuses_a_second_open_attempt(self) -> None:
        held = claimed(make_job())
        with pytest.raises(IntegrityError):
            Attempt.objects.create(job_id=held.job, provider="demo", model="demo", fence=99, worker=WORKER, machine=MACHINE)


@pytest.mark.django_db(transaction=True)
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


@pytest.mark.django_db
class TestSuccess:
    def test_the_row_says_what_came_out(self) -> None:
        held = claimed(make_job())
        assert succeed(held)
        job = Job.objects.get(pk=held.job)
        assert (job.state, job.picture, job.width, job.sha256, job.bytes, job.lease_until) == (
            State.SUCCEEDED, "a.png", 64, "ab", 3, None,
        )  # fmt: skip

    def test_the_attempt_is_closed_as_paid_with_its_price(self) -> None:
        held = claimed(make_job())
        price = Price(3, "credits", "a page", timezone.now().date())
        lifecycle.succeed(held, STORED, seed=7, receipt=Receipt(http_status=200, request_id="r1", price=price))
        attempt = Attempt.objects.get(pk=held.attempt)
        assert (attempt.charged, attempt.request_id) == (Charged.YES, "r1")
        assert (attempt.amount, attempt.unit) == (Decimal(3), "credits")

    def test_a_late_write_with_an_old_fence_is_refused_but_the_payment_is_kept(self) -> None:
        held = claimed(make_job())
        Job.objects.filter(pk=held.job).update(fence=held.fence + 1)
        assert not succeed(held)
        assert Job.objects.get(pk=held.job).picture == ""
        assert Attempt.objects.get(pk=held.attempt).charged == Charged.YES

    def test_a_job_that_has_ended_stays_as_it_ended(self) -> None:
        held = claimed(make_job())
        assert succeed(held)
        assert not succeed(held, replace(STORED, name="b.png"))
        lifecycle.settle(held, errors.Invalid("no"), Receipt())
        assert Job.objects.get(pk=held.job).picture == "a.png"
        assert Attempt.objects.get(pk=held.attempt).outcome == "succeeded"


@pytest.mark.django_db
class TestSettle:
    @pytest.mark.parametrize(
        ("error", "state", "charged"),
        [
            (errors.Refused("no"), State.REFUSED, Charged.NO),
            (errors.Refused("blurred", charged=Charged.YES), State.REFUSED, Charged.YES),
            (errors.Invalid("no"), State.FAILED, Charged.NO),
            (errors.BadAnswer("html", charged=Charged.UNKNOWN), State.UNKNOWN, Charged.UNKNOWN),
            (errors.BadAnswer("broken", charged=Charged.YES), State.FAILED, Charged.YES),
            (errors.OutcomeUnknown("reset"), State.UNKNOWN, Charged.UNKNOWN),
            (errors.RateLimited("slow", retry_after=60), State.QUEUED, Charged.NO),
            (errors.Unavailable("down"), State.QUEUED, Charged.NO),
            (errors.OutOfCredit("empty"), State.QUEUED, Charged.NO),
            (errors.NotConfigured("key"), State.QUEUED, Charged.NO),
        ],
    )
    def test_each_error_leads_where_it_should(self, error: errors.ProviderError, state: State, charged: Charged) -> None:
        job = state_after(error)
        assert (job.state, job.error_code, job.error_sentence) == (state, error.code, str(error))
        assert Attempt.objects.get(job=job).charged == charged

    def test_a_rate_limit_holds_the_job_back_as_long_as_the_provider_says(self) -> None:
        job = state_after(errors.RateLimited("slow", retry_after=60))
        assert job.not_before is not None
        assert timedelta(seconds=50) < job.not_before - timezone.now() <= timedelta(seconds=60)

    @pytest.mark.parametrize("error", [errors.OutOfCredit("empty"), errors.NotConfigured("bad key")])
    def test_no_credit_and_a_bad_key_pause_the_provider(self, error: errors.ProviderError) -> None:
        state_after(error)
        assert ProviderPause.objects.get(pk="demo").sentence == str(error)
        assert lifecycle.is_paused("demo")

    def test_a_free_failure_is_tried_four_times_more_then_failed(self) -> None:
        job, calls = make_job(), 0
        while Job.objects.get(pk=job.pk).state == State.QUEUED:
            Job.objects.filter(pk=job.pk).update(not_before=None)
            lifecycle.settle(claimed(job), errors.Unavailable("down"), Receipt())
            calls += 1
        assert calls == 5
        assert Job.objects.get(pk=job.pk).state == State.FAILED

    def test_waits_between_free_failures_grow_up_to_a_minute(self) -> None:
        waits = [max(lifecycle._backoff(failures) for _ in range(200)) for failures in (1, 3, 20)]
        assert waits[0] <= 1 < waits[1] <= 4 < waits[2] <= 60

    def test_an_unknown_outcome_is_held_for_a_person_by_default(self) -> None:
        job = state_after(errors.OutcomeUnknown("reset"))
        assert (job.state, job.may_pay) == (State.UNKNOWN, 1)

    def test_an_unknown_outcome_is_bought_again_where_the_policy_says_so(self, settings) -> None:  # type: ignore[no-untyped-def]
        settings.ON_UNKNOWN, settings.MAX_PAID_ATTEMPTS = "retry", 2
        job = make_job()
        states = []
        for _ in range(2):
            lifecycle.settle(claimed(job), errors.OutcomeUnknown("reset"), Receipt())
            states.append(Job.objects.get(pk=job.pk).state)
            Job.objects.filter(pk=job.pk).update(not_before=None)
        assert states == [State.QUEUED, State.UNKNOWN]

    def test_a_job_with_one_unknown_call_never_ends_as_merely_failed(self, settings) -> None:  # type: ignore[no-untyped-def]
        settings.ON_UNKNOWN, settings.MAX_PAID_ATTEMPTS = "retry", 2
        job = make_job()
        for error in (errors.OutcomeUnknown("reset"), errors.Invalid("no")):
            Job.objects.filter(pk=job.pk).update(not_before=None)
            lifecycle.settle(claimed(job), error, Receipt())
        assert Job.objects.get(pk=job.pk).state == State.UNKNOWN


@pytest.mark.django_db
class TestDue:
    def test_the_oldest_come_first_and_the_limit_holds(self) -> None:
        jobs = [make_job() for _ in range(3)]
        assert lifecycle.due(2, told_before=timedelta(seconds=10)) == [job.pk for job in jobs[:2]]

    def test_a_job_that_workers_were_just_told_about_is_left_out(self) -> None:
        job = make_job()
        lifecycle.hinted([job.pk])
        assert lifecycle.due(9, told_before=timedelta(seconds=10)) == []
        Job.objects.update(hinted_at=timezone.now() - timedelta(seconds=11))
        assert lifecycle.due(9, told_before=timedelta(seconds=10)) == [job.pk]

    def test_jobs_that_cannot_run_are_left_out(self) -> None:
        now = timezone.now()
        ProviderPause.objects.create(provider="rests", reason="no_credit", since=now, until=now + timedelta(minutes=1))
        make_job(provider="rests")
        make_job(not_before=now + timedelta(minutes=1))
        make_job(state=State.FAILED)
        assert lifecycle.due(9, told_before=timedelta()) == []


@pytest.mark.django_db
def test_renewing_moves_the_lease_of_claims_that_still_hold() -> None:
    held, lost = claimed(make_job()), claimed(make_job())
    past = timezone.now() - timedelta(hours=1)
    Job.objects.update(lease_until=past)
    Job.objects.filter(pk=lost.job).update(fence=lost.fence + 1, worker=uuid4())
    lifecycle.renew([held, lost], worker=WORKER)
    leases = {job.pk: job.lease_until for job in Job.objects.all()}
    assert leases[lost.job] == past
    assert (leases[held.job] or past) > timezone.now()
