"""POST /api/prompts has prompts written; /apis/generate-image/ draws what becomes of a line that was begun by chance."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from django.contrib.auth.models import User
from django.test import Client

from imagegen import pauses
from imagegen.models import Attempt, Job
from imagegen.states import State
from imagegen.writers.starts import STARTS
from tests.product import Product
from tests.standins import chat as said
from tests.standins import faults
from tests.standins import hugging_face as answers
from tests.standins.chat import RouterChatStandIn
from tests.standins.faults import Answer
from tests.standins.text_generation import TextGenerationStandIn
from tests.waiting import unused_port

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/apis/generate-image/"
KEY = "hf_canary_52fe"
FAILURES: list[tuple[Answer, str]] = [
    (answers.unauthorized(), "not_configured"),
    (answers.out_of_credit(), "out_of_credit"),
    (answers.rate_limited(), "rate_limited"),
    (answers.invalid(), "invalid"),
    (answers.failed(), "outcome_unknown"),
    (said.refusal(), "refused"),
    (said.cut_off(), "bad_answer"),
    (faults.html(200), "bad_answer"),
    (faults.reset_in_body(), "outcome_unknown"),
]


@pytest.fixture
def router(settings: Any) -> Iterator[RouterChatStandIn]:
    """Whoever answers the default writer, which costs money."""
    with RouterChatStandIn(KEY) as standin:
        put_first(settings, "HuggingFaceChat", key=KEY, router=standin.url, total_seconds=20)
        yield standin


def put_first(settings: Any, plug: str, **options: object) -> None:
    entry = {"BACKEND": f"imagegen.writers.hugging_face.{plug}", "OPTIONS": options}
    settings.PROMPT_WRITERS = {**settings.PROMPT_WRITERS, "huggingface": entry}
    settings.DEFAULT_WRITER = "huggingface"


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


class TestWriters:
    """Writers besides the words."""

    def test_the_default_writes_unless_another_is_named(self, client: Client, router: RouterChatStandIn) -> None:
        assert [write(client, **asked).json()["writer"] for asked in ({}, {"writer": "words"})] == ["huggingface", "words"]
        assert len(router.calls) == 1

    def test_it_says_where_it_stays_short_and_null_where_it_does_not(
        self, client: Client, router: RouterChatStandIn
    ) -> None:
        assert write(client, count=3).json()["short"] is None
        router.always("", said.prompts("one", "two"))
        written = write(client, count=3).json()
        assert written["prompts"] == ["one", "two"]
        assert "2 of 3" in written["short"]

    @pytest.mark.parametrize(("answer", "code"), FAILURES, ids=lambda value: getattr(value, "name", None))
    def test_one_that_fails_says_so_and_offers_another(
        self, client: Client, router: RouterChatStandIn, answer: Answer, code: str
    ) -> None:
        router.when("", answer)
        told = write(client)
        assert (told.status_code, told.headers["Content-Type"]) == (502, "application/problem+json")
        body = told.json()
        assert (body["status"], body["code"], body["writer"], body["offered"]) == (502, code, "huggingface", "words")
        assert "huggingface" in body["detail"]
        assert len(router.calls) == 1

    def test_who_is_offered_is_not_the_one_that_just_failed(self, client: Client, settings: Any) -> None:
        put_first(settings, "HuggingFaceText", url=f"http://127.0.0.1:{unused_port()}")
        body = write(client).json()
        assert (body["code"], body["writer"], body["offered"]) == ("unavailable", "huggingface", "words")

    @pytest.mark.parametrize("name", ["openai", "huggingface"])
    def test_one_without_a_key_is_a_wrong_field_and_nobody_takes_its_place(self, client: Client, name: str) -> None:
        told = write(client, writer=name)
        assert (told.status_code, [error["field"] for error in told.json()["errors"]]) == (400, ["writer"])
        assert "is not set" in told.json()["detail"]

    def test_more_than_it_writes_at_once_is_a_wrong_field(self, client: Client, router: RouterChatStandIn) -> None:
        told = write(client, count=101)
        assert (told.status_code, told.json()["errors"][0]["field"]) == (400, "count")
        assert router.calls == []

    def test_the_brake_and_the_days_limit_are_told(self, client: Client, router: RouterChatStandIn, settings: Any) -> None:
        pauses.stop_everything("ada")
        stopped = write(client)
        pauses.resume(pauses.EVERYTHING)
        settings.MAX_PAID_CALLS_PER_DAY = 0
        limited = write(client)
        assert [(told.status_code, told.json()["code"]) for told in (stopped, limited)] == [
            (502, "stopped"),
            (502, "daily_limit"),
        ]
        assert router.calls == []

    def test_where_one_has_to_sign_in_nothing_is_written_before(
        self, client: Client, router: RouterChatStandIn, settings: Any
    ) -> None:
        settings.ANONYMOUS_ACCESS = "read"
        assert write(client).status_code == 401
        assert router.calls == []

    def test_whoever_asked_finds_it_among_what_was_spent(self, client: Client, router: RouterChatStandIn) -> None:
        client.force_login(User.objects.create(username="ann"))
        write(client)
        [day] = client.get("/api/usage").json()["days"]
        assert (day["provider"], day["user"], day["calls"], day["pictures"]) == ("writer:huggingface", "ann", 1, 0)

    def test_text_that_is_half_a_sign_is_no_failure_of_ours(self, client: Client, router: RouterChatStandIn) -> None:
        router.when("", said.says('{"prompts": ["a fox", "half \\ud83e of a fox"]}'))
        client.raise_request_exception = False
        assert write(client, count=2).status_code in (200, 502)

    def test_neither_answer_nor_log_shows_the_key(
        self, client: Client, router: RouterChatStandIn, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(0)
        told = [write(client).content]
        for answer, _ in FAILURES:
            router.when("", answer)
            told.append(write(client).content)
        assert KEY.encode() not in b"".join(told)
        assert KEY not in caplog.text


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

    def test_the_configured_writer_writes_it_unless_another_is_named(
        self, client: Client, router: RouterChatStandIn
    ) -> None:
        told = client.get(f"{URL}?wait=0").json()
        assert told["prompt"].startswith(f"{told['starting_prompt']} ")
        assert len(router.calls) == 1
        assert client.get(f"{URL}?wait=0&writer=words").status_code == 202
        assert len(router.calls) == Attempt.objects.count() == 1

    def test_a_writer_that_is_not_there_is_told_and_nothing_is_drawn(self, client: Client) -> None:
        for name in ("nobody", "openai"):
            told = client.get(f"{URL}?wait=0&writer={name}")
            assert (told.status_code, told.json()["errors"][0]["field"]) == (400, "writer")
        assert not Job.objects.exists()

    @pytest.mark.parametrize(("answer", "code"), FAILURES[:6], ids=lambda value: getattr(value, "name", None))
    def test_where_nothing_was_written_nothing_is_drawn(
        self, client: Client, router: RouterChatStandIn, answer: Answer, code: str
    ) -> None:
        router.when("", answer)
        told = client.get(f"{URL}?wait=0")
        assert (told.status_code, told.headers["Content-Type"]) == (502, "application/problem+json")
        body = told.json()
        assert (body["code"], body["writer"], body["offered"]) == (code, "huggingface", "words")
        assert not Job.objects.exists()

    def test_an_endpoint_of_ones_own_writes_for_nothing(self, client: Client, settings: Any) -> None:
        settings.MAX_PAID_CALLS_PER_DAY = 0
        with TextGenerationStandIn() as endpoint:
            put_first(settings, "HuggingFaceText", url=endpoint.url)
            told = client.get(f"{URL}?wait=0").json()
            assert [call.prompt for call in endpoint.calls] == [told["starting_prompt"]]
        assert not Attempt.objects.exists()

    @pytest.mark.parametrize("method", ["put", "delete"])
    def test_there_is_no_other_method(self, client: Client, method: str) -> None:
        assert getattr(client, method)(URL).status_code == 405

    def test_where_one_has_to_sign_in_nothing_is_bought_before(self, client: Client, settings: Any) -> None:
        settings.ANONYMOUS_ACCESS = "read"
        assert client.get(URL).status_code == 401
        assert not Job.objects.exists()


def test_the_answer_comes_with_the_picture() -> None:
    with Product(STOP_SECONDS=1) as product:
        answer = requests.get(f"{product.url}{URL}", timeout=60)
        told = answer.json()
        assert (answer.status_code, told["status"]) == (200, State.SUCCEEDED)
        assert requests.get(told["image_url"], timeout=30).headers["Content-Type"] == "image/png"
        product.manage("pause")
        begun = time.monotonic()
        assert requests.get(f"{product.url}{URL}?wait=1", timeout=60).status_code == 202
        assert time.monotonic() - begun >= 1
