"""Who takes over from a provider that surely made nothing, what of a prompt goes along, and what is never handed on."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from imagegen import generation, lifecycle, pauses
from imagegen.models import Attempt, Job, ProviderPause
from imagegen.providers.demo import Demo
from imagegen.states import Charged, PauseReason, State
from tests.providers.contract import play
from tests.rows import make_job
from tests.standins import stability as answers
from tests.standins.stability import Answer, StabilityStandIn

pytestmark = pytest.mark.django_db(transaction=True)


class Seedless(Demo):
    """Draws, and takes no seed."""

    seed = False


@pytest.fixture
def chain(stability_provider: StabilityStandIn, settings: Any) -> StabilityStandIn:
    """The demo takes over from Stability."""
    settings.FALLBACK_CHAIN = ["stability", "demo"]
    return stability_provider


def asked(**options: Any) -> Job:
    return make_job(**{"provider": "stability", "model": "core", **options})


def pause(provider: str = "stability", reason: PauseReason = PauseReason.NO_CREDIT, seconds: float = 60) -> None:
    until = timezone.now() + timedelta(seconds=seconds)
    values = {"reason": reason, "sentence": "The account is empty.", "since": timezone.now(), "until": until}
    ProviderPause.objects.create(provider=provider, **values)


def read(job: Job) -> Job:
    return Job.objects.get(pk=job.pk)


@pytest.mark.parametrize("answer", [answers.out_of_credit(), answers.unauthorized()], ids=lambda answer: answer.name)
def test_who_cannot_be_paid_is_followed_by_the_next_at_once(chain: StabilityStandIn, answer: Answer) -> None:
    chain.always("", answer)
    job = asked()
    generation.run(job.pk)
    generation.run(job.pk)
    job = read(job)
    assert (job.state, job.provider, job.model, job.moved_from) == (State.SUCCEEDED, "demo", "demo", "stability")


def test_who_fails_is_followed_once_its_own_tries_are_used_up(chain: StabilityStandIn) -> None:
    chain.always("", answers.internal_error())
    job = play(asked())
    assert (job.state, job.moved_from, len(chain.calls)) == (State.SUCCEEDED, "stability", 5)


def test_every_call_is_in_the_ledger_under_its_own_provider(chain: StabilityStandIn) -> None:
    chain.always("", answers.out_of_credit())
    job = play(asked())
    calls = Attempt.objects.filter(job=job).order_by("fence").values_list("provider", "model", "charged")
    assert list(calls) == [("stability", "core", Charged.NO), ("demo", "demo", Charged.YES)]


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (answers.refused(), State.REFUSED),
        (answers.filtered(), State.REFUSED),
        (answers.bad_request(), State.FAILED),
        (answers.html(502), State.UNKNOWN),
        (answers.hang_up(), State.UNKNOWN),
        (answers.bad_crc(), State.UNKNOWN),
        (answers.rate_limited(), State.QUEUED),
    ],
    ids=lambda given: getattr(given, "name", None),
)
def test_what_was_paid_or_refused_or_only_has_to_wait_stays(chain: StabilityStandIn, answer: Answer, state: State) -> None:
    chain.always("", answer)
    job = play(asked())
    assert (job.state, job.provider, job.moved_from) == (state, "stability", "")


def test_a_job_that_may_have_been_paid_for_before_stays(chain: StabilityStandIn, settings: Any) -> None:
    settings.ON_UNKNOWN = "retry"
    chain.when("", answers.hang_up(), *[answers.out_of_credit()] * 20)
    job = play(asked())
    assert (job.state, job.provider) == (State.QUEUED, "stability")


def test_without_a_chain_nobody_takes_over(stability_provider: StabilityStandIn) -> None:
    stability_provider.always("", answers.out_of_credit())
    assert play(asked()).provider == "stability"


def test_the_last_of_the_chain_has_nobody_behind_it(chain: StabilityStandIn) -> None:
    job = play(make_job("A kite [demo: fail]"))
    assert (job.state, job.provider) == (State.FAILED, "demo")


def test_a_successor_that_cannot_do_what_was_asked_is_passed_over(chain: StabilityStandIn) -> None:
    chain.always("", answers.out_of_credit())
    job = play(asked(style="anime"))
    assert (job.state, job.provider, job.style) == (State.QUEUED, "stability", "anime")


def test_a_successor_that_rests_or_has_no_key_is_passed_over(chain: StabilityStandIn, settings: Any) -> None:
    unset = {"BACKEND": "imagegen.providers.stability.StabilityV2Beta", "OPTIONS": {"key": ""}}
    second = {"BACKEND": "imagegen.providers.demo.Demo"}
    settings.IMAGE_PROVIDERS = {**settings.IMAGE_PROVIDERS, "unset": unset, "second": second}
    settings.FALLBACK_CHAIN = ["stability", "unset", "demo", "second"]
    pause("demo")
    chain.always("", answers.out_of_credit())
    job = asked()
    generation.run(job.pk)
    assert (read(job).provider, read(job).moved_from) == ("second", "stability")


def test_what_was_asked_goes_along(chain: StabilityStandIn) -> None:
    chain.always("", answers.out_of_credit())
    job = asked(negative_prompt="rain", size="384x256", aspect_ratio="3:2", seed=11)
    generation.run(job.pk)
    job = read(job)
    assert (job.negative_prompt, job.size, job.seed, job.aspect_ratio) == ("rain", "384x256", 11, "")
    assert (play(job).width, job.height) == (384, 256)


def test_a_canceled_job_is_not_handed_on(chain: StabilityStandIn) -> None:
    chain.always("", answers.out_of_credit())
    job = asked(cancel_requested=True)
    generation.run(job.pk)
    assert read(job).state == State.CANCELED


def test_those_that_wait_for_a_provider_that_rests_are_handed_on(chain: StabilityStandIn) -> None:
    jobs = [asked(), asked()]
    pause()
    assert lifecycle.hand_on() == 2
    assert {read(job).provider for job in jobs} == {"demo"}
    assert [read(job).turn for job in jobs] == [0, 0]
    assert chain.calls == []


def test_the_jobs_of_one_batch_keep_their_order(chain: StabilityStandIn) -> None:
    first = asked()
    second = asked(batch=first.batch)
    pause()
    lifecycle.hand_on()
    assert read(first).turn < read(second).turn


def test_one_that_is_due_to_try_its_provider_again_is_left_to_it(chain: StabilityStandIn) -> None:
    jobs = [asked(), asked()]
    pause(seconds=-1)
    assert lifecycle.hand_on() == 1
    assert sorted(read(job).provider for job in jobs) == ["demo", "stability"]


def test_a_brake_by_hand_hands_nothing_on(chain: StabilityStandIn) -> None:
    job = asked()
    pauses.stop_everything("somebody")
    assert (lifecycle.hand_on(), read(job).provider) == (0, "stability")


def test_a_seed_stays_behind_where_the_next_takes_none(chain: StabilityStandIn, settings: Any) -> None:
    seedless = {"BACKEND": "tests.test_fallback.Seedless"}
    settings.IMAGE_PROVIDERS = {**settings.IMAGE_PROVIDERS, "seedless": seedless}
    settings.FALLBACK_CHAIN = ["stability", "seedless"]
    pause()
    job = asked()
    assert lifecycle.hand_on() == 1
    assert read(job).seed is None
