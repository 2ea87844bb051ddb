"""The audit that runs after every test would notice."""

from uuid import uuid4

import pytest

from tests import audit
from tests.standins.stability import Call


def call(attempt: str, credits: float) -> Call:
    return Call(attempt=attempt, path="/", prompt="A kite", fields={}, status=200, credits=credits, at=0.0)


@pytest.mark.parametrize(
    ("charged", "credits", "agrees"),
    [
        ("yes", 3, True), ("yes", 0, False), ("no", 0, True), ("no", 3, False), ("unknown", 3, True), ("unknown", 0, True),
    ],
)  # fmt: skip
def test_a_charge_is_held_against_the_bill(charged: str, credits: float, agrees: bool) -> None:
    attempt = uuid4()
    assert (audit.disagreements([call(str(attempt), credits)], {attempt.hex: charged}) == []) is agrees


def test_a_call_that_nobody_wrote_down_is_noticed() -> None:
    assert len(audit.disagreements([call(str(uuid4()), 3)], {})) == 1


def test_a_charge_without_a_call_is_noticed() -> None:
    assert len(audit.disagreements([], {uuid4().hex: "yes"})) == 1


def test_an_attempt_that_was_sent_twice_is_noticed() -> None:
    attempt = uuid4()
    assert len(audit.disagreements([call(str(attempt), 3)] * 2, {attempt.hex: "yes"})) == 1
