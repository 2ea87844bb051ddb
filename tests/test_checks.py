"""Each way to write providers into the settings wrongly has a check that says so, and good settings have none."""

from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks

from imagegen import checks
from imagegen.management import preflight
from imagegen.management.preflight import CannotStart

STABILITY = "imagegen.providers.stability.StabilityV2Beta"


def found() -> list[CheckMessage]:
    return run_checks(tags=[checks.PROVIDERS])


def ids() -> list[str | None]:
    return [message.id for message in found()]


@pytest.fixture
def add(settings: Any) -> Any:
    """Return what puts an entry into IMAGE_PROVIDERS."""

    def put(name: str, **entry: object) -> None:
        settings.IMAGE_PROVIDERS = {**settings.IMAGE_PROVIDERS, name: entry}

    return put


def test_settings_without_a_key_are_good() -> None:
    assert found() == []


@pytest.mark.parametrize(
    "entry",
    [
        {"BACKEND": "nowhere.Nobody"},
        {"BACKEND": "imagegen.errors.Refused"},
        {"BACKEND": STABILITY, "OPTIONS": {"kee": "sk-1"}},
        {},
    ],
)
def test_an_entry_that_cannot_be_made_is_an_error_that_names_it(add: Any, entry: dict[str, Any]) -> None:
    add("mine", **entry)
    [message] = found()
    assert message.id == "imagegen.E001"
    assert "mine" in message.msg


def test_a_default_that_is_not_there_is_an_error(settings: Any) -> None:
    settings.DEFAULT_PROVIDER = "mine"
    assert "imagegen.E002" in ids()


@pytest.mark.parametrize("chain", [["stability", "mine"], ["demo", "demo"]])
def test_a_chain_that_cannot_be_meant_is_an_error(settings: Any, chain: list[str]) -> None:
    settings.FALLBACK_CHAIN = chain
    assert "imagegen.E003" in ids()


@pytest.mark.parametrize("limit", [135, "135/10", [135], [-1, 10], [135, 0], [True, 10]])
def test_a_rate_limit_that_is_none_is_an_error(add: Any, limit: object) -> None:
    add("mine", BACKEND=STABILITY, OPTIONS={"key": ""}, RATE_LIMIT=limit)
    assert ids() == ["imagegen.E004"]


def test_a_word_that_no_entry_has_is_an_error(add: Any) -> None:
    add("mine", BACKEND=STABILITY, OPTIONS={"key": ""}, RATE_LIMITS=[1, 1])
    assert ids() == ["imagegen.E005"]


def test_a_default_without_its_key_is_a_warning_that_names_the_variable(settings: Any) -> None:
    settings.DEFAULT_PROVIDER = "stability"
    [message] = found()
    assert (message.id, "STABILITY_API_KEY" in message.msg) == ("imagegen.W001", True)


def test_a_key_that_fits_no_header_is_a_warning_that_does_not_show_it(add: Any) -> None:
    add("mine", BACKEND=STABILITY, OPTIONS={"key": "sk-\x07secret", "key_name": "MY_KEY"})
    [message] = found()
    assert (message.id, "MY_KEY" in message.msg, "secret" in message.msg) == ("imagegen.W002", True, False)


@pytest.mark.parametrize("chain", [["demo", "stability"], ["demo"]])
def test_a_chain_with_one_that_cannot_help_is_a_warning(settings: Any, chain: list[str]) -> None:
    settings.FALLBACK_CHAIN = chain
    assert set(ids()) == {"imagegen.W003"}


def test_two_entries_with_one_key_are_a_warning(add: Any) -> None:
    add("first", BACKEND=STABILITY, OPTIONS={"key": "sk-1"})
    add("second", BACKEND=STABILITY, OPTIONS={"key": "sk-1"})
    add("third", BACKEND=STABILITY, OPTIONS={"key": "sk-3"})
    [message] = found()
    assert (message.id, message.msg.startswith("first and second ")) == ("imagegen.W004", True)


def test_nothing_starts_with_settings_that_cannot_be_meant(settings: Any) -> None:
    settings.FALLBACK_CHAIN = ["nobody"]
    with pytest.raises(CannotStart, match="FALLBACK_CHAIN: nobody is not one of"):
        preflight.check_providers()


def test_what_only_cannot_work_is_told_at_the_start(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.DEFAULT_PROVIDER = "stability"
    preflight.check_providers()
    assert "STABILITY_API_KEY is not set" in caplog.text
