"""The limiter: no more calls in any window than allowed, whoever asks, and none wasted that could have been made."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest
from redis.exceptions import ConnectionError as Away

from imagegen import errors, limits, redis
from imagegen.limits import Place
from tests.waiting import unused_port

NAME = "limited"


@pytest.fixture
def limit(settings: Any) -> Any:
    """Set how often a provider may be called."""

    def set_limit(calls: int, seconds: float, *, name: str = NAME) -> None:
        entry = {"BACKEND": "imagegen.providers.demo.Demo", "RATE_LIMIT": (calls, seconds)}
        settings.IMAGE_PROVIDERS = {**settings.IMAGE_PROVIDERS, name: entry}

    return set_limit


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PATIENCE_SECONDS", 0.0)


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[None]:
    """Nothing listens where Redis should be."""
    settings.REDIS_URL = f"redis://127.0.0.1:{unused_port()}/0"
    redis.impatient_client.cache_clear()
    yield
    redis.impatient_client.cache_clear()


def is_admitted(name: str = NAME) -> bool:
    try:
        return (limits.take_place(name) or limits.wait_for_place(name)) is not None
    except limits.Crowded:
        return False


def admitted(times: int, name: str = NAME) -> int:
    return sum(is_admitted(name) for _ in range(times))


@pytest.mark.usefixtures("impatient")
class TestWindow:
    def test_no_more_are_admitted_than_the_window_holds(self, limit: Any) -> None:
        limit(3, 60)
        assert admitted(5) == 3

    def test_another_provider_has_a_window_of_its_own(self, limit: Any) -> None:
        limit(3, 60)
        limit(3, 60, name="other")
        assert (admitted(3), admitted(5, "other")) == (3, 3)

    def test_without_a_limit_everybody_is_admitted(self, limit: Any) -> None:
        limit(0, 60)
        assert admitted(50) == 50

    def test_a_place_is_free_again_once_the_window_has_passed(self, limit: Any) -> None:
        limit(2, 0.2)
        assert admitted(3) == 2
        time.sleep(0.25)
        assert admitted(3) == 2

    def test_a_place_that_was_given_back_is_free_at_once(self, limit: Any) -> None:
        limit(1, 60)
        place = limits.take_place(NAME)
        assert place is not None
        limits.give_back(place)
        assert admitted(2) == 1

    def test_a_call_counts_from_the_moment_it_goes_out(self, limit: Any) -> None:
        limit(1, 0.5)
        place = limits.take_place(NAME)
        assert place is not None
        time.sleep(0.4)
        limits.use(place)
        time.sleep(0.2)
        assert admitted(1) == 0


class TestWaiting:
    def test_a_thread_waits_in_place_for_a_short_while(self, limit: Any) -> None:
        limit(2, 0.3)
        begun = time.monotonic()
        assert admitted(6) == 6
        assert time.monotonic() - begun >= 2 * 0.3

    def test_what_takes_longer_is_given_up_at_once(self, limit: Any) -> None:
        limit(1, 3600)
        begun = time.monotonic()
        assert admitted(2) == 1
        assert time.monotonic() - begun < limits.PATIENCE_SECONDS

    def test_many_threads_never_pass_the_limit_in_any_window(self, limit: Any) -> None:
        limit(10, 0.5)
        times: list[float] = []

        def calls(_: int) -> None:
            for _ in range(3):
                if limits.take_place(NAME) or limits.wait_for_place(NAME):
                    times.append(time.monotonic())

        with ThreadPoolExecutor(12) as pool:
            list(pool.map(calls, range(12)))
        times.sort()
        assert len(times) == 36
        # A thread wakes a little late, never early; so windows are looked at from each call backwards.
        assert all(times[later] - times[later - 20] >= 0.5 for later in range(20, len(times)))

    def test_at_most_half_of_the_threads_wait_for_one_provider(self, limit: Any, settings: Any) -> None:
        settings.WORKER_CONCURRENCY = 8
        limit(1, 1.0)
        assert limits.take_place(NAME) is not None
        start = threading.Barrier(8)

        def wait(_: int) -> bool:
            start.wait()
            return is_admitted()

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(wait, range(8))) == 4


class TestPause:
    def test_nobody_is_admitted_while_the_provider_has_had_enough(self, limit: Any) -> None:
        limit(0, 60)
        limits.pause(NAME, 60, "Too many calls.")
        assert admitted(2) == 0
        assert 59 < limits.paused_for(NAME) <= 60

    def test_it_ends_by_itself(self, limit: Any) -> None:
        limit(5, 60)
        limits.pause(NAME, 0.1, "Too many calls.")
        time.sleep(0.15)
        assert admitted(1) == 1

    def test_a_shorter_pause_never_cuts_a_longer_one(self) -> None:
        limits.pause(NAME, 60, "Too many calls.")
        limits.pause(NAME, 1, "Too many calls.")
        assert limits.paused_for(NAME) > 59

    @pytest.mark.parametrize("calls", [0, 1])
    def test_a_call_that_was_let_go_just_before_it_is_not_made(self, limit: Any, calls: int) -> None:
        limit(calls, 60)
        place = limits.take_place(NAME)
        assert place is not None
        limits.pause(NAME, 0.2, "Too many calls.")
        with pytest.raises(errors.RateLimited, match="not made") as caught:
            limits.use(place)
        assert caught.value.retry_after == 0
        time.sleep(0.25)
        assert admitted(1) == 1

    def test_who_waits_when_it_begins_is_not_admitted(self, limit: Any) -> None:
        limit(1, 0.5)
        assert admitted(1) == 1
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(admitted, 1)
            time.sleep(0.1)
            limits.pause(NAME, 60, "Too many calls.")
            assert waiting.result() == 0


@pytest.mark.usefixtures("away")
class TestWithoutRedis:
    def test_a_provider_without_a_limit_is_called_all_the_same(self, limit: Any) -> None:
        limit(0, 60)
        assert admitted(1) == 1

    def test_a_limit_that_nobody_can_count_admits_nobody(self, limit: Any) -> None:
        limit(5, 60)
        with pytest.raises(Away):
            limits.wait_for_place(NAME)


class TestDoubt:
    @pytest.fixture
    def place(self) -> Place:
        place = limits.take_place("demo")
        assert place is not None
        return place

    def test_nobody_calls_while_an_answer_is_read(self, place: Place) -> None:
        with ThreadPoolExecutor(1) as other:
            with limits.doubt("demo"):
                call = other.submit(limits.use, place)
                assert not wait([call], timeout=0.3).done
            call.result(10)

    def test_what_was_learned_meanwhile_holds(self, place: Place) -> None:
        with ThreadPoolExecutor(1) as other:
            with limits.doubt("demo"):
                call = other.submit(limits.use, place)
                limits.pause("demo", 60, "too many")
            with pytest.raises(errors.RateLimited):
                call.result(10)

    def test_other_providers_are_called(self, place: Place) -> None:
        with limits.doubt("stability"):
            limits.use(place)
