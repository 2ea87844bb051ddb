"""The stand-ins for writers keep the documented protocols: clients that somebody else wrote drive them unchanged."""

import json
from collections.abc import Iterator
from typing import Any

import openai as sdk
import pytest
import requests
from huggingface_hub import InferenceClient
from huggingface_hub.errors import GenerationError, HfHubHTTPError, OverloadedError, ValidationError
from openai.types.chat import ChatCompletion
from pydantic import BaseModel

from imagegen.writers.chat import ANSWER
from tests.standins import chat as answers
from tests.standins import hugging_face, openai_answers, text_generation
from tests.standins.chat import ChatStandIn, RouterChatStandIn
from tests.standins.faults import Answer
from tests.standins.text_generation import TextGenerationStandIn

ASKED: list[Any] = [{"role": "user", "content": "Write 3 different prompts."}]
ROUTED = RouterChatStandIn.models[0]


class Prompts(BaseModel):
    """What the SDK is to read the answer as."""

    prompts: list[str]


@pytest.fixture
def chat() -> Iterator[ChatStandIn]:
    with ChatStandIn() as standin:
        yield standin


@pytest.fixture
def router() -> Iterator[RouterChatStandIn]:
    with RouterChatStandIn(key="hf_test") as standin:
        yield standin


@pytest.fixture
def endpoint() -> Iterator[TextGenerationStandIn]:
    with TextGenerationStandIn() as standin:
        yield standin


def post(standin: ChatStandIn, key: str = "sk-test", path: str = "/chat/completions", **changes: Any) -> requests.Response:
    sent = {"model": standin.models[0], "messages": ASKED, "response_format": ANSWER, **changes}
    fields = {name: value for name, value in sent.items() if value is not None}
    return requests.post(standin.url + path, json=fields, headers={"authorization": f"Bearer {key}"}, timeout=10)


class TestProtocol:
    def test_its_answer_has_the_shape_of_the_sdk(self, chat: ChatStandIn) -> None:
        made = ChatCompletion.model_validate_json(post(chat).content, strict=True)
        assert len(Prompts.model_validate_json(made.choices[0].message.content or "").prompts) == 3

    def test_an_answer_repeats_for_its_seed_alone(self, chat: ChatStandIn) -> None:
        said = [post(chat, seed=seed).json()["choices"] for seed in (7, 7, 8, None, None)]
        assert said[0] == said[1]
        assert len({json.dumps(each) for each in said}) == 4

    def test_lines_are_carried_on_in_their_order(self, chat: ChatStandIn) -> None:
        content = post(chat, messages=[{"role": "user", "content": 'Go on: ["A fox", "An owl"]'}]).json()["choices"][0]
        one, two = json.loads(content["message"]["content"])["prompts"]
        assert (one[:6], two[:7]) == ("A fox ", "An owl ")

    def test_without_a_schema_it_chats(self, chat: ChatStandIn) -> None:
        assert post(chat, response_format=None).json()["choices"][0]["message"]["content"].startswith("Here you are")

    def test_tokens_are_billed(self, chat: ChatStandIn) -> None:
        used = post(chat).json()["usage"]
        assert chat.bill == pytest.approx((used["prompt_tokens"] + 5 * used["completion_tokens"]) / 1_000_000)
        assert used["total_tokens"] == used["prompt_tokens"] + used["completion_tokens"]

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"model": None}, "model"), ({"messages": None}, "messages"), ({"messages": []}, "messages"),
            ({"messages": [{"role": "poet", "content": "x"}]}, "messages"), ({"messages": [{"role": "user"}]}, "messages"),
            ({"seed": "seven"}, "seed"), ({"prompt": "x"}, "prompt"), ({"stream": True}, "stream"),
            ({"response_format": {"type": "json_schema"}}, "response_format"),
            ({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": {
                "type": "object", "properties": {"prompts": {"type": "string"}}}}}}, "response_format"),
        ],
        ids=str,
    )  # fmt: skip
    def test_a_broken_rule_is_named(self, chat: ChatStandIn, changes: dict[str, Any], field: str) -> None:
        response = post(chat, **changes)
        assert (response.status_code, response.json()["error"]["param"]) == (400, field)
        assert chat.bill == 0

    def test_another_key_another_model_and_another_address_are_refused(self, chat: ChatStandIn) -> None:
        found = [post(chat, key="sk-other"), post(chat, model="gpt-3.5-turbo"), post(chat, path="/completions")]
        assert [response.status_code for response in found] == [401, 404, 404]
        assert chat.bill == 0

    def test_the_router_is_never_open(self) -> None:
        with RouterChatStandIn(key="") as standin:
            response = post(standin, key="", path="/v1/chat/completions")
        assert (response.status_code, list(response.json())) == (401, ["error"])


class TestSdk:
    """OpenAI's own client."""

    @pytest.fixture
    def client(self, chat: ChatStandIn) -> Iterator[sdk.OpenAI]:
        with sdk.OpenAI(api_key=chat.key, base_url=chat.url, max_retries=0) as client:
            yield client

    def test_it_parses_what_its_own_schema_asks_for(self, chat: ChatStandIn, client: sdk.OpenAI) -> None:
        made = client.chat.completions.parse(model="gpt-5.4", messages=ASKED, response_format=Prompts, seed=7)
        assert made.choices[0].message.parsed
        assert len(made.choices[0].message.parsed.prompts) == 3
        assert made.usage
        assert made.usage.prompt_tokens > 0
        assert made._request_id
        assert (len(chat.calls), chat.bill > 0) == (1, True)

    def test_it_sees_a_refusal(self, chat: ChatStandIn, client: sdk.OpenAI) -> None:
        chat.when("", answers.refusal("No."))
        made = client.chat.completions.parse(model="gpt-5.4", messages=ASKED, response_format=Prompts)
        assert (made.choices[0].message.parsed, made.choices[0].message.refusal) == (None, "No.")
        assert chat.bill > 0

    @pytest.mark.parametrize(
        ("scripted", "kind"),
        [
            (answers.cut_off(), sdk.LengthFinishReasonError),
            (answers.filtered(), sdk.ContentFilterFinishReasonError),
        ],
        ids=lambda value: getattr(value, "name", ""),
    )
    def test_an_answer_that_did_not_end_well_becomes_its_own_exception(
        self, chat: ChatStandIn, client: sdk.OpenAI, scripted: Answer, kind: type[Exception]
    ) -> None:
        chat.when("", scripted)
        with pytest.raises(kind):
            client.chat.completions.parse(model="gpt-5.4", messages=ASKED, response_format=Prompts)
        assert chat.bill > 0

    @pytest.mark.parametrize(
        ("scripted", "kind"),
        [
            (openai_answers.refused(None, code="content_filter"), sdk.BadRequestError),
            (openai_answers.unauthorized(), sdk.AuthenticationError),
            (openai_answers.out_of_credit(), sdk.RateLimitError),
            (openai_answers.overloaded(), sdk.InternalServerError),
        ],
        ids=lambda value: getattr(value, "name", ""),
    )
    def test_an_error_becomes_its_own_exception(
        self, chat: ChatStandIn, client: sdk.OpenAI, scripted: Answer, kind: type[Exception]
    ) -> None:
        chat.when("3 different", scripted)
        with pytest.raises(kind):
            client.chat.completions.create(model="gpt-5.4", messages=ASKED)
        assert (len(chat.calls), chat.bill) == (1, 0)


class TestRouter:
    """huggingface_hub against the router."""

    def ask(self, router: RouterChatStandIn, **changes: Any) -> Any:
        client = InferenceClient(base_url=f"{router.url}/v1", api_key=changes.pop("key", router.key))
        return client.chat_completion(ASKED, model=ROUTED, **changes)

    def test_it_receives_what_was_written(self, router: RouterChatStandIn) -> None:
        made = self.ask(router, seed=7)
        assert len(made.choices[0].message.content.splitlines()) == 4
        assert (made.choices[0].finish_reason, made.usage.completion_tokens > 0) == ("stop", True)

    @pytest.mark.parametrize(
        ("scripted", "status"),
        [(hugging_face.out_of_credit(), 402), (hugging_face.rate_limited(), 429), (hugging_face.loading(), 503)],
        ids=lambda value: getattr(value, "name", ""),
    )
    def test_an_error_becomes_its_own_exception(self, router: RouterChatStandIn, scripted: Answer, status: int) -> None:
        router.when("", scripted)
        with pytest.raises(HfHubHTTPError) as caught:
            self.ask(router)
        assert (caught.value.response.status_code, len(router.calls)) == (status, 1)

    def test_a_wrong_key_is_refused(self, router: RouterChatStandIn) -> None:
        with pytest.raises(HfHubHTTPError) as caught:
            self.ask(router, key="hf_other")
        assert caught.value.response.status_code == 401


class TestTextGeneration:
    """huggingface_hub against an endpoint."""

    @pytest.mark.parametrize("path", ["", "/", "/generate"])
    def test_it_receives_a_continuation_or_the_full_text(self, endpoint: TextGenerationStandIn, path: str) -> None:
        client = InferenceClient(model=endpoint.url + path)
        alone, full = (
            client.text_generation("A fox", max_new_tokens=5, seed=7, return_full_text=full) for full in (False, True)
        )
        assert full == f"A fox{alone}"
        assert len(alone.split()) == 5

    def test_it_receives_details(self, endpoint: TextGenerationStandIn) -> None:
        made = InferenceClient(model=endpoint.url).text_generation("A fox", details=True, max_new_tokens=5, do_sample=True)
        assert made.details
        assert (made.details.finish_reason, made.details.generated_tokens) == ("length", 5)

    @pytest.mark.parametrize(
        ("scripted", "kind"),
        [
            (text_generation.invalid(), ValidationError),
            (text_generation.overloaded(), OverloadedError),
            (text_generation.generation_failed(), GenerationError),
        ],
        ids=lambda value: getattr(value, "name", ""),
    )
    def test_an_error_becomes_its_own_exception(
        self, endpoint: TextGenerationStandIn, scripted: Answer, kind: type[Exception]
    ) -> None:
        endpoint.when("A fox", scripted)
        with pytest.raises(kind):
            InferenceClient(model=endpoint.url).text_generation("A fox")
        assert len(endpoint.calls) == 1

    @pytest.mark.parametrize(
        "fields",
        [
            {}, {"inputs": ""}, {"inputs": 7}, {"inputs": "x", "seed": 7}, {"inputs": "x", "parameters": []},
            {"inputs": "x", "parameters": {"max_new_tokens": 0}}, {"inputs": "x", "parameters": {"max_new_tokens": "9"}},
            {"inputs": "x", "parameters": {"seed": -1}}, {"inputs": "x", "parameters": {"tokens": 9}},
            {"inputs": "x", "stream": True},
        ],
        ids=str,
    )  # fmt: skip
    def test_a_broken_rule_is_told(self, endpoint: TextGenerationStandIn, fields: dict[str, object]) -> None:
        response = requests.post(endpoint.url, json=fields, timeout=10)
        assert (response.status_code, [*response.json()]) == (422, ["error", "error_type"])

    def test_with_a_key_it_is_open_to_nobody_else(self) -> None:
        with TextGenerationStandIn(key="hf_test") as standin:
            statuses = [
                requests.post(standin.url, json={"inputs": "x"}, headers=headers, timeout=10).status_code
                for headers in ({}, {"authorization": "Bearer hf_other"}, {"authorization": "Bearer hf_test"})
            ]
        assert statuses == [401, 401, 200]
