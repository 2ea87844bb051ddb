"""Storms of the disk in short: no room for answers, for anything at all, and for pictures."""

from collections.abc import Iterator

import pytest

from tests.chaos import disk_storms
from tests.chaos.disk import why_not
from tests.chaos.disk_storms import PROCESSES, Ground, Storm
from tests.chaos.report import Report

STORM = Storm()


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    if reason := why_not():
        pytest.skip(f"NOT TESTED: {reason}")
    with disk_storms.small_disks(STORM) as ground:
        yield ground


@pytest.fixture(scope="module")
def no_room_for_answers(ground: Ground) -> Report:
    return disk_storms.no_room_for_answers(STORM, ground)


@pytest.fixture(scope="module")
def full_amid_calls(ground: Ground) -> Report:
    return disk_storms.full_amid_calls(STORM, ground)


@pytest.fixture(scope="module")
def no_room_for_pictures(ground: Ground) -> Report:
    return disk_storms.no_room_for_pictures(STORM, ground)


def test_nothing_is_bought_while_there_is_no_room_for_the_answer(no_room_for_answers: Report) -> None:
    assert no_room_for_answers.figures["calls_without_room"] == 0
    assert no_room_for_answers.figures["jobs_that_waited"] >= STORM.jobs


def test_what_waited_for_room_is_drawn_without_help(no_room_for_answers: Report) -> None:
    assert no_room_for_answers.faults() == [], no_room_for_answers
    assert set(no_room_for_answers.reckoning.jobs) == {"succeeded"}


def test_a_disk_that_fills_up_amid_calls_loses_no_job_and_buys_nothing_twice(full_amid_calls: Report) -> None:
    assert full_amid_calls.figures["calls_caught_in_flight"] > 0
    assert full_amid_calls.faults() == [], full_amid_calls


def test_only_calls_that_were_in_flight_are_unknown_after_a_full_disk(full_amid_calls: Report) -> None:
    assert full_amid_calls.reckoning.jobs.get("unknown", 0) <= PROCESSES * STORM.concurrency


@pytest.mark.laptop
def test_pictures_without_a_place_are_stored_later_and_not_bought_again(no_room_for_pictures: Report) -> None:
    assert no_room_for_pictures.figures["pictures_without_a_place"] > 0
    assert no_room_for_pictures.faults() == [], no_room_for_pictures
    assert set(no_room_for_pictures.reckoning.jobs) == {"succeeded"}
