"""One job from claim to picture, against the stand-in's bill and real files."""

import time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings as django_settings
from django.db import connection

from imagegen import calls, errors, generation, lanes, limits, pictures, spool, storage, workers
from imagegen.models import Attempt, Job
from imagegen.providers import registry
from imagegen.states import Charged, State
from tests.rows import claimed, make_job
from tests.standins import stability as answers
from tests.standins.stability import StabilityStandIn

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def standin(stability_provider: StabilityStandIn) -> StabilityStandIn:
    return stability_provider


def run(prompt: str = "A piano ninja", **fields: Any) -> Job:
    job = make_job(prompt, **{"provider": "stability", "model": "core", **fields})
    generation.run(job.pk)
    return Job.objects.get(pk=job.pk)


def spooled() -> list[Path]:
    folder = Path(django_settings.DATA_DIR) / "spool"
    return [path for path in folder.iterdir() if path.is_file()] if folder.exists() else []


def test_a_picture_is_stored_as_the_provider_made_it(standin: StabilityStandIn) -> None:
    job = run()
    assert job.state == State.SUCCEEDED
    body = storage.read(job.picture)
    assert (len(body), body[:4]) == (job.bytes, b"\x89PNG")


def test_each_call_carries_the_attempt_that_was_written_down(standin: StabilityStandIn) -> None:
    run()
    assert [call.attempt for call in standin.calls] == [str(Attempt.objects.get().pk)]


def test_the_ledger_has_what_the_provider_said(standin: StabilityStandIn) -> None:
    run()
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.http_status, attempt.charged, attempt.amount) == ("succeeded", 200, "yes", Decimal(3))
    assert attempt.request_id


def test_nothing_stays_in_the_spool_once_the_picture_is_stored(standin: StabilityStandIn) -> None:
    run()
    assert spooled() == []


def test_a_job_that_is_not_due_makes_no_call(standin: StabilityStandIn) -> None:
    run(state=State.SUCCEEDED)
    assert standin.calls == []


def test_a_job_of_a_provider_that_is_gone_waits_and_nothing_is_charged(standin: StabilityStandIn) -> None:
    job = run(provider="gone", model="gone")
    assert (job.state, job.error_code) == (State.QUEUED, "not_configured")
    assert Attempt.objects.get().charged == Charged.NO


@pytest.fixture
def just_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be known of who waited a moment ago, in the test before."""
    monkeypatch.setattr(lanes, "MOMENT_SECONDS", 0.0)
    monkeypatch.setattr(lanes._seen, "until", 0.0)


@pytest.mark.usefixtures("just_now")
class TestWork:
    def test_one_hint_is_enough_for_all_that_wait(self, standin: StabilityStandIn) -> None:
        jobs = [make_job(provider="stability", model="core") for _ in range(3)]
        jobs.append(make_job(size="64x64"))
        generation.work(jobs[1].pk)
        assert {job.state for job in Job.objects.all()} == {State.SUCCEEDED}
        assert len(standin.calls) == 3

    def test_a_hint_that_comes_too_late_leads_to_what_waits(self, standin: StabilityStandIn) -> None:
        waits = make_job(provider="stability", model="core")
        generation.work(make_job(state=State.SUCCEEDED).pk)
        assert Job.objects.get(pk=waits.pk).state == State.SUCCEEDED

    def test_who_is_called_least_comes_next(self, standin: StabilityStandIn) -> None:
        busy, asked = claimed(make_job()), ["demo", "stability"]
        with workers.executing(busy):
            assert generation._nearest(asked) == ["stability", "demo"]
        assert generation._nearest(asked) == asked

    def test_a_process_that_is_to_end_takes_no_further_job(
        self, standin: StabilityStandIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = (make_job(provider="stability", model="core") for _ in range(2))
        monkeypatch.setattr(workers, "is_stopping", lambda: bool(standin.calls))
        generation.work(first.pk)
        assert Job.objects.get(pk=second.pk).state == State.QUEUED

    def test_what_cannot_be_called_now_is_left_alone(self, standin: StabilityStandIn) -> None:
        standin.when("", answers.rate_limited())
        jobs = [make_job(provider="stability", model="core") for _ in range(3)]
        generation.work(jobs[0].pk)
        assert len(standin.calls) == 1
        assert {job.state for job in Job.objects.all()} == {State.QUEUED}


def test_two_hints_for_one_job_make_one_call(standin: StabilityStandIn) -> None:
    job = run()
    generation.run(job.pk)
    assert len(standin.calls) == 1


def test_a_truncated_answer_leaves_the_job_unknown_and_no_file(standin: StabilityStandIn) -> None:
    standin.when("", answers.truncated())
    job = run()
    assert (job.state, job.picture) == (State.UNKNOWN, "")
    assert spooled() == []


def test_a_picture_that_cannot_be_stored_is_kept_in_the_spool(
    standin: StabilityStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> str:
        raise errors.StorageUnavailable("No space left.")

    monkeypatch.setattr(storage, "save", full)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    job = run()
    assert (job.state, job.error_code) == (State.UNKNOWN, "not_stored")
    assert Attempt.objects.get().charged == Charged.YES
    assert spool.read(Attempt.objects.get().pk).status == 200


def test_a_full_disk_makes_no_call_and_leaves_the_job_waiting(
    standin: StabilityStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise errors.NoRoom("full")

    monkeypatch.setattr(spool, "check_room", full)
    assert run().state == State.QUEUED
    assert standin.calls == []


def test_a_bug_closes_the_attempt_as_unknown_and_is_raised(
    standin: StabilityStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: bytes) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(pictures, "check", broken)
    with pytest.raises(ZeroDivisionError):
        run()
    assert Job.objects.get().state == State.UNKNOWN
    assert Attempt.objects.get().charged == Charged.UNKNOWN


@pytest.fixture
def taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every job be taken over while its picture is stored."""
    store = storage.save

    def lose(job: UUID, *rest: Any) -> str:
        Job.objects.filter(pk=job).update(fence=9)
        return store(job, *rest)

    monkeypatch.setattr(storage, "save", lose)


@pytest.mark.usefixtures("taken_over")
def test_the_late_picture_of_a_job_that_was_taken_over_is_dropped(standin: StabilityStandIn) -> None:
    assert run().picture == ""
    assert [path for path in Path(django_settings.MEDIA_ROOT).rglob("*") if path.is_file()] == []
    assert Attempt.objects.get().charged == Charged.YES


@pytest.mark.usefixtures("taken_over")
def test_the_late_picture_of_a_job_that_was_taken_over_stays_in_the_spool(standin: StabilityStandIn) -> None:
    run()
    assert len(spooled()) == 1


def test_a_reset_before_the_answer_leaves_the_job_unknown(standin: StabilityStandIn) -> None:
    standin.when("", answers.reset_before_headers())
    assert run().state == State.UNKNOWN
    assert Attempt.objects.get().charged == Charged.UNKNOWN


def test_an_asynchronous_call_is_written_down_before_it_is_polled(standin: StabilityStandIn) -> None:
    job = run("A kite [demo: later 0.2]", provider="demo", model="demo")
    assert job.state == State.SUCCEEDED
    assert "ready" in Attempt.objects.get().handle


def test_a_database_server_has_its_connection_back_during_the_call(
    standin: StabilityStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []
    provider = registry.get("stability")
    send = provider.send

    def look(*given: Any) -> Any:
        seen.append(connection.connection)
        return send(*given)

    monkeypatch.setattr(provider, "send", look)
    run()
    # SQLite has as many as one likes, and a new one takes its time.
    assert (seen == [None]) is (connection.vendor != "sqlite")


@pytest.mark.parametrize(
    "answer", [answers.rate_limited(), answers.out_of_credit(), answers.unauthorized()], ids=lambda answer: answer.name
)
def test_nobody_else_calls_a_provider_that_has_just_said_no(standin: StabilityStandIn, answer: answers.Answer) -> None:
    standin.always("", answer)
    run()
    assert limits.paused_for("stability") > 0
    assert run("Another").state == State.QUEUED
    assert len(standin.calls) == 1


def test_a_provider_that_had_too_many_calls_rests_for_as_long_as_it_asks(standin: StabilityStandIn) -> None:
    """Not only until the answer is read, which is what its first line is good for."""
    standin.always("", answers.rate_limited())
    run()
    assert limits.paused_for("stability") > calls.UNTIL_PAUSED_SECONDS
