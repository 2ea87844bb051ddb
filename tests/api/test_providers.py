"""GET /api/providers: what can be asked of whom, at what price, and who could be called now."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from imagegen import limits, pauses
from imagegen.models import ProviderPause
from imagegen.providers import registry
from tests.standins.stability import StabilityStandIn

pytestmark = pytest.mark.django_db


def listed(client: Client) -> dict[str, dict[str, Any]]:
    answer = client.get("/api/providers")
    assert answer.status_code == 200
    return {entry["name"]: entry for entry in answer.json()["providers"]}


def test_every_provider_of_the_settings_is_there_the_default_first(client: Client) -> None:
    assert list(listed(client)) == registry.names()
    assert next(iter(listed(client).values()))["default"] is True


def test_it_works_with_a_slash_at_the_end(client: Client) -> None:
    assert client.get("/api/providers/").status_code == 200


def test_what_a_provider_can_do_is_said(client: Client) -> None:
    stability = listed(client)["stability"]
    assert (stability["seed"], stability["negative_prompt"], stability["max_prompt"]) == (True, True, 10_000)
    assert "16:9" in stability["aspect_ratios"]
    assert "anime" in stability["styles"]
    assert [model["name"] for model in stability["models"]][:2] == ["core", "ultra"]
    assert stability["rate"] == {"calls": 135, "seconds": 10}


def test_a_price_has_its_unit_its_source_and_its_day(client: Client) -> None:
    [price] = listed(client)["stability"]["models"][0]["prices"]
    assert (price["amount"], price["unit"], price["size"], price["quality"]) == (3, "credits", None, None)
    assert price["source"].startswith("https://")
    assert price["day"] == "2026-11-21"


def test_a_price_that_nobody_knows_is_not_there_and_not_zero(client: Client) -> None:
    server = listed(client)["automatic1111"]
    assert server["models"][0]["prices"] == []
    assert server["free"] is False


def test_prices_go_by_size_and_quality_and_tokens_where_those_are_paid_for(client: Client) -> None:
    model = listed(client)["openai"]["models"][0]
    first = model["prices"][0]
    assert (first["size"], first["quality"], first["amount"]) == ("1024x1024", "low", 0.006)
    assert (model["token_prices"]["image_output"], model["token_prices"]["day"]) == (30, "2026-11-21")
    assert model["qualities"] == ["low", "medium", "high"]


def test_sizes_are_bounds_and_a_sentence(client: Client) -> None:
    sizes = listed(client)["demo"]["models"][0]["sizes"]
    assert (sizes["least"], sizes["most"], sizes["said"]) == (64, 2048, "from 64x64 to 2048x2048")


def test_what_is_missing_is_said_by_the_name_of_the_variable(client: Client) -> None:
    stability = listed(client)["stability"]
    assert (stability["configured"], stability["missing"]) == (False, "STABILITY_API_KEY is not set")
    assert listed(client)["demo"]["missing"] is None


def test_no_key_is_shown(client: Client, stability_provider: StabilityStandIn) -> None:
    assert stability_provider.key not in client.get("/api/providers").content.decode()


def test_why_a_provider_rests_is_said(client: Client) -> None:
    until = timezone.now() + timedelta(seconds=60)
    sentence = "The account at Stability has no credit left."
    ProviderPause.objects.create(
        provider="stability", reason="no_credit", sentence=sentence, since=timezone.now(), until=until
    )
    rest = listed(client)["stability"]["rest"]
    assert (rest["reason"], rest["sentence"]) == ("no_credit", sentence)
    assert listed(client)["demo"]["rest"] is None


def test_a_brake_by_hand_is_why_everybody_rests(client: Client) -> None:
    pauses.stop_everything("somebody")
    assert {entry["rest"]["reason"] for entry in listed(client).values()} == {"by_hand"}


def test_a_provider_that_had_too_many_calls_says_for_how_long_it_rests(client: Client) -> None:
    limits.pause("stability", 30, "Too many calls.")
    assert 0 < listed(client)["stability"]["crowded_seconds"] <= 30


def test_who_takes_over_is_said(client: Client, settings: Any) -> None:
    settings.FALLBACK_CHAIN = ["stability", "openai", "demo"]
    found = listed(client)
    assert found["stability"]["takes_over"] == ["openai", "demo"]
    assert found["demo"]["takes_over"] == []


def test_an_entry_that_cannot_be_made_does_not_hide_the_others(client: Client, settings: Any) -> None:
    settings.IMAGE_PROVIDERS = {**settings.IMAGE_PROVIDERS, "broken": {"BACKEND": "nowhere.Nobody"}}
    assert "broken" not in listed(client)
    assert "demo" in listed(client)


def test_a_closed_site_tells_nobody(client: Client, settings: Any) -> None:
    settings.ANONYMOUS_ACCESS = "closed"
    assert client.get("/api/providers").status_code == 401
