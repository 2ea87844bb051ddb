"""Wherever a process dies on the road of a call, nothing is lost that was paid for, and nothing is bought twice."""

from dataclasses import replace

import pytest

from imagegen.states import Charged, State
from tests.crash_points.outcomes import Attempt, Outcome, Rest
from tests.crash_points.roads import (
    A_FREE_FAILURE,
    A_HANDLE,
    A_PAID_REFUSAL,
    A_SECOND_CALL,
    ACCEPTED,
    ANSWERED,
    DISCARDED,
    KEPT,
    ROADS,
    SENT,
    SETTLED,
    STORED,
    SUCCEEDED,
    THE_WHOLE_CALL,
    WRITTEN_DOWN,
    Road,
)
from tests.crash_points.runs import Run, running
from tests.crash_points.stories import FREE_FAILURE, HANDLE
from tests.standins.stability import Call

# The steps at which a process dies are those of SQLite and of files.
pytestmark = pytest.mark.laptop
ENDS = (State.SUCCEEDED, State.FAILED, State.REFUSED, State.UNKNOWN)
# How many calls of a job may be paid, or perhaps paid.
MAY_PAY = {"hold": 1, "retry": 2}
# The changes between which a call must survive; a road that has lost one of them proves less than it says.
MARKS = {
    THE_WHOLE_CALL: (WRITTEN_DOWN, SENT, ANSWERED, KEPT, STORED, SUCCEEDED, DISCARDED),
    A_HANDLE: (WRITTEN_DOWN, ACCEPTED, KEPT, STORED, SUCCEEDED, DISCARDED),
    A_FREE_FAILURE: (WRITTEN_DOWN, SENT, KEPT, SETTLED, DISCARDED, STORED, SUCCEEDED),
    A_PAID_REFUSAL: (WRITTEN_DOWN, SENT, KEPT, SETTLED, DISCARDED),
}


@pytest.fixture(scope="module")
def runs(broker: None) -> dict[str, Run]:
    """Both policies, side by side."""
    with running("hold") as hold, running("retry") as retry:
        return {"hold": hold(), "retry": retry()}


@pytest.fixture(params=["hold", "retry"])
def run(request: pytest.FixtureRequest, runs: dict[str, Run]) -> Run:
    return runs[request.param]


class TestDeaths:
    def test_every_process_dies_where_it_is_meant_to(self, run: Run) -> None:
        run.check(lambda outcome: outcome.was_as_planned)

    @pytest.mark.parametrize("road", ROADS, ids=str)
    def test_somebody_dies_after_everything_that_changes_on_a_road(self, run: Run, road: Road) -> None:
        changes = {step.name for step in road.own(run.report.trails[road]) if step.effect}
        assert bool(changes) == (road != A_SECOND_CALL or run.policy == "retry")
        assert changes <= deaths(run, road)

    @pytest.mark.parametrize("road", MARKS, ids=str)
    def test_the_changes_that_matter_are_on_a_road_in_their_order(self, run: Run, road: Road) -> None:
        places = [mark.find(run.report.trails[road]) for mark in MARKS[road]]
        assert places == sorted(places)

    def test_somebody_dies_before_anything_has_changed(self, run: Run) -> None:
        assert run.report.trails[THE_WHOLE_CALL][0].name in deaths(run, THE_WHOLE_CALL)

    def test_with_retry_two_calls_are_lost_over_one_job(self, runs: dict[str, Run]) -> None:
        lost = [outcome for outcome in runs["retry"].report.outcomes if outcome.rest.state == State.UNKNOWN]
        assert max(len(runs["retry"].calls_for(outcome)) for outcome in lost) == 2


class TestJobs:
    def test_every_job_comes_to_an_end(self, run: Run) -> None:
        run.check(lambda outcome: outcome.rest.state in ENDS)

    def test_an_end_is_final(self, run: Run) -> None:
        run.check(lambda outcome: row_and_pictures(outcome.rest) == row_and_pictures(outcome.later))

    def test_a_job_ends_as_if_nobody_had_died_or_is_unknown(self, run: Run) -> None:
        run.check(lambda outcome: outcome.rest.state == State.UNKNOWN or ends_alike(run, outcome))

    def test_with_retry_one_death_costs_no_picture(self, runs: dict[str, Run]) -> None:
        runs["retry"].check(lambda outcome: len(outcome.deaths) > 1 or ends_alike(runs["retry"], outcome))


class TestMoney:
    def test_every_call_was_written_down(self, run: Run) -> None:
        run.check(lambda outcome: all(is_written_down(outcome, call) for call in run.calls_for(outcome)))

    def test_no_attempt_stands_for_two_calls(self, run: Run) -> None:
        run.check(lambda outcome: all(len(bill(run, outcome, attempt)) <= 1 for attempt in outcome.rest.attempts))

    def test_no_attempt_stays_open(self, run: Run) -> None:
        run.check(lambda outcome: not any(attempt.is_open for attempt in outcome.rest.attempts))

    def test_the_ledger_agrees_with_the_bill(self, run: Run) -> None:
        run.check(lambda outcome: all(agrees(run, outcome, attempt) for attempt in outcome.rest.attempts))

    def test_no_job_has_more_paid_calls_than_it_may(self, run: Run) -> None:
        run.check(lambda outcome: paid(outcome.rest) <= min(outcome.rest.may_pay, MAY_PAY[run.policy]))

    def test_nothing_is_asked_for_more_often_than_the_policy_lets(self, run: Run) -> None:
        # The call that fails for free is made again under each policy.
        free = {FREE_FAILURE: 1}
        run.check(lambda outcome: len(run.calls_for(outcome)) <= MAY_PAY[run.policy] + free.get(outcome.road.story, 0))

    def test_what_was_answered_is_not_asked_for_again(self, run: Run) -> None:
        run.check(lambda outcome: not outcome.is_answered or (ends_alike(run, outcome) and calls_alike(run, outcome)))


class TestFiles:
    def test_a_job_that_succeeded_has_its_picture_whole(self, run: Run) -> None:
        run.check(lambda outcome: outcome.rest.state != State.SUCCEEDED or is_whole(outcome.rest))

    def test_a_job_that_did_not_succeed_has_no_picture(self, run: Run) -> None:
        run.check(
            lambda outcome: outcome.rest.state == State.SUCCEEDED or not (outcome.rest.picture or outcome.rest.pictures)
        )

    def test_no_job_leaves_a_second_picture(self, run: Run) -> None:
        run.check(lambda outcome: len(outcome.later.pictures) <= 1)

    def test_no_answer_stays_in_the_spool(self, run: Run) -> None:
        run.check(lambda outcome: outcome.later.spool == [])

    def test_no_draft_stays(self, run: Run) -> None:
        run.check(lambda outcome: outcome.later.drafts == [])


def deaths(run: Run, road: Road) -> set[str]:
    """Return where somebody died last of all who died over a job of this road."""
    return {outcome.deaths[-1] for outcome in run.report.outcomes if outcome.road == road and outcome.deaths}


def row_and_pictures(rest: Rest) -> Rest:
    """Return what is final: answers and drafts are yet to be cleared away."""
    return replace(rest, spool=[], drafts=[])


def ends_alike(run: Run, outcome: Outcome) -> bool:
    """Whether a job ended as it does if nobody dies on this road."""
    return outcome.rest.state == run.undisturbed(outcome).rest.state


def calls_alike(run: Run, outcome: Outcome) -> bool:
    """Whether a job had as many calls as if nobody died on this road."""
    return len(outcome.rest.attempts) == len(run.undisturbed(outcome).rest.attempts)


def is_written_down(outcome: Outcome, call: Call) -> bool:
    return any(attempt.id == call.attempt for attempt in outcome.rest.attempts)


def bill(run: Run, outcome: Outcome, attempt: Attempt) -> list[float]:
    """Return what the provider wants for each call that was made in the name of an attempt."""
    return [call.credits for call in run.calls_for(outcome) if call.attempt == attempt.id]


def agrees(run: Run, outcome: Outcome, attempt: Attempt) -> bool:
    """Whether what the ledger says about an attempt can be true; the demo has no bill to say otherwise."""
    is_billed = sum(bill(run, outcome, attempt)) > 0
    return outcome.road.story == HANDLE or attempt.charged in (Charged.UNKNOWN, Charged.YES if is_billed else Charged.NO)


def paid(rest: Rest) -> int:
    return sum(attempt.charged != Charged.NO for attempt in rest.attempts)


def is_whole(rest: Rest) -> bool:
    """Whether the picture that the row names is there, and is the one that was stored."""
    return bool(rest.sha256) and rest.pictures.get(rest.picture) == rest.sha256
