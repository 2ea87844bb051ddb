"""The writers that PROMPT_WRITERS names, made once per process."""

import threading
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from imagegen.writers.base import PromptWriter

_made: dict[str, PromptWriter] = {}
_lock = threading.Lock()


def names() -> list[str]:
    """Return the keys of PROMPT_WRITERS, the default first."""
    first = default()
    return [first, *(name for name in settings.PROMPT_WRITERS if name != first)]


def made() -> Iterator[tuple[str, PromptWriter]]:
    """Yield those that can be made, the default first."""
    for name in names():
        try:
            yield name, get(name)
        except (ImproperlyConfigured, KeyError):
            continue


def queues() -> set[str]:
    """Return each kind of worker that some writer needs."""
    return {author.queue for _, author in made() if author.queue}


def default() -> str:
    return str(settings.DEFAULT_WRITER)


def get(name: str) -> PromptWriter:
    """Return the writer of that name; KeyError where settings have none."""
    with _lock:
        if name not in _made:
            _made[name] = _make(name, settings.PROMPT_WRITERS[name])
        return _made[name]


def _make(name: str, entry: dict[str, Any]) -> PromptWriter:
    try:
        writer = import_string(entry["BACKEND"])(**entry.get("OPTIONS", {}))
    except (KeyError, ImportError, TypeError, ValueError) as error:
        raise ImproperlyConfigured(f"PROMPT_WRITERS[{name!r}] cannot be made: {error}") from error
    if not isinstance(writer, PromptWriter):
        raise ImproperlyConfigured(f"PROMPT_WRITERS[{name!r}] is no prompt writer: {entry['BACKEND']}")
    return writer


def _forget(*, setting: str, **_: object) -> None:
    if setting == "PROMPT_WRITERS":
        _made.clear()


setting_changed.connect(_forget)
