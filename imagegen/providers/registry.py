"""The providers that IMAGE_PROVIDERS names, made once per process."""

import threading
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from imagegen.providers.base import Provider, Rate

# Of a documented limit, so that a clock that is a little off and a call from elsewhere do no harm.
SHARE = 0.9
_made: dict[str, Provider] = {}
_lock = threading.Lock()


def names() -> list[str]:
    """Return the keys of IMAGE_PROVIDERS, the default first."""
    first = default()
    return [first, *(name for name in settings.IMAGE_PROVIDERS if name != first)]


def ready() -> list[str]:
    """Return the names of those that could make a call now, the default first."""
    return [name for name in names() if not get(name).not_configured()]


def made() -> Iterator[tuple[str, Provider]]:
    """Yield those that can be made, the default first; of the others a system check tells."""
    for name in names():
        try:
            provider = get(name)
        except (ImproperlyConfigured, KeyError):
            continue
        yield name, provider


def free() -> list[str]:
    """Return the names of those whose calls never cost money."""
    return [name for name, provider in made() if provider.is_free]


def is_free(name: str) -> bool:
    """Whether a provider's calls never cost money."""
    provider = find(name)
    return bool(provider and provider.is_free)


def queue(name: str) -> str:
    """Return the kind of worker that makes a provider's calls; the empty name where nobody knows the provider."""
    provider = find(name)
    return provider.queue if provider else ""


def is_repeatable(name: str) -> bool:
    """Whether a provider's call may be made again where nobody knows what became of it."""
    provider = find(name)
    return bool(provider and provider.is_repeatable)


def queues() -> list[str]:
    """Return each kind of worker that some provider needs."""
    return sorted({provider.queue for _, provider in made()} | {""})


def rate(name: str) -> Rate | None:
    """Return how often a provider is called at most: RATE_LIMIT of its entry, else 90 % of what it documents."""
    entry = settings.IMAGE_PROVIDERS[name]
    if "RATE_LIMIT" not in entry:
        documented = get(name).rate
        return documented * SHARE if documented else None
    calls, seconds = entry["RATE_LIMIT"]
    return Rate(calls, seconds) if calls else None


def default() -> str:
    return str(settings.DEFAULT_PROVIDER)


def find(name: str) -> Provider | None:
    """Return the provider of that name; None where settings have none, as when jobs of an earlier one are left."""
    try:
        return get(name)
    except KeyError:
        return None


def get(name: str) -> Provider:
    """Return the provider of that name; KeyError where settings have none."""
    with _lock:
        if name not in _made:
            _made[name] = _make(name, settings.IMAGE_PROVIDERS[name])
        return _made[name]


def _make(name: str, entry: dict[str, Any]) -> Provider:
    try:
        provider = import_string(entry["BACKEND"])(**entry.get("OPTIONS", {}))
    except (KeyError, ImportError, TypeError, ValueError) as error:
        raise ImproperlyConfigured(f"IMAGE_PROVIDERS[{name!r}] cannot be made: {error}") from error
    if not isinstance(provider, Provider):
        raise ImproperlyConfigured(f"IMAGE_PROVIDERS[{name!r}] is no provider: {entry['BACKEND']}")
    return provider


def _forget(*, setting: str, **_: object) -> None:
    if setting == "IMAGE_PROVIDERS":
        _made.clear()


setting_changed.connect(_forget)
