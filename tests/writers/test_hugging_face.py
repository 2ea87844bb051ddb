"""Hugging Face: chat models of its router, and text generation on an endpoint of one's own."""

from collections.abc import Iterator
from typing import Any

import pytest

from chaotix import prompt_writers
from imagegen.errors import (
    BadAnswer,
    Invalid,
    NotConfigured,
    OutcomeUnknown,
    OutOfCredit,
    ProviderError,
    RateLimited,
    Refused,
)
from imagegen.states import Charged
from imagegen.writers import registry
from imagegen.writers.hugging_face import AT_ONCE, DEFAULT_MODEL, MAX_TOKENS, HuggingFaceChat, HuggingFaceText
from tests.standins import chat as said
from tests.standins import hugging_face as answers
from tests.standins import text_generation as endpoints
from tests.standins.chat import RouterChatStandIn
from tests.standins.faults import Answer, success
from tests.standins.text_generation import TextGenerationStandIn

YES, NO, PERHAPS = Charged.YES, Charged.NO, Charged.UNKNOWN
Row = tuple[Answer, type[ProviderError], Charged, str]
OF_BOTH: list[Row] = [
    (answers.unauthorized(), NotConfigured, NO, "does not accept the key in HF_TOKEN"),
    (answers.forbidden(), NotConfigured, NO, "sufficient permissions"),
    (answers.out_of_credit(), OutOfCredit, NO, "no credit left"),
    (answers.not_supported(), Invalid, NO, "Model not supported"),
    (answers.not_found(), Invalid, NO, "Not Found"),
    (answers.invalid("seed: too large"), Invalid, NO, "seed: too large"),
    (answers.rate_limited(), RateLimited, NO, "takes no more calls"),
    (answers.loading(), RateLimited, NO, "still loading"),
    (answers.overloaded(), RateLimited, NO, "takes no more calls"),
    (answers.failed(500), OutcomeUnknown, PERHAPS, "500"),
    (answers.failed(503), OutcomeUnknown, PERHAPS, "503"),
]
OF_THE_ROUTER: list[Row] = [
    *OF_BOTH,
    (answers.partner_not_found(), Invalid, NO, "Unable to access model"),
    (said.refusal(), Refused, YES, "I'm sorry"),
    (said.filtered(), Refused, YES, "withheld"),
    (said.cut_off(), BadAnswer, YES, "cut off"),
    (said.says("a fox"), BadAnswer, YES, "no prompts in it"),
]
OF_AN_ENDPOINT: list[Row] = [
    *OF_BOTH,
    (endpoints.invalid("Input validation error: too long"), Invalid, NO, "too long"),
    (endpoints.overloaded(), RateLimited, NO, "takes no more calls"),
    (endpoints.generation_failed(), OutcomeUnknown, PERHAPS, "424"),
    (endpoints.body({"error": "CUDA is out of memory"}), BadAnswer, NO, "CUDA is out of memory"),
]


@pytest.fixture
def router() -> Iterator[RouterChatStandIn]:
    with RouterChatStandIn(key="hf_test") as standin:
        yield standin


@pytest.fixture
def endpoint() -> Iterator[TextGenerationStandIn]:
    with TextGenerationStandIn() as standin:
        yield standin


def routed(standin: RouterChatStandIn, **options: Any) -> HuggingFaceChat:
    return HuggingFaceChat(**{"key": standin.key, "router": standin.url, "total_seconds": 20, **options})


def text(endpoint: TextGenerationStandIn, path: str = "", **options: Any) -> HuggingFaceText:
    return HuggingFaceText(url=endpoint.url + path, key=endpoint.key, total_seconds=20, **options)


class TestRouter:
    @pytest.mark.parametrize("slash", ["", "/"])
    def test_the_model_is_asked_through_the_router(self, router: RouterChatStandIn, slash: str) -> None:
        assert len(routed(router, router=router.url + slash).write(5, seed=7).prompts) == 5
        [call] = router.calls
        assert (call.path, call.fields["model"], call.fields["seed"]) == ("/v1/chat/completions", DEFAULT_MODEL, 7)

    def test_another_model_can_be_named(self, router: RouterChatStandIn) -> None:
        routed(router, model="openai/gpt-oss-120b:cheapest").write(1)
        assert router.calls[0].fields["model"] == "openai/gpt-oss-120b:cheapest"

    @pytest.mark.parametrize(
        ("answer", "kind", "charged", "words"), OF_THE_ROUTER, ids=lambda value: getattr(value, "name", None)
    )
    def test_each_failure_has_its_word_and_its_charge(
        self, router: RouterChatStandIn, answer: Answer, kind: type[ProviderError], charged: Charged, words: str
    ) -> None:
        router.when("", answer)
        with pytest.raises(ProviderError) as caught:
            routed(router).write(3)
        assert (type(caught.value), caught.value.charged) == (kind, charged)
        assert words in str(caught.value)
        assert len(router.calls) == 1
        assert charged == PERHAPS or (charged == YES) == (router.bill > 0)

    def test_it_is_never_free_and_wants_a_key(self, router: RouterChatStandIn) -> None:
        assert routed(router).is_free is False
        with pytest.raises(NotConfigured, match="HF_TOKEN is not set"):
            routed(router, key="").write(1)
        assert router.calls == []


class TestEndpoint:
    @pytest.mark.parametrize(("path", "asked"), [("", "/"), ("/", "/"), ("/generate", "/generate")])
    def test_each_line_is_continued_by_itself(self, endpoint: TextGenerationStandIn, path: str, asked: str) -> None:
        prompts = text(endpoint, path).carry_on(["A fox", "An owl"]).prompts
        assert [prompt[:6] for prompt in prompts] == ["A fox ", "An owl"]
        assert {(call.path, call.prompt) for call in endpoint.calls} == {(asked, "A fox"), (asked, "An owl")}

    def test_it_is_asked_for_a_few_words_with_a_seed_for_each_line(self, endpoint: TextGenerationStandIn) -> None:
        text(endpoint).carry_on(["A fox"] * 3, seed=7)
        asked = [call.fields["parameters"] for call in endpoint.calls]
        assert all((each["max_new_tokens"], each["do_sample"]) == (MAX_TOKENS, True) for each in asked)
        assert len({each["seed"] for each in asked}) == 3

    def test_what_it_writes_ends_with_its_second_sentence(self, endpoint: TextGenerationStandIn) -> None:
        endpoint.when("", endpoints.generates(" walks. It rains. Breaking news."))
        assert text(endpoint).carry_on(["A fox"]).prompts == ["A fox walks. It rains."]

    @pytest.mark.parametrize(
        "body", [[{"generated_text": " walks"}], {"generated_text": " walks"}, {"generated_text": "A fox walks"}], ids=str
    )
    def test_it_may_leave_out_the_line_and_the_list(self, endpoint: TextGenerationStandIn, body: object) -> None:
        endpoint.when("", endpoints.body(body))
        assert text(endpoint).carry_on(["A fox"]).prompts == ["A fox walks"]

    def test_what_comes_late_keeps_its_place(self, endpoint: TextGenerationStandIn) -> None:
        endpoint.when("line 0", success().after(0.2))
        lines = [f"line {number}" for number in range(5)]
        prompts = text(endpoint).carry_on(lines).prompts
        assert [prompt[:6] for prompt in prompts] == lines

    def test_so_many_lines_are_asked_for_at_once_and_no_more(self) -> None:
        crowds: list[int] = []

        class Crowded(TextGenerationStandIn):
            def _begin(self) -> float:
                begun = super()._begin()
                crowds.append(self.in_flight)
                return begun

        with Crowded(delay=0.1) as endpoint:
            text(endpoint).carry_on(["A fox"] * (3 * AT_ONCE))
        assert 1 < max(crowds) <= AT_ONCE

    def test_one_line_that_fails_fails_them_all_and_none_is_asked_for_twice(self, endpoint: TextGenerationStandIn) -> None:
        endpoint.always("An owl", endpoints.generation_failed())
        with pytest.raises(OutcomeUnknown):
            text(endpoint).carry_on(["A fox", "An owl", "A whale"])
        asked = [call.prompt for call in endpoint.calls]
        assert len(asked) == len({*asked})

    @pytest.mark.parametrize(
        ("answer", "kind", "charged", "words"), OF_AN_ENDPOINT, ids=lambda value: getattr(value, "name", None)
    )
    def test_each_failure_has_its_word(
        self, endpoint: TextGenerationStandIn, answer: Answer, kind: type[ProviderError], charged: Charged, words: str
    ) -> None:
        endpoint.when("", answer)
        with pytest.raises(ProviderError, match=r"^[A-Z].*\.$") as caught:
            text(endpoint).carry_on(["A fox"])
        assert (type(caught.value), caught.value.charged) == (kind, charged)
        assert words in str(caught.value)

    @pytest.mark.parametrize("key", ["", "hf_test"])
    def test_it_is_free_and_wants_the_key_that_it_is_given(self, key: str) -> None:
        with TextGenerationStandIn(key=key) as endpoint:
            writer = text(endpoint)
            assert (writer.is_free, writer.not_configured()) == (True, None)
            assert writer.write(3).prompts


class TestEnvironment:
    def named(self, settings: Any) -> Any:
        settings.PROMPT_WRITERS = prompt_writers.entries()
        return registry.get("huggingface")

    def test_without_anything_the_key_is_missing(self, settings: Any) -> None:
        assert "HF_TOKEN is not set" in self.named(settings).not_configured()

    def test_an_endpoint_comes_before_the_router(
        self, endpoint: TextGenerationStandIn, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HF_TEXT_URL", f"{endpoint.url}/generate")
        assert self.named(settings).write(2).prompts
        assert len(endpoint.calls) == 2

    def test_router_and_model_can_be_named(
        self, router: RouterChatStandIn, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in {"HF_TOKEN": router.key, "HF_ROUTER_URL": router.url, "HF_TEXT_MODEL": router.models[1]}.items():
            monkeypatch.setenv(name, value)
        assert self.named(settings).write(2).prompts
        assert router.calls[0].fields["model"] == router.models[1]
