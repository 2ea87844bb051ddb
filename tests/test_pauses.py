"""A pause holds back purchases, one provider's or everybody's, until by itself or by hand things go on."""

import logging
from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from imagegen import claims, errors, lanes, lifecycle, pauses
from imagegen.claims import Claim
from imagegen.ledger import Receipt
from imagegen.lifecycle import Stored
from imagegen.models import Job, ProviderPause
from imagegen.pictures import Picture
from imagegen.states import State
from tests.rows import MACHINE, WORKER, claimed, make_job

pytestmark = pytest.mark.django_db
NO_CREDIT = errors.OutOfCredit("The account is empty.")
DOWN = errors.Unavailable("It is down.")


def claim(job: UUID) -> Claim | None:
    return claims.claim(job, worker=WORKER, machine=MACHINE)


def is_claimed(provider: str = "demo") -> bool:
    return claim(make_job(provider=provider).pk) is not None


def call(result: errors.ProviderError | None, *, provider: str = "demo") -> None:
    """Make one call of a new job that ends so; None is a picture."""
    finish(claimed(make_job(provider=provider)), result)


def finish(held: Claim, result: errors.ProviderError | None) -> None:
    if result is None:
        stored = Stored(f"{held.job}.png", "ab", 1, Picture("image/png", "png", 1, 1))
        lifecycle.succeed(held, stored, seed=None, receipt=Receipt())
    else:
        lifecycle.settle(held, result, Receipt())


def rested() -> None:
    """Let every rest be over."""
    ProviderPause.objects.update(until=timezone.now() - timedelta(seconds=1))


def rest_seconds() -> float:
    until = ProviderPause.objects.get().until
    assert until is not None
    return round((until - timezone.now()).total_seconds())


class TestByHand:
    def test_everything_waits_while_it_is_stopped_by_hand(self) -> None:
        pauses.stop_everything("a test")
        assert not is_claimed()
        assert not is_claimed("another")

    def test_workers_are_not_told_about_jobs_while_everything_is_stopped(self) -> None:
        make_job()
        pauses.stop_everything("a test")
        assert lanes.due("demo", 10, told_before=timedelta()) == []

    def test_work_goes_on_once_it_is_resumed(self) -> None:
        pauses.stop_everything("a test")
        assert pauses.resume(pauses.EVERYTHING)
        assert is_claimed()

    def test_there_is_nothing_to_resume_where_nothing_was_stopped(self) -> None:
        assert not pauses.resume(pauses.EVERYTHING)

    def test_stopping_twice_keeps_who_was_first(self) -> None:
        pauses.stop_everything("ada")
        pauses.stop_everything("grace")
        assert "ada" in pauses.stopped_by()

    def test_resuming_leaves_a_providers_own_pause(self) -> None:
        call(NO_CREDIT)
        pauses.stop_everything("a test")
        pauses.resume(pauses.EVERYTHING)
        assert not is_claimed()
        assert is_claimed("another")

    def test_a_provider_is_resumed_by_hand(self) -> None:
        call(NO_CREDIT)
        assert pauses.resume("demo")
        assert is_claimed()


class TestTrials:
    def test_one_job_tries_a_provider_that_has_rested_and_the_others_wait(self) -> None:
        call(NO_CREDIT)
        assert not is_claimed()
        rested()
        assert [is_claimed() for _ in range(3)] == [True, False, False]

    def test_a_trial_that_goes_well_lets_all_go_on(self) -> None:
        call(NO_CREDIT)
        rested()
        call(None)
        assert all(is_claimed() for _ in range(3))

    def test_a_refusal_shows_that_the_provider_is_well(self) -> None:
        call(NO_CREDIT)
        rested()
        call(errors.Refused("No."))
        assert pauses.current() == {}

    def test_each_trial_that_fails_doubles_the_rest_up_to_a_quarter_of_an_hour(self) -> None:
        call(NO_CREDIT)
        rests = [rest_seconds()]
        for _ in range(5):
            rested()
            call(NO_CREDIT)
            rests.append(rest_seconds())
        assert rests == [60, 120, 240, 480, 900, 900]

    def test_a_trial_whose_worker_dies_is_followed_by_another(self) -> None:
        call(NO_CREDIT)
        rested()
        claimed(make_job())
        assert not is_claimed()
        rested()
        assert is_claimed()

    def test_a_trial_whose_worker_was_killed_says_nothing(self) -> None:
        call(NO_CREDIT)
        rested()
        call(errors.WorkerGone("It died."))
        assert ProviderPause.objects.get().rests == 1
        rested()
        assert [is_claimed() for _ in range(2)] == [True, False]

    def test_a_call_that_was_in_flight_when_the_pause_began_neither_ends_nor_prolongs_it(self) -> None:
        late = [claimed(make_job()) for _ in range(3)]
        call(NO_CREDIT)
        finish(late[0], None)
        assert not is_claimed()
        finish(late[1], NO_CREDIT)
        assert rest_seconds() == 60

    def test_workers_hear_of_one_job_when_the_rest_is_over(self) -> None:
        call(NO_CREDIT)
        Job.objects.all().delete()
        first, *_ = [make_job() for _ in range(3)]
        assert lanes.due("demo", 10, told_before=timedelta()) == []
        rested()
        assert [hint.job for hint in lanes.due("demo", 10, told_before=timedelta())] == [first.pk]

    def test_an_operator_is_told_once_and_not_for_each_job(self, caplog: pytest.LogCaptureFixture) -> None:
        late = [claimed(make_job()) for _ in range(5)]
        with caplog.at_level(logging.ERROR):
            for held in late:
                finish(held, NO_CREDIT)
        assert [record.levelname for record in caplog.records] == ["ERROR"]

    def test_jobs_wait_without_losing_a_try(self) -> None:
        job = make_job()
        finish(claimed(job), NO_CREDIT)
        assert Job.objects.get().state == State.QUEUED
        for _ in range(8):
            rested()
            finish(claimed(job), NO_CREDIT)
        assert Job.objects.get().state == State.QUEUED


class TestBreaker:
    def test_half_of_twenty_calls_open_it(self) -> None:
        for result in [None] * 10 + [DOWN] * 9:
            call(result)
        assert pauses.current() == {}
        call(DOWN)
        assert ProviderPause.objects.get().reason == "breaker"

    def test_nineteen_failures_are_too_few_to_tell(self) -> None:
        for _ in range(19):
            call(DOWN)
        assert pauses.current() == {}

    def test_more_successes_than_failures_keep_it_closed(self) -> None:
        for result in [None] * 21 + [DOWN] * 20:
            call(result)
        assert pauses.current() == {}

    @pytest.mark.parametrize(
        "error",
        [
            errors.RateLimited("slow", retry_after=0),
            errors.Refused("no"),
            errors.Invalid("no"),
            errors.WorkerGone("It died."),
        ],
    )
    def test_what_says_nothing_about_health_never_opens_it(self, error: errors.ProviderError) -> None:
        for _ in range(25):
            call(error)
        assert pauses.current() == {}

    def test_another_provider_is_not_held_responsible(self) -> None:
        for _ in range(20):
            call(DOWN)
        assert is_claimed("another")

    def test_three_successes_in_a_row_close_it(self) -> None:
        for _ in range(20):
            call(DOWN)
        for _ in range(3):
            assert len(pauses.current()) == 1
            rested()
            call(None)
        assert pauses.current() == {}

    def test_a_failure_between_them_lets_it_rest_longer_and_count_anew(self) -> None:
        for _ in range(20):
            call(DOWN)
        for result in (None, None, DOWN):
            rested()
            call(result)
        assert (rest_seconds(), ProviderPause.objects.get().successes) == (120, 0)

    def test_one_trial_follows_the_other_at_once_while_they_go_well(self) -> None:
        for _ in range(20):
            call(DOWN)
        rested()
        call(None)
        assert [is_claimed(), is_claimed()] == [True, False]
