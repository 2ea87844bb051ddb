"""Storms over what a team has, in short: two restarts of PostgreSQL, a bucket away for seconds, a machine killed."""

from collections.abc import Iterator
from typing import Any

import pytest

from imagegen.states import State
from tests.chaos import store_storms
from tests.chaos.scene import Storm
from tests.chaos.store_storms import Team


def short(**size: Any) -> Storm:
    own = {"processes": 2, "concurrency": 6, "every": 1.0, "call_seconds": 1.0, "lease": 2.0, "patience": 2.0, "seed": 7}
    return Storm(**{**own, **size})


@pytest.fixture(scope="module")
def team() -> Iterator[Team]:
    with store_storms.team() as all_of_it:
        yield all_of_it


def test_restarts_of_postgresql_lose_nothing(team: Team) -> None:
    report = store_storms.restarts(short(jobs=40, strikes=2), team)
    assert report.faults() == [], report


def test_a_bucket_that_is_away_costs_nothing(team: Team) -> None:
    report = store_storms.bucket_away(short(jobs=30), team, seconds=4.0)
    assert report.faults() == [], report


def test_a_machine_that_is_killed_costs_at_most_its_own_calls(team: Team) -> None:
    report = store_storms.machine_gone(short(jobs=60), team, hurry=True)
    assert report.faults() == [], report
    assert set(report.reckoning.jobs) <= {State.SUCCEEDED, State.UNKNOWN}
