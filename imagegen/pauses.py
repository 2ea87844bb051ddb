"""Pauses: why a provider's jobs wait, or everybody's, and until when; rows, so that they survive a Redis that is wiped.

A provider that cannot be paid, or fails too often, rests. Then one waiting job after another tries it, at first after a
minute and then ever later, until it works again: nobody has to do anything by hand, and hardly a call is wasted.
"""

import logging
import math
from collections.abc import Mapping
from datetime import timedelta
from enum import Enum, auto
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now

from imagegen import conf, errors
from imagegen.models import Attempt, ProviderPause
from imagegen.states import PauseReason

log = logging.getLogger(__name__)
# The provider that stands for all of them.
EVERYTHING = ""
# Each rest is twice as long as the one before, up to so many times the first: a minute, and a quarter of an hour.
LONGEST = 15
# The breaker opens where at least half of at least so many calls failed within so long, and closes after so many successes.
BREAKER_CALLS = 20
BREAKER_WINDOW = timedelta(seconds=60)
BREAKER_SUCCESSES = 3
# What says that a provider is ill. A refusal, a limit and an empty account are answers of a provider that is well.
ILL = (errors.Unavailable.code, errors.OutcomeUnknown.code, errors.BadAnswer.code)
WELL = ("succeeded", errors.Refused.code, errors.Invalid.code)


def current() -> dict[str, ProviderPause]:
    """Return each pause by its provider, EVERYTHING among them; one whose rest is over still waits for its trial."""
    return {pause.provider: pause for pause in ProviderPause.objects.all()}


class Admission(Enum):
    """Whether a job may call its provider now, and whether its call is the one that tries a provider that rested."""

    REFUSED = auto()
    FREE = auto()
    TRIAL = auto()


def admit(provider: str, job: UUID, paused: Mapping[str, ProviderPause]) -> Admission:
    """Say whether this job may call its provider now; a job that may try one that rested is written down.

    Asked in the transaction of the claim, with the `current` pauses, so that a trial is exactly one call.
    """
    if EVERYTHING in paused:
        return Admission.REFUSED
    if provider not in paused:
        return Admission.FREE
    # Of many that look at once, the first moves the moment that the others look for.
    over = ProviderPause.objects.filter(provider=provider, until__lte=Now())
    moved = over.update(trial=job, until=Now() + _rest(paused[provider].rests))
    return Admission.TRIAL if moved else Admission.REFUSED


def stopped_by() -> str:
    """Say who stopped everything by hand; the empty string where nobody did."""
    return ProviderPause.objects.filter(provider=EVERYTHING).values_list("sentence", flat=True).first() or ""


def allowance(provider: str) -> float:
    """Return how many calls to a provider are worth beginning now: any number, one that tries it, or none."""
    found = _of(provider)
    if EVERYTHING in found or provider not in found:
        return 0 if found else math.inf
    return ProviderPause.objects.filter(provider=provider, until__lte=Now()).count()


def after_error(provider: str, job: UUID, error: errors.ProviderError) -> None:
    """Pause a provider for what it said or for how often it failed; a trial that failed lets it rest longer."""
    if isinstance(error, errors.RateLimited | errors.WorkerGone):
        return
    reason = _reason(error)
    if trial := _trial(provider, job):
        if reason:
            _rest_longer(trial, reason, error)
        else:
            _went_well(trial)
    elif reason and (reason != PauseReason.BREAKER or _is_ill(provider)):
        _begin(provider, reason, error)


def after_success(provider: str, job: UUID) -> None:
    """Let a provider go on whose trial went well."""
    if trial := _trial(provider, job):
        _went_well(trial)


def stop_everything(by: str) -> None:
    """Make no further call to any provider until somebody says so; `by` names who stopped it. Twice is as good as once."""
    sentence = f"Everything was paused by {by}. No new call is made."
    values = {"reason": PauseReason.BY_HAND, "sentence": sentence, "since": Now(), "until": None}
    ProviderPause.objects.get_or_create(provider=EVERYTHING, defaults=values)


def resume(provider: str) -> bool:
    """Let calls be made again, to one provider or to EVERYTHING; False where it was not paused."""
    return bool(ProviderPause.objects.filter(provider=provider).delete()[0])


def _of(provider: str) -> dict[str, ProviderPause]:
    return {pause.provider: pause for pause in ProviderPause.objects.filter(provider__in=(provider, EVERYTHING))}


def _begin(provider: str, reason: PauseReason, error: errors.ProviderError) -> None:
    values = {"reason": reason, "sentence": str(error), "since": Now(), "until": Now() + _rest(1)}
    if ProviderPause.objects.get_or_create(provider=provider, defaults=values)[1]:
        # One line for an operator, not one for each job that waits.
        log.error("provider %s is paused (%s): %s", provider, reason, error)


def _trial(provider: str, job: UUID) -> ProviderPause | None:
    return ProviderPause.objects.select_for_update().filter(provider=provider, trial=job).first()


def _rest_longer(trial: ProviderPause, reason: PauseReason, error: errors.ProviderError) -> None:
    rests = min(trial.rests * 2, LONGEST)
    _same(trial).update(reason=reason, sentence=str(error), trial=None, successes=0, rests=rests, until=Now() + _rest(rests))


def _went_well(trial: ProviderPause) -> None:
    """End the pause, after an open breaker only once several trials went well."""
    if trial.reason == PauseReason.BREAKER and trial.successes + 1 < BREAKER_SUCCESSES:
        _same(trial).update(trial=None, successes=trial.successes + 1, until=Now())
    else:
        _same(trial).delete()
        log.warning("provider %s works again", trial.provider)


def _same(pause: ProviderPause) -> QuerySet[ProviderPause]:
    return ProviderPause.objects.filter(provider=pause.provider)


def _reason(error: errors.ProviderError) -> PauseReason | None:
    """Return what this error says about the provider; None where it says that it is well."""
    match error:
        case errors.OutOfCredit():
            return PauseReason.NO_CREDIT
        case errors.NotConfigured():
            return PauseReason.BAD_KEY
    return PauseReason.BREAKER if error.code in ILL else None


def _is_ill(provider: str) -> bool:
    """Whether at least half of a provider's calls of the last minute failed, and there were enough to tell."""
    recent = Attempt.objects.filter(provider=provider, ended_at__gt=Now() - BREAKER_WINDOW, outcome__in=(*ILL, *WELL))
    count = recent.aggregate(all=Count("pk"), ill=Count("pk", filter=Q(outcome__in=ILL)))
    return bool(count["all"] >= BREAKER_CALLS and count["ill"] * 2 >= count["all"])


def _rest(rests: int) -> timedelta:
    return timedelta(seconds=conf.rest_seconds() * rests)
