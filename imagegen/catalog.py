"""Who can make pictures here: what each provider can do, what that costs, and whether it could be called now."""

from dataclasses import dataclass
from datetime import datetime

from imagegen import conf, limits, pauses
from imagegen.models import ProviderPause
from imagegen.providers import registry
from imagegen.providers.base import Provider, Rate


@dataclass(frozen=True)
class Rest:
    """Why a provider is not called for now; `until` is None where a person has to resume it."""

    reason: str
    sentence: str
    until: datetime | None


@dataclass(frozen=True)
class Entry:
    """A provider of the settings. `missing` says what it needs before it can be called, None where that is nothing.

    `crowded` is for how many seconds more it takes no calls, after it had too many.
    """

    name: str
    provider: Provider
    missing: str | None
    rest: Rest | None
    crowded: float
    rate: Rate | None
    takes_over: list[str]


def entries() -> list[Entry]:
    """Return every provider that can be made, the default first."""
    made = dict(registry.made())
    paused, rests = pauses.current(), limits.rests(made)
    return [
        Entry(
            name=name,
            provider=provider,
            missing=provider.not_configured(),
            rest=_rest(paused.get(pauses.EVERYTHING) or paused.get(name)),
            crowded=rests[name],
            rate=registry.rate(name),
            takes_over=conf.who_takes_over(name),
        )
        for name, provider in made.items()
    ]


def _rest(pause: ProviderPause | None) -> Rest | None:
    return Rest(pause.reason, pause.sentence, pause.until) if pause else None
