"""System checks: what is wrong with the settings, each with an id, before anybody pays for it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured

from imagegen.providers import registry
from imagegen.providers.base import Provider

# What `manage.py up` asks before it starts.
PROVIDERS = "providers"
WORDS = {"BACKEND", "OPTIONS", "RATE_LIMIT"}


@register(PROVIDERS)
def providers_can_be_made(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    for name in _entries():
        try:
            registry.get(name)
        except ImproperlyConfigured as error:
            messages.append(Error(str(error), id="imagegen.E001"))
    return messages


@register(PROVIDERS)
def the_default_provider_exists(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    name = registry.default()
    if name in settings.IMAGE_PROVIDERS:
        return []
    return [Error(f"DEFAULT_PROVIDER={name} is not one of {', '.join(settings.IMAGE_PROVIDERS)}", id="imagegen.E002")]


@register(PROVIDERS)
def the_chain_names_providers_once(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    chain = list(settings.FALLBACK_CHAIN)
    faults = [f"{name} is not one of {', '.join(settings.IMAGE_PROVIDERS)}" for name in chain if name not in _entries()]
    faults += [f"{name} is named more than once" for name in dict.fromkeys(chain) if chain.count(name) > 1]
    return [Error(f"FALLBACK_CHAIN: {fault}", id="imagegen.E003") for fault in faults]


@register(PROVIDERS)
def rate_limits_are_numbers(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    hint = "Write calls and seconds, like [135, 10]; 0 calls are no limit."
    wrong = [name for name, entry in _entries().items() if "RATE_LIMIT" in entry and not _is_rate(entry["RATE_LIMIT"])]
    return [Error(f"IMAGE_PROVIDERS[{name!r}]: RATE_LIMIT is no limit.", hint=hint, id="imagegen.E004") for name in wrong]


@register(PROVIDERS)
def entries_have_known_words(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    return [
        Error(f"IMAGE_PROVIDERS[{name!r}]: {word} is not one of {', '.join(sorted(WORDS))}", id="imagegen.E005")
        for name, entry in _entries().items()
        for word in sorted(set(entry) - WORDS)
    ]


@register(PROVIDERS)
def the_default_provider_is_configured(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    missing = {name: sentence for name, _, sentence in _not_configured()}.get(registry.default())
    if not missing:
        return []
    hint = "Set it, or set DEFAULT_PROVIDER=demo."
    sentence = f"The default provider {registry.default()!r} cannot be used: {missing}."
    return [Warning(sentence, hint=hint, id="imagegen.W001")]


@register(PROVIDERS)
def keys_that_are_set_can_be_used(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Only of those that somebody wants: a provider without a key is simply not used."""
    wanted = [(name, sentence) for name, _, sentence in _not_configured() if _options(name).get("key")]
    return [Warning(f"Provider {name!r} cannot be used: {sentence}.", id="imagegen.W002") for name, sentence in wanted]


@register(PROVIDERS)
def those_in_the_chain_can_take_over(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    chain = list(settings.FALLBACK_CHAIN)
    idle = [(name, f"cannot take over: {missing}") for name, _, missing in _not_configured() if name in chain]
    idle += [(name, "only draws placeholders") for name, provider in registry.made() if provider.is_demo and name in chain]
    return [Warning(f"FALLBACK_CHAIN: {name} {sentence}.", id="imagegen.W003") for name, sentence in idle]


@register(PROVIDERS)
def no_two_entries_share_an_account(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Each entry keeps to the limit by itself, so two for the same account would pass it together."""
    accounts: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for name in _entries():
        if key := _options(name).get("key"):
            accounts[(str(_entries()[name].get("BACKEND")), str(_options(name).get("host")), str(key))].append(name)
    return [
        Warning(f"{' and '.join(names)} use the same key: their limits do not know of each other.", id="imagegen.W004")
        for names in accounts.values()
        if len(names) > 1
    ]


def _entries() -> dict[str, dict[str, Any]]:
    return dict(settings.IMAGE_PROVIDERS)


def _options(name: str) -> dict[str, Any]:
    return dict(_entries()[name].get("OPTIONS", {}))


def _not_configured() -> Iterator[tuple[str, Provider, str]]:
    for name, provider in registry.made():
        if missing := provider.not_configured():
            yield name, provider, missing


def _is_rate(limit: object) -> bool:
    if not isinstance(limit, list | tuple) or len(limit) != 2:
        return False
    numbers = [each for each in limit if isinstance(each, int | float) and not isinstance(each, bool)]
    return len(numbers) == 2 and limit[0] >= 0 and limit[1] > 0
