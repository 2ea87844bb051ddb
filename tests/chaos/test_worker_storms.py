"""Storms over worker processes in short: a hundred jobs and five kills, workers that freeze, stop and are left in peace."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.chaos import worker_storms
from tests.chaos.report import Report
from tests.chaos.scene import Storm, ground
from tests.product import Product
from tests.standins.stability import StabilityStandIn

Ground = tuple[Product, StabilityStandIn]


def short(**size: Any) -> Storm:
    """Return a storm of some seconds; promises with a clock count at twice their figure."""
    own = {"processes": 3, "concurrency": 6, "every": 0.8, "call_seconds": 1.0, "lease": 2.0, "patience": 2.0, "seed": 7}
    return Storm(**{**own, **size})


@pytest.fixture(scope="module")
def here() -> Iterator[Ground]:
    with ground() as both:
        yield both


@pytest.fixture(scope="module")
def killed(here: Ground) -> Report:
    return worker_storms.kills(short(jobs=100, strikes=5), *here)


@pytest.fixture(scope="module")
def killed_with_retry(here: Ground) -> Report:
    return worker_storms.kills(short(jobs=40, strikes=2, on_unknown="retry"), *here)


@pytest.fixture(scope="module")
def frozen(here: Ground) -> Report:
    return worker_storms.zombies(short(jobs=40, strikes=2, every=0.5, call_seconds=2.0), *here)


@pytest.fixture(scope="module")
def stopped(here: Ground) -> Report:
    return worker_storms.stops(short(jobs=60, strikes=6, every=0.4, concurrency=3, call_seconds=0.8), *here)


@pytest.fixture(scope="module")
def in_peace(here: Ground) -> Report:
    return worker_storms.control(short(jobs=12, strikes=1, processes=2, concurrency=12, call_seconds=3.0), *here)


def test_a_kill_storm_loses_no_job_and_breaks_no_promise(killed: Report) -> None:
    assert killed.faults() == [], killed


def test_what_a_kill_cut_off_is_held_and_never_bought_again(killed: Report) -> None:
    assert killed.reckoning.unknown == killed.reckoning.jobs.get("unknown", 0) > 0
    assert killed.reckoning.second_calls == 0


def test_with_retry_a_kill_storm_buys_again_only_what_a_kill_cut_off(killed_with_retry: Report) -> None:
    assert killed_with_retry.faults() == [], killed_with_retry
    assert killed_with_retry.reckoning.second_calls > 0


def test_workers_that_wake_late_write_over_nothing_and_waste_nothing(frozen: Report) -> None:
    assert frozen.faults() == [], frozen
    assert frozen.figures["jobs_taken_over"] > 0
    assert set(frozen.reckoning.jobs) == {"succeeded"}


def test_stops_lose_no_job_and_break_no_promise(stopped: Report) -> None:
    assert stopped.faults() == [], stopped


def test_calls_longer_than_the_brokers_patience_are_made_once(in_peace: Report) -> None:
    assert in_peace.faults() == [], in_peace
    assert in_peace.reckoning.calls == in_peace.reckoning.attempts == 12
