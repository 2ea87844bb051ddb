"""POST /api/prompts has prompts written; /apis/generate-image/ draws what becomes of a line that was begun by chance."""

import json
import time
from typing import Any

import pytest
import requests
from django.test import Client

from imagegen.models import Job
from imagegen.states import State
from imagegen.writers.starts import STARTS
from tests.product import Product

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/apis/generate-image/"


def write(client: Client, **body: object) -> Any:
    return client.post("/api/prompts", json.dumps(body), content_type="application/json")


class TestWrite:
    def test_as_many_prompts_come_as_were_asked_for_and_nothing_is_drawn(self, client: Client) -> None:
        written = write(client, count=20, theme="the sea at night").json()
        assert len({*written["prompts"]}) == 20
        assert (written["writer"], written["theme"]) == ("words", "the sea at night")
        assert not Job.objects.exists()

    def test_the_same_seed_brings_the_same_again(self, client: Client) -> None:
        first = write(client).json()
        assert write(client, seed=first["seed"]).json() == first

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"count": 0}, "count"),
            ({"count": 1001}, "count"),
            ({"theme": "x" * 201}, "theme"),
            ({"writer": "nobody"}, "writer"),
            ({"seed": 0}, "seed"),
            ({"speed": 1}, "speed"),
        ],
        ids=str,
    )
    def test_what_cannot_be_written_is_refused_by_its_name(
        self, client: Client, body: dict[str, object], field: str
    ) -> None:
        answer = write(client, **body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)

    def test_a_writer_that_is_not_there_is_told_who_is(self, client: Client) -> None:
        assert "is not one of words" in write(client, writer="nobody").json()["detail"]


class TestByChance:
    @pytest.mark.parametrize("method", ["get", "post"])
    def test_who_does_not_want_to_wait_is_told_where_the_picture_will_be(self, client: Client, method: str) -> None:
        answer = getattr(client, method)(f"{URL}?wait=0")
        told = answer.json()
        assert (answer.status_code, told["status"], told["image_url"]) == (202, "queued", None)
        assert told["starting_prompt"] in STARTS
        assert told["prompt"].startswith(told["starting_prompt"])
        assert client.get(told["result_url"]).json()["prompt"] == told["prompt"]

    def test_nobody_keeps_its_answer(self, client: Client) -> None:
        assert "no-store" in client.get(f"{URL}?wait=0").headers["Cache-Control"]

    @pytest.mark.parametrize(
        "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}], ids=["site", "origin"]
    )
    @pytest.mark.parametrize("method", ["get", "post"])
    def test_a_page_of_another_site_buys_nothing(self, client: Client, method: str, headers: dict[str, str]) -> None:
        assert getattr(client, method)(URL, headers=headers).status_code == 403
        assert not Job.objects.exists()

    @pytest.mark.parametrize("query", ["wait=x", "wait=-1", "wait=601", "wait=nan", "speed=1"])
    def test_a_question_that_cannot_be_meant_buys_nothing(self, client: Client, query: str) -> None:
        answer = client.get(f"{URL}?{query}")
        assert answer.json()["errors"][0]["field"] == query.partition("=")[0]
        assert not Job.objects.exists()

    @pytest.mark.parametrize("method", ["put", "delete"])
    def test_there_is_no_other_method(self, client: Client, method: str) -> None:
        assert getattr(client, method)(URL).status_code == 405

    def test_where_one_has_to_sign_in_nothing_is_bought_before(self, client: Client, settings: Any) -> None:
        settings.ANONYMOUS_ACCESS = "read"
        assert client.get(URL).status_code == 401
        assert not Job.objects.exists()


def test_the_answer_comes_with_the_picture() -> None:
    with Product(WORKER_PROCESSES=1, STOP_SECONDS=1) as product:
        answer = requests.get(f"{product.url}{URL}", timeout=60)
        told = answer.json()
        assert (answer.status_code, told["status"]) == (200, State.SUCCEEDED)
        assert requests.get(told["image_url"], timeout=30).headers["Content-Type"] == "image/png"
        product.manage("pause")
        begun = time.monotonic()
        assert requests.get(f"{product.url}{URL}?wait=1", timeout=60).status_code == 202
        assert time.monotonic() - begun >= 1
