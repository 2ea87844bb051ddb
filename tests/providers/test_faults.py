"""The table of faults: whatever a provider does, the job ends in a named state after a named number of calls.

That the ledger agrees with the provider's own bill is compared after every test, by the audit.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from imagegen import generation, redis
from imagegen.models import Attempt, Job, ProviderPause
from imagegen.states import UNFINISHED, Charged, PauseReason, State
from tests.rows import make_job
from tests.standins import stability as answers
from tests.standins.stability import Answer, StabilityStandIn
from tests.waiting import unused_port

pytestmark = pytest.mark.django_db(transaction=True)
TRIES = 12
SUCCEEDED, FAILED, REFUSED, UNKNOWN, QUEUED = State.SUCCEEDED, State.FAILED, State.REFUSED, State.UNKNOWN, State.QUEUED
YES, NO, PERHAPS = Charged.YES, Charged.NO, Charged.UNKNOWN


@dataclass(frozen=True)
class Row:
    """What a provider always answers, where the job ends, by which word, after how many calls, and what each cost."""

    answer: Answer
    state: State
    word: str
    calls: int = 1
    charged: Charged = NO
    pause: PauseReason | None = None

    def __str__(self) -> str:
        return self.answer.name


ALWAYS = [
    Row(answers.success(), SUCCEEDED, "", charged=YES),
    # Said by the provider, and not charged
    Row(answers.refused(), REFUSED, "refused"),
    Row(answers.public_figure(), REFUSED, "refused"),
    Row(answers.invalid_language(), FAILED, "invalid"),
    Row(answers.bad_request(), FAILED, "invalid"),
    Row(answers.not_found(), FAILED, "invalid"),
    Row(answers.too_large(), FAILED, "invalid"),
    Row(answers.internal_error(), FAILED, "unavailable", calls=5),
    Row(answers.rate_limited(), QUEUED, "rate_limited", calls=TRIES),
    Row(answers.rate_limited(retry_after=7), QUEUED, "rate_limited", calls=TRIES),
    Row(answers.out_of_credit(), QUEUED, "out_of_credit", calls=TRIES, pause=PauseReason.NO_CREDIT),
    Row(answers.unauthorized(), QUEUED, "not_configured", calls=TRIES, pause=PauseReason.BAD_KEY),
    # A picture that is none, and charged
    Row(answers.filtered(), REFUSED, "refused", charged=YES),
    # Nobody can tell
    Row(answers.html(200), UNKNOWN, "bad_answer", charged=PERHAPS),
    Row(answers.html(404), UNKNOWN, "outcome_unknown", charged=PERHAPS),
    Row(answers.html(500), UNKNOWN, "outcome_unknown", charged=PERHAPS),
    Row(answers.html(502), UNKNOWN, "outcome_unknown", charged=PERHAPS),
    Row(answers.html(503), UNKNOWN, "outcome_unknown", charged=PERHAPS),
    Row(answers.html(504), UNKNOWN, "outcome_unknown", charged=PERHAPS),
    Row(answers.wrong_type(), UNKNOWN, "bad_answer", charged=PERHAPS),
    Row(answers.reset_before_headers(), UNKNOWN, "outcome_unknown", charged=PERHAPS),
    Row(answers.reset_in_headers(), UNKNOWN, "outcome_unknown", charged=PERHAPS),
    Row(answers.reset_in_body(), UNKNOWN, "outcome_unknown", charged=PERHAPS),
    Row(answers.hang_up(), UNKNOWN, "outcome_unknown", charged=PERHAPS),
    Row(answers.truncated(), UNKNOWN, "outcome_unknown", charged=PERHAPS),
    Row(answers.lying_length(), UNKNOWN, "bad_answer", charged=PERHAPS),
    Row(answers.silence(), UNKNOWN, "outcome_unknown", charged=PERHAPS),
    Row(answers.drip(50), UNKNOWN, "outcome_unknown", charged=PERHAPS),
    Row(answers.drip_headers(5), UNKNOWN, "outcome_unknown", charged=PERHAPS),
    # Whole, and no picture that could be shown: the provider may count it as one all the same
    Row(answers.empty(), UNKNOWN, "bad_answer", charged=PERHAPS),
    Row(answers.bad_crc(), UNKNOWN, "bad_answer", charged=PERHAPS),
    Row(answers.missing_iend(), UNKNOWN, "bad_answer", charged=PERHAPS),
    Row(answers.bomb(), UNKNOWN, "bad_answer", charged=PERHAPS),
    Row(answers.endless(), UNKNOWN, "bad_answer", charged=PERHAPS),
    Row(answers.huge(), UNKNOWN, "bad_answer", charged=PERHAPS),
]


def play(job: Job) -> Job:
    """Run a job until it has ended or was tried so often, and let all the waiting be over each time."""
    for _ in range(TRIES):
        Job.objects.update(not_before=None)
        ProviderPause.objects.update(until=timezone.now() - timedelta(seconds=1))
        redis.client().delete(*(redis.client().keys(redis.key("limit:*")) or ["none"]))
        generation.run(job.pk)
        job.refresh_from_db()
        if job.state not in UNFINISHED:
            break
    return job


@pytest.mark.parametrize("row", ALWAYS, ids=str)
def test_what_the_provider_always_does_leads_to_a_named_end(stability_provider: StabilityStandIn, row: Row) -> None:
    stability_provider.always("", row.answer)
    job = play(make_job(provider="stability", model="core"))
    assert (job.state, job.error_code, len(stability_provider.calls)) == (row.state, row.word, row.calls)
    assert {attempt.charged for attempt in Attempt.objects.all()} == {row.charged}
    assert [pause.reason for pause in ProviderPause.objects.all()] == ([row.pause] if row.pause else [])


@pytest.mark.parametrize("row", [row for row in ALWAYS if row.word], ids=str)
def test_people_are_told_what_happened_and_whether_it_cost_anything(stability_provider: StabilityStandIn, row: Row) -> None:
    stability_provider.always("", row.answer)
    job = play(make_job(provider="stability", model="core"))
    assert job.error_sentence.endswith(".")
    money = {
        YES: ("paid",),
        NO: ("Nothing was charged", "takes no more calls", "does not accept the key"),
        PERHAPS: ("may have been paid",),
    }
    assert any(words in job.error_sentence for words in money[row.charged]), job.error_sentence


@pytest.mark.parametrize("row", [row for row in ALWAYS if row.charged == NO and row.calls > 1], ids=str)
def test_a_fault_that_passes_ends_with_a_picture(stability_provider: StabilityStandIn, row: Row) -> None:
    stability_provider.when("", row.answer, row.answer)
    job = play(make_job(provider="stability", model="core"))
    assert (job.state, len(stability_provider.calls)) == (SUCCEEDED, 3)
    assert not ProviderPause.objects.exists()


def test_a_provider_that_nobody_reaches_is_tried_five_times_and_costs_nothing(settings: Any) -> None:
    options = {"key": "sk-test", "host": f"http://127.0.0.1:{unused_port()}"}
    entry = {"BACKEND": "imagegen.providers.stability.StabilityV2Beta", "OPTIONS": options}
    settings.IMAGE_PROVIDERS = {**settings.IMAGE_PROVIDERS, "stability": entry}
    job = play(make_job(provider="stability", model="core"))
    assert (job.state, Attempt.objects.count()) == (FAILED, 5)
    assert {attempt.charged for attempt in Attempt.objects.all()} == {NO}


@pytest.mark.parametrize(
    ("wish", "state", "calls", "charged"),
    [
        ("later 0", SUCCEEDED, 1, YES),
        ("slow 0", SUCCEEDED, 1, YES),
        ("busy 1", QUEUED, TRIES, NO),
        ("refuse", REFUSED, 1, NO),
        ("blur", REFUSED, 1, YES),
        ("fail", FAILED, 5, NO),
        ("unknown", UNKNOWN, 1, PERHAPS),
    ],
)
def test_the_demo_misbehaves_as_its_words_say(wish: str, state: State, calls: int, charged: Charged) -> None:
    job = play(make_job(f"A kite [demo: {wish}]", size="64x64"))
    assert (job.state, Attempt.objects.count()) == (state, calls)
    assert {attempt.charged for attempt in Attempt.objects.all()} == {charged}


def test_the_table_has_at_least_thirty_faults() -> None:
    assert len(ALWAYS) > 30
