"""Every end of a job is guarded, and what is known of its money is kept."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import QuerySet
from django.utils import timezone

from imagegen import errors, ledger, lifecycle, pauses
from imagegen.claims import Claim
from imagegen.ledger import Receipt
from imagegen.lifecycle import Stored
from imagegen.models import Attempt, Job, ProviderPause
from imagegen.pictures import Picture
from imagegen.providers.base import Price
from imagegen.states import Charged, State
from tests.rows import claim, claimed, make_job

PNG = Picture("image/png", "png", 64, 64)
STORED = Stored("a.png", "ab", 3, PNG)


def succeed(held: Claim, stored: Stored = STORED) -> bool:
    return lifecycle.succeed(held, stored, seed=7, receipt=Receipt(sha256="cd", bytes=2))


def state_after(error: errors.ProviderError) -> Job:
    held = claimed(make_job())
    lifecycle.settle(held, error, Receipt())
    return Job.objects.get(pk=held.job)


@pytest.mark.django_db
class TestSuccess:
    def test_the_row_says_what_came_out(self) -> None:
        held = claimed(make_job())
        assert succeed(held)
        job = Job.objects.get(pk=held.job)
        assert (job.state, job.picture, job.width, job.sha256, job.bytes, job.lease_until) == (
            State.SUCCEEDED, "a.png", 64, "ab", 3, None,
        )  # fmt: skip

    def test_the_attempt_is_closed_as_paid_with_its_price(self) -> None:
        held = claimed(make_job())
        price = Price(3, "credits", "a page", timezone.now().date())
        lifecycle.succeed(held, STORED, seed=7, receipt=Receipt(http_status=200, request_id="r1", cost=price))
        attempt = Attempt.objects.get(pk=held.attempt)
        assert (attempt.charged, attempt.request_id) == (Charged.YES, "r1")
        assert (attempt.amount, attempt.unit) == (Decimal(3), "credits")

    def test_a_late_write_with_an_old_fence_is_refused_but_the_payment_is_kept(self) -> None:
        held = claimed(make_job())
        Job.objects.filter(pk=held.job).update(fence=held.fence + 1)
        assert not succeed(held)
        assert Job.objects.get(pk=held.job).picture == ""
        assert Attempt.objects.get(pk=held.attempt).charged == Charged.YES

    def test_a_job_that_has_ended_stays_as_it_ended(self) -> None:
        held = claimed(make_job())
        assert succeed(held)
        assert not succeed(held, replace(STORED, name="b.png"))
        lifecycle.settle(held, errors.Invalid("no"), Receipt())
        assert Job.objects.get(pk=held.job).picture == "a.png"
        assert Attempt.objects.get(pk=held.attempt).outcome == "succeeded"


@pytest.mark.django_db
class TestSettle:
    def test_what_is_not_known_here_is_unknown_whatever_a_slow_worker_noted_meanwhile(self) -> None:
        held = claimed(make_job())
        ledger.note(held.attempt, "unavailable", Charged.NO, Receipt())
        lifecycle.settle(held, errors.OutcomeUnknown("?"), Receipt())
        assert Job.objects.get().state == State.UNKNOWN

    @pytest.mark.parametrize(
        ("error", "state", "charged"),
        [
            (errors.Refused("no"), State.REFUSED, Charged.NO),
            (errors.Refused("blurred", charged=Charged.YES), State.REFUSED, Charged.YES),
            (errors.Invalid("no"), State.FAILED, Charged.NO),
            (errors.BadAnswer("html", charged=Charged.UNKNOWN), State.UNKNOWN, Charged.UNKNOWN),
            (errors.BadAnswer("broken", charged=Charged.YES), State.FAILED, Charged.YES),
            (errors.OutcomeUnknown("reset"), State.UNKNOWN, Charged.UNKNOWN),
            (errors.RateLimited("slow", retry_after=60), State.QUEUED, Charged.NO),
            (errors.Unavailable("down"), State.QUEUED, Charged.NO),
            (errors.OutOfCredit("empty"), State.QUEUED, Charged.NO),
            (errors.NotConfigured("key"), State.QUEUED, Charged.NO),
        ],
    )
    def test_each_error_leads_where_it_should(self, error: errors.ProviderError, state: State, charged: Charged) -> None:
        job = state_after(error)
        assert (job.state, job.error_code, job.error_sentence) == (state, error.code, str(error))
        assert Attempt.objects.get(job=job).charged == charged

    def test_a_rate_limit_holds_the_job_back_as_long_as_the_provider_says(self) -> None:
        job = state_after(errors.RateLimited("slow", retry_after=60))
        assert job.not_before is not None
        assert timedelta(seconds=50) < job.not_before - timezone.now() <= timedelta(seconds=60)

    @pytest.mark.parametrize("error", [errors.OutOfCredit("empty"), errors.NotConfigured("bad key")])
    def test_no_credit_and_a_bad_key_pause_the_provider(self, error: errors.ProviderError) -> None:
        state_after(error)
        assert ProviderPause.objects.get(pk="demo").sentence == str(error)
        assert pauses.allowance("demo") == 0

    def test_a_free_failure_is_tried_four_times_more_then_failed(self) -> None:
        job, calls = make_job(), 0
        while Job.objects.get(pk=job.pk).state == State.QUEUED:
            Job.objects.filter(pk=job.pk).update(not_before=None)
            lifecycle.settle(claimed(job), errors.Unavailable("down"), Receipt())
            calls += 1
        assert calls == 5
        assert Job.objects.get(pk=job.pk).state == State.FAILED

    def test_waits_between_free_failures_grow_up_to_a_minute(self) -> None:
        waits = [max(lifecycle._backoff(failures) for _ in range(200)) for failures in (1, 3, 20)]
        assert waits[0] <= 1 < waits[1] <= 4 < waits[2] <= 60

    def test_an_unknown_outcome_is_held_for_a_person_by_default(self) -> None:
        job = state_after(errors.OutcomeUnknown("reset"))
        assert (job.state, job.may_pay) == (State.UNKNOWN, 1)

    def test_an_unknown_outcome_is_bought_again_where_the_policy_says_so(self, settings) -> None:  # type: ignore[no-untyped-def]
        settings.ON_UNKNOWN, settings.MAX_PAID_ATTEMPTS = "retry", 2
        job = make_job()
        states = []
        for _ in range(2):
            lifecycle.settle(claimed(job), errors.OutcomeUnknown("reset"), Receipt())
            states.append(Job.objects.get(pk=job.pk).state)
            Job.objects.filter(pk=job.pk).update(not_before=None)
        assert states == [State.QUEUED, State.UNKNOWN]

    def test_a_job_with_one_unknown_call_never_ends_as_merely_failed(self, settings) -> None:  # type: ignore[no-untyped-def]
        settings.ON_UNKNOWN, settings.MAX_PAID_ATTEMPTS = "retry", 2
        job = make_job()
        for error in (errors.OutcomeUnknown("reset"), errors.Invalid("no")):
            Job.objects.filter(pk=job.pk).update(not_before=None)
            lifecycle.settle(claimed(job), error, Receipt())
        assert Job.objects.get(pk=job.pk).state == State.UNKNOWN


def in_state(state: State, **fields: Any) -> Job:
    return make_job(state=state, **fields)


def rows(*jobs: Job) -> QuerySet[Job]:
    return Job.objects.filter(pk__in=[job.pk for job in jobs])


@pytest.mark.django_db
class TestCancel:
    @pytest.mark.parametrize("state", [State.QUEUED, State.FAILED, State.UNKNOWN])
    def test_without_a_call_in_flight_it_is_at_once(self, state: State) -> None:
        job = in_state(state)
        assert lifecycle.cancel(rows(job)) == [job.pk]
        job.refresh_from_db()
        assert (job.state, job.ended_at is None) == (State.CANCELED, False)

    @pytest.mark.parametrize("state", [State.SUCCEEDED, State.REFUSED, State.CANCELED])
    def test_what_is_final_stays(self, state: State) -> None:
        assert lifecycle.cancel(rows(in_state(state))) == []

    def test_a_canceled_job_is_never_claimed(self) -> None:
        job = make_job()
        lifecycle.cancel(rows(job))
        assert claim(job) is None

    def test_a_call_in_flight_goes_on_and_its_picture_is_kept(self) -> None:
        held = claimed(make_job())
        lifecycle.cancel(Job.objects.all())
        assert Job.objects.get().state == State.RUNNING
        assert succeed(held)
        job = Job.objects.get()
        assert (job.state, job.picture) == (State.CANCELED, "a.png")
        assert Attempt.objects.get().charged == Charged.YES

    @pytest.mark.parametrize("error", [errors.Unavailable("down"), errors.OutcomeUnknown("?"), errors.Invalid("no")])
    def test_a_call_in_flight_that_fails_is_not_made_again(self, error: errors.ProviderError) -> None:
        held = claimed(make_job())
        lifecycle.cancel(Job.objects.all())
        lifecycle.settle(held, error, Receipt())
        job = Job.objects.get()
        assert (job.state, job.ended_at is None) == (State.CANCELED, False)
        assert str(error) in job.error_sentence
        assert Attempt.objects.get().charged == error.charged

    def test_a_bought_picture_without_a_place_is_still_waited_for(self) -> None:
        held = claimed(make_job())
        lifecycle.cancel(Job.objects.all())
        lifecycle.set_aside(held, lifecycle.NOT_STORED, "No room.", charged=Charged.YES, receipt=Receipt())
        assert Job.objects.get().state == State.UNKNOWN

    def test_giving_up_keeps_the_sentence_about_money(self) -> None:
        job = in_state(State.UNKNOWN, error_sentence="It may have been paid.")
        lifecycle.cancel(rows(job))
        assert Job.objects.get().error_sentence == "It may have been paid."


@pytest.mark.django_db
class TestAskAgain:
    def test_a_failed_job_is_queued_as_if_new(self) -> None:
        job = in_state(State.FAILED, error_code="invalid", error_sentence="No.", ended_at=timezone.now())
        assert lifecycle.ask_again(rows(job), State.FAILED) == [job.pk]
        job.refresh_from_db()
        assert (job.state, job.error_code, job.error_sentence, job.ended_at) == (State.QUEUED, "", "", None)

    @pytest.mark.parametrize("state", [state for state in State if state != State.FAILED])
    def test_only_failed_jobs_are_tried_again(self, state: State) -> None:
        assert lifecycle.ask_again(rows(in_state(state)), State.FAILED) == []

    def test_an_unknown_job_may_have_one_more_paid_call(self) -> None:
        held = claimed(make_job())
        lifecycle.settle(held, errors.OutcomeUnknown("?"), Receipt())
        lifecycle.ask_again(Job.objects.all(), State.UNKNOWN)
        assert Job.objects.get().may_pay == 2
        lifecycle.settle(claimed(Job.objects.get()), errors.OutcomeUnknown("?"), Receipt())
        assert claim(Job.objects.get()) is None

    def test_a_failed_job_that_was_paid_may_be_paid_again(self) -> None:
        lifecycle.settle(claimed(make_job()), errors.BadAnswer("broken", charged=Charged.YES), Receipt())
        lifecycle.ask_again(Job.objects.all(), State.FAILED)
        assert claim(Job.objects.get()) is not None

    def test_each_job_counts_its_own_paid_calls(self) -> None:
        never, once = in_state(State.FAILED), make_job()
        lifecycle.settle(claimed(once), errors.BadAnswer("broken", charged=Charged.YES), Receipt())
        lifecycle.ask_again(Job.objects.all(), State.FAILED)
        assert dict(Job.objects.values_list("pk", "may_pay")) == {never.pk: 1, once.pk: 2}

    def test_free_failures_are_counted_anew(self) -> None:
        job = make_job()
        for _ in range(5):
            lifecycle.settle(claimed(job), errors.Unavailable("down"), Receipt())
            Job.objects.update(not_before=None)
        assert Job.objects.get().state == State.FAILED
        lifecycle.ask_again(Job.objects.all(), State.FAILED)
        lifecycle.settle(claimed(job), errors.Unavailable("down"), Receipt())
        assert Job.objects.get().state == State.QUEUED

    def test_a_page_that_is_out_of_date_buys_nothing(self) -> None:
        seen = claimed(make_job()).fence
        assert lifecycle.ask_again(Job.objects.all(), State.UNKNOWN, fence=seen) == []
        Job.objects.update(state=State.UNKNOWN, fence=seen + 1)
        assert lifecycle.ask_again(Job.objects.all(), State.UNKNOWN, fence=seen) == []
        assert len(lifecycle.ask_again(Job.objects.all(), State.UNKNOWN, fence=seen + 1)) == 1

    def test_an_earlier_wish_to_cancel_is_forgotten(self) -> None:
        job = in_state(State.FAILED, cancel_requested=True)
        lifecycle.ask_again(rows(job), State.FAILED)
        assert succeed(claimed(job))
        assert Job.objects.get().state == State.SUCCEEDED
