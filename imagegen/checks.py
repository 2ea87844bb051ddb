"""System checks: what is wrong with the settings, each with an id, before anybody pays for it."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured

from imagegen.providers import registry


@register
def providers_can_be_made(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    for name in registry.names():
        try:
            registry.get(name)
        except ImproperlyConfigured as error:
            messages.append(Error(str(error), id="imagegen.E001"))
    return messages


@register
def default_provider_is_configured(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    try:
        missing = registry.get(registry.default()).not_configured()
    except ImproperlyConfigured:
        return []
    if not missing:
        return []
    hint = "Set it, or set DEFAULT_PROVIDER=demo."
    return [
        Warning(f"The default provider {registry.default()!r} cannot be used: {missing}.", hint=hint, id="imagegen.W001")
    ]
