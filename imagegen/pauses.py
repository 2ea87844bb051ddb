"""Pauses: why a provider's jobs wait, or everybody's, and until when; rows, so that they survive a Redis that is wiped."""

from datetime import timedelta

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from imagegen import errors
from imagegen.models import ProviderPause
from imagegen.states import PauseReason

# The provider that stands for all of them.
EVERYTHING = ""
# How long a provider rests that has no credit or does not accept the key.
REST_SECONDS = 60.0


def is_paused(provider: str) -> bool:
    return _current().filter(provider__in=(provider, EVERYTHING)).exists()


def current() -> dict[str, str]:
    """Return the sentence of each pause by its provider, EVERYTHING among them."""
    return dict(_current().values_list("provider", "sentence"))


def rest(provider: str, error: errors.OutOfCredit | errors.NotConfigured) -> None:
    """Let a provider rest for a minute, for the reason that it gave itself."""
    reason = PauseReason.NO_CREDIT if isinstance(error, errors.OutOfCredit) else PauseReason.BAD_KEY
    until = Now() + timedelta(seconds=REST_SECONDS)
    values = {"reason": reason, "sentence": str(error), "since": Now(), "until": until}
    ProviderPause.objects.update_or_create(provider=provider, defaults=values)


def stop_everything(by: str) -> None:
    """Make no further call to any provider until somebody says so; `by` names who stopped it. Twice is as good as once."""
    sentence = f"Everything was paused by {by}. No new call is made."
    values = {"reason": PauseReason.BY_HAND, "sentence": sentence, "since": Now(), "until": None}
    ProviderPause.objects.get_or_create(provider=EVERYTHING, defaults=values)


def resume_everything() -> bool:
    """Let calls be made again; False where nothing was paused by hand."""
    return bool(ProviderPause.objects.filter(provider=EVERYTHING).delete()[0])


def _current() -> QuerySet[ProviderPause]:
    return ProviderPause.objects.filter(Q(until=None) | Q(until__gt=Now()))
