"""Pictures are finished beside the calls: none is lost, and whoever brings too many waits."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from typing import Any

import pytest

from imagegen import finishing, generation, limits, workers
from imagegen.models import Job
from imagegen.states import State
from tests.rows import make_job
from tests.standins import stability as answers
from tests.standins.stability import StabilityStandIn
from tests.waiting import wait_until


@pytest.fixture
def ended() -> Iterator[None]:
    yield
    finishing.end()


@pytest.fixture
def stuck(ended: None) -> Iterator[threading.Event]:
    """Finish beside the calls, with room for one more, and every thread busy until it is told to go on."""
    finishing.begin(backlog=finishing.THREADS + 1)
    go = threading.Event()
    for _ in range(finishing.THREADS):
        finishing.soon(partial(_wait, go))
    yield go
    go.set()


def _wait(go: threading.Event) -> None:
    go.wait(20)


def test_a_process_without_such_threads_finishes_at_once() -> None:
    done: list[int] = []
    finishing.soon(lambda: done.append(threading.get_ident()))
    assert done == [threading.get_ident()]


@pytest.mark.usefixtures("ended")
def test_the_end_comes_when_everything_is_finished() -> None:
    finishing.begin(backlog=50)
    done: list[int] = []
    for number in range(50):
        finishing.soon(lambda number=number: done.append(number))  # type: ignore[misc]
    finishing.end()
    assert sorted(done) == list(range(50))


@pytest.mark.usefixtures("ended")
def test_what_goes_wrong_is_told_and_the_next_is_finished(caplog: pytest.LogCaptureFixture) -> None:
    finishing.begin(backlog=1)
    done: list[int] = []
    finishing.soon(lambda: done.append(1 // 0))
    finishing.soon(lambda: done.append(2))
    finishing.end()
    assert done == [2]
    assert "ZeroDivisionError" in caplog.text


def test_who_brings_too_many_waits(stuck: threading.Event) -> None:
    finishing.soon(lambda: None)
    with ThreadPoolExecutor(1) as other:
        one_more = other.submit(finishing.soon, lambda: None)
        assert not wait([one_more], timeout=0.3).done
        stuck.set()
        one_more.result(10)


@pytest.mark.django_db(transaction=True)
class TestGeneration:
    def run(self, **fields: Any) -> Job:
        job = make_job(provider="stability", model="core", **fields)
        generation.run(job.pk)
        return Job.objects.get(pk=job.pk)

    def test_a_job_is_held_until_its_picture_is_stored(
        self, stability_provider: StabilityStandIn, stuck: threading.Event
    ) -> None:
        job = self.run()
        assert (job.state, workers.is_executing(job.pk)) == (State.RUNNING, True)
        stuck.set()
        finishing.end()
        assert (Job.objects.get().state, workers.is_executing(job.pk)) == (State.SUCCEEDED, False)

    def test_what_is_no_picture_waits_for_nobody(self, stability_provider: StabilityStandIn, stuck: threading.Event) -> None:
        """Everybody would go on calling a provider that said it had enough."""
        stability_provider.always("", answers.rate_limited(retry_after=30))
        assert self.run().state == State.QUEUED
        assert limits.paused_for("stability") > 0


@pytest.mark.django_db(transaction=True)
def test_the_road_leads_through_such_a_thread(stability_provider: StabilityStandIn, ended: None) -> None:
    finishing.begin(backlog=4)
    jobs = [make_job(provider="stability", model="core") for _ in range(12)]
    with ThreadPoolExecutor(4) as calls:
        list(calls.map(generation.run, [job.pk for job in jobs]))
    wait_until(lambda: not Job.objects.exclude(state=State.SUCCEEDED).exists(), seconds=30, what="every picture")
