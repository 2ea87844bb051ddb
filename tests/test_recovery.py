"""What a crash left: taken over once, finished without a second call where that is possible, unknown otherwise."""

import json
import os
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import OperationalError
from django.utils import timezone

from imagegen import claims, errors, generation, lifecycle, recovery, spool, storage, workers
from imagegen.claims import Claim
from imagegen.errors import StorageUnavailable
from imagegen.ledger import Receipt
from imagegen.models import Attempt, Job, Worker
from imagegen.pictures import Picture
from imagegen.providers import registry
from imagegen.states import Charged, State
from tests.product import Product
from tests.rows import WORKER, claimed, make_job
from tests.standins import stability as answers
from tests.standins.stability import StabilityStandIn
from tests.waiting import wait_until


def crashed(prompt: str = "A kite", *, machine: UUID | None = None, **fields: Any) -> Claim:
    """Return a claim whose worker is gone: its lease ran out a moment ago."""
    job = make_job(prompt, **fields)
    held = claims.claim(job.pk, worker=WORKER, machine=machine or workers.machine())
    assert held is not None
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    return held


def answered(held: Claim) -> None:
    """Put the provider's answer into the spool, as the crashed worker did just before its end."""
    registry.get(held.provider).send(held.request, spool.keep(held.attempt, held.provider))


def recovered(held: Claim) -> Job:
    recovery.recover()
    recovery.wait_until_idle()
    return Job.objects.get(pk=held.job)


def age_spool() -> None:
    """Make every kept answer old enough to be looked at."""
    for attempt in spool.left_behind(-3600):
        os.utime(spool._path(attempt), (0, 0))


@pytest.mark.django_db(transaction=True)
class TestOrphans:
    def test_an_answer_in_the_spool_is_finished_without_a_second_call(self) -> None:
        held = crashed()
        answered(held)
        assert recovered(held).state == State.SUCCEEDED
        assert Attempt.objects.get().charged == Charged.YES
        assert spool.left_behind(-3600) == []

    def test_a_picture_that_was_stored_and_never_told_of_is_deleted(self) -> None:
        held = crashed()
        answered(held)
        storage.save(held.job, held.fence, "png", b"the same picture")
        name = recovered(held).picture
        assert name.endswith("-2.png")
        with pytest.raises(FileNotFoundError):
            storage.read(name.replace("-2.png", "-1.png"))

    def test_a_handle_is_polled_again(self) -> None:
        held = crashed()
        accepted = {"ready": time.time() + 0.3, "request": {**vars(held.request), "attempt": str(held.attempt)}}
        claims.accepted(held, json.dumps(accepted))
        assert recovered(held).state == State.SUCCEEDED

    def test_a_call_that_left_nothing_is_unknown(self) -> None:
        job = recovered(crashed())
        assert (job.state, job.error_code) == (State.UNKNOWN, "worker_gone")
        assert Attempt.objects.get().charged == Charged.UNKNOWN

    def test_the_policy_may_buy_it_again(self, settings: Any) -> None:
        settings.ON_UNKNOWN = "retry"
        job = recovered(crashed())
        assert (job.state, job.may_pay) == (State.QUEUED, 2)

    def test_a_job_whose_lease_holds_is_left_alone(self) -> None:
        held = crashed()
        Job.objects.update(lease_until=timezone.now() + timedelta(minutes=1))
        assert recovered(held).state == State.RUNNING

    def test_a_process_never_takes_over_what_it_works_on_itself(self) -> None:
        held = crashed()
        with workers.executing(held):
            assert recovered(held).state == State.RUNNING

    def test_only_one_process_takes_a_job_over(self) -> None:
        crashed()
        [orphan] = claims.orphans(workers.machine())
        assert claims.take_over(orphan, worker=uuid4()) is not None
        assert claims.take_over(orphan, worker=uuid4()) is None

    def test_only_a_lease_that_ran_out_makes_an_orphan(self) -> None:
        crashed()
        assert len(claims.orphans(workers.machine())) == 1
        Job.objects.update(lease_until=timezone.now() + timedelta(minutes=1))
        assert claims.orphans(workers.machine()) == []

    def test_a_job_that_was_renewed_since_it_was_seen_is_not_taken(self) -> None:
        crashed()
        [orphan] = claims.orphans(workers.machine())
        Job.objects.update(lease_until=timezone.now() + timedelta(minutes=1))
        assert claims.take_over(orphan, worker=uuid4()) is None

    def test_a_job_that_was_taken_over_and_lost_once_more_is_another_one(self) -> None:
        crashed()
        [orphan] = claims.orphans(workers.machine())
        assert claims.take_over(orphan, worker=uuid4()) is not None
        Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        assert claims.take_over(orphan, worker=uuid4()) is None

    def test_a_machine_that_lives_keeps_its_calls_to_itself(self) -> None:
        elsewhere = uuid4()
        Worker.objects.create(machine=elsewhere, threads=1, heartbeat=timezone.now() - timedelta(seconds=50))
        held = crashed(machine=elsewhere)
        assert recovered(held).state == State.RUNNING
        Worker.objects.update(heartbeat=timezone.now() - timedelta(seconds=61))
        assert recovered(held).state == State.UNKNOWN

    def test_the_lease_is_the_rescuers_while_it_polls(self) -> None:
        held = crashed()
        accepted = {"ready": time.time() + 1, "request": {**vars(held.request), "attempt": str(held.attempt)}}
        claims.accepted(held, json.dumps(accepted))
        recovery.recover()
        wait_until(lambda: Job.objects.get().fence == 2, seconds=10, what="the takeover")
        assert claims.orphans(workers.machine()) == []
        recovery.wait_until_idle()


@pytest.mark.django_db(transaction=True)
class TestLateAnswers:
    def test_a_slow_worker_that_was_taken_over_changes_nothing_but_the_ledger(self) -> None:
        held = crashed()
        recovered(held)
        stored = lifecycle.Stored("late.png", "ab", 1, _picture())
        assert not lifecycle.succeed(held, stored, seed=1, receipt=Receipt(http_status=200))
        assert Job.objects.get().state == State.UNKNOWN
        assert Attempt.objects.get().charged == Charged.YES

    def test_a_slow_worker_leaves_the_call_open_for_who_took_it_over(self) -> None:
        held = crashed()
        [orphan] = claims.orphans(workers.machine())
        assert claims.take_over(orphan, worker=uuid4()) is not None
        assert not lifecycle.succeed(held, lifecycle.Stored("late.png", "ab", 1, _picture()), seed=1, receipt=Receipt())
        Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        assert len(claims.orphans(workers.machine())) == 1

    def test_a_slow_workers_picture_is_not_thrown_away_where_another_machine_gave_it_up(self) -> None:
        held = crashed()
        [orphan] = claims.orphans(workers.machine())
        rescuer = claims.take_over(orphan, worker=uuid4())
        assert rescuer is not None
        answered(held)
        lifecycle.succeed(held, lifecycle.Stored("late.png", "ab", 1, _picture()), seed=1, receipt=Receipt())
        lifecycle.settle(rescuer, errors.OutcomeUnknown("Nothing is here."), Receipt())
        age_spool()
        assert recovered(held).state == State.SUCCEEDED

    def test_an_answer_that_comes_after_all_makes_an_unknown_job_succeed(self) -> None:
        held = crashed()
        recovered(held)
        answered(held)
        age_spool()
        assert recovered(held).state == State.SUCCEEDED
        assert Attempt.objects.get().charged == Charged.YES

    def test_a_picture_that_the_database_would_not_take_is_finished_later(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def locked(*_: object, **__: object) -> bool:
            raise OperationalError("database is locked")

        job = make_job()
        with monkeypatch.context() as patch:
            patch.setattr(lifecycle, "succeed", locked)
            with pytest.raises(OperationalError):
                generation.run(job.pk)
        Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        recovery.recover()
        recovery.wait_until_idle()
        assert Job.objects.get().state == State.SUCCEEDED
        assert Attempt.objects.get().charged == Charged.YES

    def test_a_fresh_answer_is_left_to_whoever_is_finishing_it(self) -> None:
        held = crashed()
        recovered(held)
        answered(held)
        assert recovered(held).state == State.UNKNOWN

    def test_a_picture_that_could_not_be_stored_is_stored_when_the_place_is_back(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(*_: object) -> str:
            raise StorageUnavailable("away")

        held = crashed()
        answered(held)
        with monkeypatch.context() as patch:
            patch.setattr(storage, "save", away)
            patch.setattr(time, "sleep", lambda _: None)
            assert recovered(held).error_code == "not_stored"
        age_spool()
        assert recovered(held).state == State.SUCCEEDED

    @pytest.mark.parametrize("policy", ["hold", "retry"])
    def test_a_job_that_is_queued_again_takes_the_answer_and_makes_no_other_call(self, settings: Any, policy: str) -> None:
        settings.ON_UNKNOWN = policy
        held = crashed()
        recovered(held)
        lifecycle.ask_again(Job.objects.all(), State.UNKNOWN)
        answered(held)
        age_spool()
        assert recovered(held).state == State.SUCCEEDED
        assert Attempt.objects.get().charged == Charged.YES

    def test_an_answer_waits_while_another_call_is_in_flight(self) -> None:
        held = crashed()
        recovered(held)
        lifecycle.ask_again(Job.objects.all(), State.UNKNOWN)
        claimed(Job.objects.get())
        answered(held)
        age_spool()
        assert recovered(held).state == State.RUNNING
        assert len(spool.left_behind(-3600)) == 1

    def test_a_slow_workers_picture_serves_a_job_whose_next_call_failed(self) -> None:
        held = crashed()
        recovered(held)
        lifecycle.ask_again(Job.objects.all(), State.UNKNOWN)
        again = claimed(Job.objects.get())
        answered(held)
        lifecycle.succeed(held, lifecycle.Stored("late.png", "ab", 1, _picture()), seed=1, receipt=Receipt())
        lifecycle.settle(again, errors.Invalid("No such size."), Receipt())
        assert Job.objects.get().state == State.FAILED
        age_spool()
        assert recovered(held).state == State.SUCCEEDED

    def test_an_answer_that_came_too_late_still_says_that_it_was_paid(self) -> None:
        held = crashed()
        recovered(held)
        answered(held)
        Job.objects.update(state=State.CANCELED)
        age_spool()
        recovered(held)
        attempt = Attempt.objects.get()
        assert (attempt.charged, attempt.outcome) == (Charged.YES, "came_too_late")
        assert spool.left_behind(-3600) == []

    def test_a_late_refusal_explains_an_unknown_job(self) -> None:
        held = crashed("A kite [demo: refuse]")
        recovered(held)
        answered(held)
        age_spool()
        assert recovered(held).state == State.REFUSED
        assert Attempt.objects.get().charged == Charged.NO

    def test_a_late_refusal_of_an_earlier_call_only_tells_what_it_cost(self) -> None:
        held = crashed("A kite [demo: refuse]")
        recovered(held)
        lifecycle.ask_again(Job.objects.all(), State.UNKNOWN)
        lifecycle.settle(claimed(Job.objects.get()), errors.OutcomeUnknown("?"), Receipt())
        answered(held)
        age_spool()
        assert recovered(held).state == State.UNKNOWN
        assert Attempt.objects.get(pk=held.attempt).charged == Charged.NO

    def test_the_answer_of_a_job_that_has_ended_is_thrown_away(self) -> None:
        held = crashed()
        answered(held)
        Job.objects.update(state=State.CANCELED)
        age_spool()
        recovered(held)
        assert spool.left_behind(-3600) == []


class TestJudgement:
    @pytest.fixture(autouse=True)
    def _own_pulse(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(workers._Pulse, "last", None)
        monkeypatch.setattr(workers._Pulse, "doubtful_until", 0.0)

    @pytest.mark.django_db(transaction=True)
    def test_a_process_that_was_stopped_for_a_while_waits_a_lease(self, monkeypatch: pytest.MonkeyPatch) -> None:
        heart = workers.Heart(threads=1)
        heart._beat()
        assert workers.may_take_over()
        monkeypatch.setattr(workers._Pulse, "last", time.monotonic() - 21)
        assert not workers.may_take_over()
        heart._beat()
        assert not workers.may_take_over()

    def test_a_process_without_a_heartbeat_judges_nobody(self) -> None:
        assert not workers.may_take_over()


def _picture() -> Picture:
    return Picture("image/png", "png", 1, 1)


@pytest.fixture(scope="module")
def standin() -> Iterator[StabilityStandIn]:
    with StabilityStandIn(key="sk-kill") as standin:
        yield standin


@pytest.fixture(scope="module")
def product(standin: StabilityStandIn) -> Iterator[Product]:
    # So few calls at once that most have not begun when the kills come.
    crew = {"WORKER_PROCESSES": 2, "WORKER_CONCURRENCY": 8, "LEASE_SECONDS": 3}
    with Product(**crew, STABILITY_API_KEY="sk-kill", STABILITY_API_HOST=standin.url) as product:
        yield product


def test_killed_workers_lose_no_job_and_no_call_is_made_twice(product: Product, standin: StabilityStandIn) -> None:
    standin.always("kite", answers.success().after(1.5))
    ids = product.generate(*(f"kite {number}" for number in range(60)))
    for _ in range(3):
        time.sleep(1)
        os.kill(next(pid for words, pid in product.parts() if "celery" in words), signal.SIGKILL)
    images = product.finished(ids, seconds=120)
    assert {image["state"] for image in images} == {"succeeded", "unknown"}
    assert len({call.prompt for call in standin.calls}) == len(standin.calls)


def test_every_call_has_one_attempt_and_none_that_was_billed_says_no(product: Product, standin: StabilityStandIn) -> None:
    product.finished(product.generate("a kite that is not disturbed"))
    ledger = product.ledger("stability")
    billed = {UUID(call.attempt).hex for call in standin.calls if call.credits}
    assert billed
    assert all(ledger[attempt] in ("yes", "unknown") for attempt in billed)
