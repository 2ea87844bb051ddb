"""Storms of the broker in short: a thousand jobs while Redis is emptied, paused and killed, and people ask for more."""

import pytest

from tests.chaos.redis_storms import POST_SECONDS, RESUME_SECONDS, Storm, blow
from tests.chaos.report import Report

# Promises with a clock count at twice their figure.
STORM = Storm(("emptied", "paused", "killed"), concurrency=8, call_seconds=0.2, away_seconds=6.0, patience=2.0)


@pytest.fixture(scope="module")
def storm() -> Report:
    return blow(STORM)


def test_no_job_is_lost_and_no_call_is_made_twice(storm: Report) -> None:
    assert storm.reckoning.faults() == [], storm
    assert set(storm.reckoning.jobs) == {"succeeded"}
    assert storm.reckoning.attempts == storm.reckoning.calls == sum(storm.reckoning.jobs.values()) > STORM.jobs


@pytest.mark.parametrize("strike", STORM.strikes)
def test_every_worker_process_works_again_soon_after_redis_is_back(storm: Report, strike: str) -> None:
    assert storm.figures[f"{strike}_until_every_worker_called_again"] <= 2 * RESUME_SECONDS


def test_every_thread_works_again(storm: Report) -> None:
    assert storm.figures["idle_threads_at_the_end"] == 0


@pytest.mark.parametrize("strike", ["paused", "killed"])
def test_whoever_asks_while_redis_is_away_gets_task_ids_at_once(storm: Report, strike: str) -> None:
    assert storm.figures[f"{strike}_posts_sent_meanwhile"] > 0
    assert storm.figures[f"{strike}_visits_without_their_answer"] == 0
    assert storm.figures[f"{strike}_second_longest_post"] <= 2 * POST_SECONDS


def test_hints_come_back_at_the_pace_at_which_they_can_be_used(storm: Report) -> None:
    assert 0 < storm.figures["most_hints_after_a_flush"] <= storm.figures["hints_allowed"] < STORM.jobs


def test_no_other_promise_is_broken(storm: Report) -> None:
    assert storm.faults() == [], storm
