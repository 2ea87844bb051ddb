"""Whatever happens in whatever order, no promise about money, pictures and ends is broken.

`make test` plays a few dozen stories of forty steps. For a long hunt: STORIES=5000 python -m pytest tests/state_machine
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test import override_settings
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from imagegen import lanes
from tests import settings as test_settings
from tests.state_machine import clock, owners, rescue, work, world
from tests.state_machine.moves import DAY, Move, any_move
from tests.state_machine.promises import Promises
from tests.state_machine.provider import Ending
from tests.state_machine.world import Call, Process, World

# What Hypothesis keeps about the code it calls is no part of the tree.
set_hypothesis_home_dir(test_settings.ROOT / "hypothesis")
STORIES = int(os.environ.get("STORIES", "20"))
STEPS = 40
# More than so few jobs can need, at one paid call a day.
DAYS = 20
GOOD = Call(Ending.PICTURE, is_later=False)


class Stories(RuleBasedStateMachine):
    """Owners, workers on two machines, a provider and time, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World([Process(machine) for machine in (uuid4(), uuid4()) for _ in range(2)])
        self.promises = Promises(self.world)
        self.settings = contextlib.ExitStack()

    @initialize(
        policy=st.sampled_from(["hold", "retry"]),
        paid_attempts=st.sampled_from([2, 1, 3]),
        a_day=st.sampled_from([None, None, 2]),
        jobs=st.integers(1, 3),
        all_die=st.booleans(),
    )
    def begin(self, policy: str, paid_attempts: int, a_day: int | None, jobs: int, all_die: bool) -> None:
        """Choose the settings, and whether in the end every process dies or finishes what it has in hand."""
        names = {"ON_UNKNOWN": policy, "MAX_PAID_ATTEMPTS": paid_attempts, "MAX_PAID_CALLS_PER_DAY": a_day}
        self.settings.enter_context(override_settings(**names))
        self.all_die = all_die
        for process in self.world.processes:
            clock.start(self.world, process)
        owners.submit(self.world, jobs, provider="stability")

    @rule(move=any_move)
    def play(self, move: Move) -> None:
        move.play(self.world)

    @invariant()
    def promises_hold(self) -> None:
        self.promises.check()

    def teardown(self) -> None:
        try:
            # After a failure, or where Hypothesis gives a story up, there is nothing more to learn.
            if sys.exc_info()[0] is None:
                self._let_everything_end()
        finally:
            world.forget()
            self.settings.close()

    def _let_everything_end(self) -> None:
        """From any state: with nothing in the way and calls that succeed, everything comes to an end."""
        if self.world.is_stopped:
            owners.resume_everything(self.world)
        for process in list(self.world.processes) if self.all_die else []:
            rescue.crash(self.world, process)
        for _ in range(DAYS):
            if self.promises.is_over():
                break
            self._let_a_day_pass()
            self.promises.check()
        self.promises.check_end()

    def _let_a_day_pass(self) -> None:
        for hand in list(self.world.hands):
            work.go_on(self.world, hand, work.ENOUGH)
        clock.jump(self.world, DAY)
        clock.beat(self.world, self.world.processes)
        for process in self.world.processes[::2]:
            for hand in rescue.recover(self.world, process):
                work.go_on(self.world, hand, work.ENOUGH)
        for provider in lanes.waiting_providers():
            for hint in lanes.due(provider, 99, told_before=timedelta(seconds=1)):
                if claimed := work.claim(self.world, self.world.stories[hint.job], self.world.processes[0], GOOD):
                    work.go_on(self.world, claimed, work.ENOUGH)


@pytest.fixture
def careless_disk(transactional_db: None) -> Iterator[None]:
    """Let SQLite not wait for the disk: a power cut is no part of these stories, and thousands of steps are."""
    if connection.vendor == "sqlite":
        connection.cursor().execute("PRAGMA synchronous=OFF")
    yield
    if connection.vendor == "sqlite":
        connection.close()


@pytest.mark.usefixtures("careless_disk")
def test_no_order_of_events_breaks_a_promise() -> None:
    options = settings(
        max_examples=STORIES,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        # Explaining a failure traces every line of it, which is so slow that the shortest failure is never found.
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    run_state_machine_as_test(Stories, settings=options)
