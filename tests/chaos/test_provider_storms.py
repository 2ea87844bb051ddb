"""Storms that come from providers in short: limits at full push, a 429, an empty account, neighbours that must not wait."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.chaos import provider_storms
from tests.chaos.provider_storms import ASKED, DOCUMENTED, Storm
from tests.product import Product
from tests.standins.stability import StabilityStandIn

Ground = tuple[Product, StabilityStandIn]


def short(**size: Any) -> Storm:
    """Return a storm of some seconds; promises with a clock count at twice their figure."""
    return Storm(**{"jobs": 300, "processes": 2, "concurrency": 16, "call_seconds": 0.3, "patience": 2.0, **size})


@pytest.fixture(scope="module")
def here() -> Iterator[Ground]:
    with provider_storms.ground(short()) as both:
        yield both


def test_after_one_429_each_process_makes_at_most_one_more_call(here: Ground) -> None:
    report = provider_storms.too_many_calls(short(), *here)
    assert report.faults() == [], report


def test_an_empty_account_wastes_a_call_for_each_process_and_nobody_lifts_a_hand(here: Ground) -> None:
    report = provider_storms.empty_account(short(), *here)
    assert report.faults() == [], report


def test_a_provider_without_a_limit_does_not_wait_for_one_with(here: Ground) -> None:
    report = provider_storms.slow_neighbour(short(jobs=96, call_seconds=1.5), *here)
    assert report.faults() == [], report


def test_three_prompts_do_not_wait_for_hundreds_of_somebody_else(here: Ground) -> None:
    report = provider_storms.two_people(short(jobs=150, call_seconds=1.0), *here)
    assert report.faults() == [], report


def test_the_limit_is_used_and_never_broken_by_four_processes() -> None:
    report = provider_storms.full_push(short(jobs=2 * ASKED + 30, processes=4))
    assert report.faults() == [], report
    assert ASKED * 0.8 < report.figures["most_calls_in_ten_seconds"] <= DOCUMENTED
