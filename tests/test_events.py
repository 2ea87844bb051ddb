"""News for open pages: one for each committed change, heard by who listens, and nobody is held up where Redis is away."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
import redis as redis_library
from django.db import transaction

from imagegen import claims, errors, events, lifecycle, redis
from imagegen.ledger import Receipt
from imagegen.lifecycle import Stored
from imagegen.models import Job
from imagegen.pictures import Picture
from imagegen.states import Charged, State
from tests.kept import forget_everything
from tests.rows import MACHINE, WORKER, claimed, make_job
from tests.waiting import unused_port

PICTURE = Stored("ab/name.png", "0" * 64, 10, Picture("image/png", "png", 1, 1))


def told() -> list[UUID]:
    """Return the jobs that the stream names, the oldest event first."""
    entries: Any = redis.client().xrange(events._stream())
    return [UUID(bytes=fields[b"job"]) for _, fields in entries]


@pytest.fixture(autouse=True)
def _not_quiet() -> Iterator[None]:
    """Forget what an earlier test did to Redis."""
    events._quiet_until = 0.0
    yield
    events._quiet_until = 0.0


@contextmanager
def redis_at(port: int, **timeouts: float) -> Iterator[None]:
    """Let the product look for Redis at a port of this machine."""
    client = redis_library.Redis.from_url(f"redis://127.0.0.1:{port}/0", **timeouts)
    # Not the fixture: it would be undone too late for what cleans up after each test.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redis, "client", lambda: client)
        patch.setattr(redis, "impatient_client", lambda: client)
        yield


@pytest.fixture
def away() -> Iterator[None]:
    """Nothing listens where Redis should be."""
    with redis_at(unused_port()):
        yield


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """Where Redis should be, a server takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server, redis_at(server.getsockname()[1], socket_timeout=0.5):
        yield server


def refused(job: Job) -> None:
    lifecycle.settle(claimed(job), errors.Refused("No."), Receipt())


def waits_again(job: Job) -> None:
    lifecycle.settle(claimed(job), errors.Unavailable("Not now."), Receipt())


def set_aside(job: Job) -> None:
    lifecycle.set_aside(claimed(job), "bug", "A bug.", charged=Charged.UNKNOWN, receipt=Receipt())


def succeeded(job: Job) -> None:
    lifecycle.succeed(claimed(job), PICTURE, seed=1, receipt=Receipt())


@pytest.mark.django_db(transaction=True)
class TestChanges:
    def test_a_claim_is_one_event(self) -> None:
        job = make_job()
        claimed(job)
        assert told() == [job.pk]

    @pytest.mark.parametrize("end", [refused, waits_again, set_aside, succeeded])
    def test_a_claim_and_its_end_are_two_events(self, end: Callable[[Job], None]) -> None:
        job = make_job()
        end(job)
        assert told() == [job.pk, job.pk]

    @pytest.mark.parametrize("found", [{"thumbnail": "ab/name.webp"}, {"defect": "It is broken."}])
    def test_a_decoded_picture_is_one_event(self, found: dict[str, str]) -> None:
        job = make_job(state=State.SUCCEEDED, picture="ab/name.png")
        lifecycle.decoded(job.pk, job.picture, **found)
        assert told() == [job.pk]

    def test_a_change_that_its_guard_refused_is_no_event(self) -> None:
        held = claimed(make_job())
        Job.objects.update(fence=9)
        redis.client().delete(events._stream())
        lifecycle.succeed(held, PICTURE, seed=1, receipt=Receipt())
        lifecycle.settle(held, errors.Refused("No."), Receipt())
        assert told() == []

    def test_a_second_claim_that_came_too_late_is_no_event(self) -> None:
        job = make_job()
        claimed(job)
        assert claims.claim(job.pk, worker=WORKER, machine=MACHINE) is None
        assert told() == [job.pk]

    def test_a_change_that_is_rolled_back_is_no_event(self) -> None:
        job = make_job()
        with transaction.atomic():
            claimed(job)
            transaction.set_rollback(True)
        assert (told(), Job.objects.get().state) == ([], State.QUEUED)

    def test_an_event_is_sent_only_after_the_change_can_be_seen(self) -> None:
        job = make_job()
        with transaction.atomic():
            claimed(job)
            assert told() == []
        assert told() == [job.pk]

    def test_a_renewed_lease_is_no_news(self) -> None:
        held = claimed(make_job())
        redis.client().delete(events._stream())
        claims.renew([held], worker=WORKER)
        assert told() == []

    def test_a_change_is_made_where_redis_is_away(self, away: None) -> None:
        succeeded(make_job())
        assert Job.objects.get().state == State.SUCCEEDED


class TestSending:
    def test_several_jobs_are_several_events_in_order(self) -> None:
        jobs = [uuid4() for _ in range(5)]
        events.send(jobs)
        assert told() == jobs

    def test_no_jobs_are_no_event_and_no_fault(self) -> None:
        events.send([])
        assert told() == []

    def test_the_stream_keeps_about_so_many(self) -> None:
        jobs = [uuid4() for _ in range(3 * events.KEPT)]
        events.send(jobs)
        assert events.KEPT <= redis.client().xlen(events._stream()) < 1.1 * events.KEPT
        assert told()[-1] == jobs[-1]

    def test_a_redis_that_is_away_raises_nothing(self, away: None) -> None:
        events.send([uuid4()])

    def test_a_redis_that_says_nothing_raises_nothing(self, silent: socket.socket) -> None:
        events.send([uuid4()])

    def test_a_redis_that_says_nothing_is_asked_once_and_then_left_alone(self, silent: socket.socket) -> None:
        silent.settimeout(5)
        for _ in range(50):
            events.send([uuid4()])
        silent.accept()[0].close()
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.accept()

    def test_it_is_quiet_after_a_failure_even_where_redis_is_back(self) -> None:
        with redis_at(unused_port()):
            events.send([uuid4()])
        events.send([uuid4()])
        assert told() == []

    def test_it_speaks_again_once_the_quiet_is_over(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(events, "QUIET_SECONDS", 0.0)
        with redis_at(unused_port()):
            events.send([uuid4()])
        job = uuid4()
        events.send([job])
        assert told() == [job]


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait for something that is sure to come; the timeout only ends a test that would hang."""
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


class Listener:
    """Listens in the background, and notes every set of jobs it was given, and why it ended."""

    def __init__(self, *, slow: float = 0) -> None:
        self.sets: list[set[UUID]] = []
        self.fault: Exception | None = None
        self._slow = slow

    @property
    def heard(self) -> set[UUID]:
        return set().union(*self.sets)

    async def listen(self) -> None:
        try:
            async for jobs in events.listen():
                self.sets.append(jobs)
                await asyncio.sleep(self._slow)
        except Exception as fault:
            self.fault = fault


def while_listening(listener: Listener, act: Callable[[], Awaitable[None]]) -> None:
    """Act once the listener surely hears, and stop it afterwards."""

    async def play() -> None:
        task = asyncio.create_task(listener.listen())
        try:
            await knocking(listener)
            await act()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(play())


async def knocking(listener: Listener) -> None:
    async with asyncio.timeout(20):
        while not listener.sets:
            events.send([uuid4()])
            await asyncio.sleep(0.02)


class TestListening:
    def test_it_hears_what_is_sent_from_now_on(self) -> None:
        old, new, listener = uuid4(), uuid4(), Listener()
        events.send([old])

        async def act() -> None:
            events.send([new])
            await eventually(lambda: new in listener.heard)

        while_listening(listener, act)
        assert old not in listener.heard

    def test_it_hears_everything_that_is_sent_while_it_is_busy(self) -> None:
        jobs, listener = {uuid4() for _ in range(2000)}, Listener(slow=0.02)

        async def act() -> None:
            for job in jobs:
                events.send([job])
                await asyncio.sleep(0)
            await eventually(lambda: jobs <= listener.heard)

        while_listening(listener, act)
        assert max(map(len, listener.sets)) > 1

    def test_several_listeners_hear_the_same(self) -> None:
        first, second, job = Listener(), Listener(), uuid4()

        async def act() -> None:
            events.send([job])
            await eventually(lambda: job in first.heard & second.heard)

        async def both() -> None:
            other = asyncio.create_task(second.listen())
            await knocking(second)
            await act()
            other.cancel()

        while_listening(first, both)

    def test_it_goes_on_after_the_stream_was_wiped(self) -> None:
        job, listener = uuid4(), Listener()

        async def act() -> None:
            forget_everything()
            events.send([job])
            await eventually(lambda: job in listener.heard)

        while_listening(listener, act)

    def test_it_says_when_redis_goes_away(self) -> None:
        listener = Listener()

        async def act() -> None:
            redis.client().client_kill_filter(_type="normal", skipme=True)
            await eventually(lambda: listener.fault is not None)

        while_listening(listener, act)
        assert isinstance(listener.fault, redis.Error)


class TestWaiting:
    def test_a_wait_ends_where_redis_is_away(self, away: None) -> None:
        events.wait(0.1)

    def test_a_wait_ends_without_an_event(self) -> None:
        events.wait(0.1)

    def test_an_event_ends_a_wait(self) -> None:
        async def play() -> None:
            waiting = asyncio.create_task(asyncio.to_thread(events.wait, 600))
            while not waiting.done():
                events.send([uuid4()])
                await asyncio.sleep(0.02)

        asyncio.run(asyncio.wait_for(play(), timeout=30))
