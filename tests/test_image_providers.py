"""Providers by settings alone: from the environment, and from a file for a second key, a third server."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chaotix import image_providers
from chaotix.env import BadSetting
from imagegen.providers import registry
from tests.product import Product
from tests.standins.stability import StabilityStandIn

Write = Callable[[str], dict[str, dict[str, Any]]]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Return what writes a PROVIDERS_FILE and reads the entries that there are then."""

    def entries(text: str) -> dict[str, dict[str, Any]]:
        path = tmp_path / "providers.toml"
        path.write_text(text)
        monkeypatch.setenv("PROVIDERS_FILE", str(path))
        return image_providers.entries()

    return entries


def test_a_key_of_the_environment_is_in_its_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BFL_API_KEY", "bfl-1")
    entry = image_providers.entries()["black-forest-labs"]
    assert entry["OPTIONS"] == {"key": "bfl-1"}


def test_a_list_of_the_environment_is_a_list_of_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_COMPATIBLE_MODELS", "flux, sdxl")
    assert image_providers.entries()["openai-compatible"]["OPTIONS"]["models"] == ["flux", "sdxl"]


@pytest.mark.parametrize(
    ("variable", "name"), [("STABILITY_V1_HOST", "stability-v1"), ("STABILITY_GRPC_HOST", "stability-grpc")]
)
def test_an_older_api_of_stability_is_there_once_its_host_is_set(
    monkeypatch: pytest.MonkeyPatch, variable: str, name: str
) -> None:
    assert name not in image_providers.entries()
    monkeypatch.setenv(variable, "127.0.0.1:1")
    assert image_providers.entries()[name]["OPTIONS"]["host"] == "127.0.0.1:1"


def test_a_table_of_the_file_is_an_entry(written: Write) -> None:
    found = written('[mine]\nBACKEND = "a.B"\nRATE_LIMIT = [5, 60]\n[mine.OPTIONS]\nhost = "http://127.0.0.1:1"\n')
    assert found["mine"] == {"BACKEND": "a.B", "RATE_LIMIT": [5, 60], "OPTIONS": {"host": "http://127.0.0.1:1"}}
    assert "stability" in found


def test_an_entry_of_the_file_takes_the_place_of_one_with_its_name(written: Write) -> None:
    assert written('[demo]\nBACKEND = "a.B"\n')["demo"] == {"BACKEND": "a.B", "OPTIONS": {}}


def test_a_key_of_the_file_may_stand_in_the_environment(written: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECOND_KEY", "sk-2")
    assert written('[mine]\nBACKEND = "a.B"\nOPTIONS = {key = "env:SECOND_KEY"}\n')["mine"]["OPTIONS"] == {"key": "sk-2"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[mine\n", "cannot be read"),
        ("mine = 5\n", r"\[mine\] is not a table"),
        ('[mine]\nBACKEND = "a.B"\nOPTIONS = 5\n', r"\[mine\] is not a table"),
    ],
)
def test_a_file_that_cannot_be_understood_is_named_with_its_entry(written: Write, text: str, said: str) -> None:
    with pytest.raises(BadSetting, match=f"PROVIDERS_FILE=.*{said}"):
        written(text)


def test_a_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVIDERS_FILE", "/nowhere/providers.toml")
    with pytest.raises(BadSetting, match=r"PROVIDERS_FILE=/nowhere/providers\.toml cannot be read"):
        image_providers.entries()


def test_every_entry_of_the_environment_can_be_made() -> None:
    assert [name for name in registry.names() if registry.get(name).not_configured() is None] == ["demo"]


def test_two_keys_of_one_provider_draw_side_by_side(tmp_path: Path) -> None:
    with StabilityStandIn("sk-1") as first, StabilityStandIn("sk-2") as second:
        path = tmp_path / "providers.toml"
        path.write_text(
            '[stability-2]\nBACKEND = "imagegen.providers.stability.StabilityV2Beta"\n'
            f'OPTIONS = {{key = "env:SECOND_KEY", host = "{second.url}"}}\n'
        )
        names = {"STABILITY_API_KEY": "sk-1", "STABILITY_API_HOST": first.url, "PROVIDERS_FILE": path, "SECOND_KEY": "sk-2"}
        with Product(**names) as product:
            asked = [*product.generate("a fox"), *product.generate("an owl", provider="stability-2")]
            assert {image["state"] for image in product.finished(asked)} == {"succeeded"}
        assert [[call.prompt for call in each.calls] for each in (first, second)] == [["a fox"], ["an owl"]]
