"""`manage.py check_providers` tells who could be called, without paying anybody."""

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.standins.stability import StabilityStandIn
from tests.waiting import unused_port

STABILITY = "imagegen.providers.stability.StabilityV2Beta"


@pytest.fixture(autouse=True)
def few(settings: Any) -> None:
    settings.IMAGE_PROVIDERS = {
        "demo": {"BACKEND": "imagegen.providers.demo.Demo"},
        "stability": {"BACKEND": STABILITY, "OPTIONS": {"key": ""}},
    }


def connect(settings: Any, *, key: str, host: str) -> None:
    entry = {"BACKEND": STABILITY, "OPTIONS": {"key": key, "host": host}}
    settings.IMAGE_PROVIDERS = {**settings.IMAGE_PROVIDERS, "stability": entry}


def told(*names: str) -> tuple[int, dict[str, str]]:
    """Return the exit status and what was said of each provider, in one line each."""
    out, status = io.StringIO(), 0
    try:
        call_command("check_providers", *names, stdout=out)
    except SystemExit as end:
        status = int(end.code or 0)
    return status, {line.split()[0]: " ".join(line.split()[1:]) for line in out.getvalue().splitlines()}


def test_one_without_a_key_is_no_fault_while_nobody_asks_for_it() -> None:
    assert told() == (0, {"demo": "ok there is nothing to ask", "stability": "not set STABILITY_API_KEY is not set"})


def test_one_that_was_named_must_be_configured() -> None:
    assert told("stability")[0] == 1


def test_a_good_key_shows_what_is_left(settings: Any, stability: StabilityStandIn) -> None:
    stability.balance = 12.5
    connect(settings, key=stability.key, host=stability.url)
    status, lines = told("stability")
    assert (status, lines) == (0, {"stability": "ok the key is accepted; 12.5 credits are left"})
    assert stability.calls == []


def test_a_bad_key_is_a_fault_that_names_its_variable_and_not_the_key(settings: Any, stability: StabilityStandIn) -> None:
    connect(settings, key="sk-other", host=stability.url)
    status, lines = told()
    assert (status, "STABILITY_API_KEY" in lines["stability"], "sk-other" in lines["stability"]) == (1, True, False)


def test_a_provider_that_is_not_there_is_a_fault(settings: Any) -> None:
    connect(settings, key="sk-test", host=f"http://127.0.0.1:{unused_port()}")
    status, lines = told()
    assert status == 1
    assert lines["stability"].startswith("FAILED The provider could not be reached")


def test_a_name_that_nobody_has_lists_the_others() -> None:
    with pytest.raises(CommandError, match="nobody: not one of demo, stability"):
        told("nobody")
