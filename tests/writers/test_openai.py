"""OpenAI's chat models and servers like them: what is sent, what is taken from an answer, what failures are called."""

import json
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
    Unavailable,
)
from imagegen.states import Charged
from imagegen.writers import registry
from imagegen.writers.openai import DEFAULT_MODEL, HOST, OpenAIChat
from tests.standins import chat as said
from tests.standins import openai_answers as answers
from tests.standins.chat import ChatStandIn
from tests.standins.faults import Answer, told, with_header
from tests.standins.orders import whole_reply
from tests.standins.standin import StandIn

YES, NO, PERHAPS = Charged.YES, Charged.NO, Charged.UNKNOWN
# What each answer means, whether money was spent, and words that people read about it.
DOCUMENTED: list[tuple[Answer, type[ProviderError], Charged, str]] = [
    (answers.unauthorized(), NotConfigured, NO, "does not accept the key in OPENAI_API_KEY"),
    (answers.forbidden(), NotConfigured, NO, "must be verified to use the model). Nothing was charged"),
    (answers.out_of_credit(), OutOfCredit, NO, "no credit left"),
    (answers.out_of_credit("billing_hard_limit_reached", status=400), OutOfCredit, NO, "no credit left"),
    (answers.out_of_credit("credits", status=402), OutOfCredit, NO, "no credit left"),
    (answers.rate_limited(), RateLimited, NO, "takes no more calls"),
    (answers.overloaded(), Unavailable, NO, "no room for the moment"),
    (answers.bad_request("Seed is odd."), Invalid, NO, "Seed is odd"),
    (answers.not_found("gpt-9"), Invalid, NO, "gpt-9"),
    (answers.detailed(422, [{"loc": ["body", "seed"], "msg": "too large"}]), Invalid, NO, "seed: too large"),
    (answers.refused("input"), Refused, NO, "denied the prompt"),
    (answers.refused("output"), Refused, PERHAPS, "may count as paid"),
    (answers.refused(None, code="content_filter"), Refused, PERHAPS, "may count as paid"),
    (answers.server_error(500), OutcomeUnknown, PERHAPS, "may have been paid"),
    (answers.server_error(503), OutcomeUnknown, PERHAPS, "503"),
    (said.refusal(), Refused, YES, "I'm sorry, but I can't assist"),
    (said.filtered(), Refused, YES, "moderation withheld"),
    (said.cut_off(), BadAnswer, YES, "cut off. Ask for fewer"),
    (said.says("Here you are: a fox"), BadAnswer, YES, "no prompts in it"),
    (said.says(None), BadAnswer, YES, "no prompts in it"),
    (said.says(" "), BadAnswer, YES, "no prompts in it"),
    (said.says(None, finish_reason="tool_calls"), BadAnswer, YES, "no prompts in it"),
    (said.says('{"prompts": "a fox"}'), BadAnswer, YES, "no prompts in it"),
    (said.says('{"prompts": ["a fox"'), BadAnswer, YES, "no prompts in it"),
    (said.says('["a fox"]'), BadAnswer, YES, "no prompts in it"),
    (said.prompts(), BadAnswer, YES, "no prompts in it"),
    (said.prompts(7, None, {"prompt": "a fox"}, " ", "x" * 2001), BadAnswer, YES, "no prompts in it"),
]


@pytest.fixture
def chat() -> Iterator[ChatStandIn]:
    with ChatStandIn() as standin:
        yield standin


@pytest.fixture
def writer(chat: ChatStandIn) -> OpenAIChat:
    return in_front_of(chat)


def in_front_of(standin: StandIn, **options: Any) -> OpenAIChat:
    return OpenAIChat(**{"key": standin.key, "host": standin.url, "total_seconds": 20, **options})


def sent(chat: ChatStandIn) -> dict[str, Any]:
    [call] = chat.calls
    return dict(call.fields)


class TestSent:
    def test_a_wish_goes_out_as_one_question_with_a_strict_schema(self, chat: ChatStandIn, writer: OpenAIChat) -> None:
        writer.write(5, "the sea at night", seed=7)
        fields = sent(chat)
        assert (fields["model"], fields["seed"]) == (DEFAULT_MODEL, 7)
        assert [message["role"] for message in fields["messages"]] == ["system", "user"]
        assert fields["response_format"]["json_schema"]["strict"] is True
        assert {*fields} == {"model", "messages", "response_format", "seed"}

    def test_it_says_how_many_and_about_what(self, chat: ChatStandIn, writer: OpenAIChat) -> None:
        writer.write(5, " the sea at night ")
        assert chat.calls[0].prompt == "Write 5 different prompts. They are all about this theme: the sea at night"

    def test_without_a_seed_and_a_theme_none_is_named(self, chat: ChatStandIn, writer: OpenAIChat) -> None:
        writer.write(5, "  ")
        assert "seed" not in sent(chat)
        assert "theme" not in chat.calls[0].prompt

    def test_lines_are_quoted_so_that_none_can_pose_as_another(self, chat: ChatStandIn, writer: OpenAIChat) -> None:
        lines = ['A fox", "An owl', "Zwölf Möwen", "two\nlines"]
        writer.carry_on(lines)
        assert json.loads("[" + chat.calls[0].prompt.partition("[")[2]) == lines

    def test_another_model_can_be_named(self, chat: ChatStandIn) -> None:
        writer = in_front_of(chat, model="gpt-5.4")
        writer.write(1)
        assert (sent(chat)["model"], writer.model) == ("gpt-5.4", "gpt-5.4")

    def test_a_server_that_wants_no_key_is_shown_none(self) -> None:
        with ChatStandIn(key="") as standin:
            assert in_front_of(standin).write(1).prompts
            assert "authorization" not in standin.seen[0].headers

    def test_a_redirect_is_not_followed(self, chat: ChatStandIn, writer: OpenAIChat) -> None:
        with ChatStandIn() as elsewhere:
            moved = told("moved", whole_reply(307, {"location": f"{elsewhere.url}/chat/completions"}, b""))
            chat.when("", moved)
            with pytest.raises(OutcomeUnknown):
                writer.write(1)
            assert (len(chat.calls), elsewhere.calls) == (1, [])


class TestTaken:
    """What is taken from an answer."""

    def test_what_was_used_up_and_whom_to_name(self, chat: ChatStandIn, writer: OpenAIChat) -> None:
        chat.when("", with_header(said.prompts("a fox"), "x-request-id", "req-7"))
        writing = writer.write(1)
        assert {*writing.usage} == {"prompt_tokens", "completion_tokens", "total_tokens"}
        assert all(count > 0 for count in writing.usage.values())
        assert writing.request_id == "req-7"

    @pytest.mark.parametrize("usage", [None, [], {"total_tokens": "many"}, {"total_tokens": -1}, {"total_tokens": True}])
    def test_figures_that_are_none_are_not_taken(self, chat: ChatStandIn, writer: OpenAIChat, usage: object) -> None:
        message = {"message": {"content": '{"prompts": ["a fox"]}'}}
        chat.when("", said.body({"choices": [message], "usage": usage}))
        writing = writer.write(1)
        assert (writing.prompts, dict(writing.usage)) == (["a fox"], {})

    def test_a_list_that_is_fenced_as_code(self, chat: ChatStandIn, writer: OpenAIChat) -> None:
        chat.when("", said.fenced())
        assert len(writer.write(3).prompts) == 3

    def test_no_more_than_were_asked_for(self, chat: ChatStandIn, writer: OpenAIChat) -> None:
        chat.when("", said.prompts("one", "two", "three"))
        assert writer.write(2).prompts == ["one", "two"]

    def test_fewer_than_were_asked_for(self, chat: ChatStandIn, writer: OpenAIChat) -> None:
        chat.when("", said.prompts("one", "two"))
        assert writer.write(3).prompts == ["one", "two"]

    def test_each_once_on_one_line_and_what_is_no_prompt_left_out(self, chat: ChatStandIn, writer: OpenAIChat) -> None:
        chat.when("", said.prompts(" a\n fox ", "a fox", 7, None, ["an owl"], "", "x" * 2001, "a\x00b", "x" * 2000))
        assert writer.write(9).prompts == ["a fox", "x" * 2000]

    def test_text_of_every_script(self, chat: ChatStandIn, writer: OpenAIChat) -> None:
        chat.when("", said.prompts("Ein Fuchs — “rot”", "狐", "🦊 at dawn"))
        assert writer.write(3).prompts == ["Ein Fuchs — “rot”", "狐", "🦊 at dawn"]

    def test_half_of_a_sign_is_nothing_that_can_be_stored(self, chat: ChatStandIn, writer: OpenAIChat) -> None:
        chat.when("", said.says('{"prompts": ["a fox", "half \\ud83e of a fox"]}'))
        assert [prompt.encode() for prompt in writer.write(2).prompts]

    @pytest.mark.parametrize("texts", [["A fox runs"], ["A fox runs", "An owl flies", "A whale sings"]], ids=len)
    def test_another_number_than_there_are_lines_is_no_answer(
        self, chat: ChatStandIn, writer: OpenAIChat, texts: list[str]
    ) -> None:
        chat.when("", said.prompts(*texts))
        with pytest.raises(BadAnswer, match=f"answered with {len(texts)} prompts for 2 lines") as caught:
            writer.carry_on(["A fox", "An owl"])
        assert caught.value.charged == YES

    def test_two_lines_that_are_alike_may_go_on_alike(self, chat: ChatStandIn, writer: OpenAIChat) -> None:
        chat.when("", said.prompts("A fox runs", "A fox runs"))
        assert writer.carry_on(["A fox", "A fox"]).prompts == ["A fox runs", "A fox runs"]


class TestFailures:
    @pytest.mark.parametrize(
        ("answer", "kind", "charged", "words"), DOCUMENTED, ids=lambda value: getattr(value, "name", None)
    )
    def test_each_has_its_word_and_its_charge(
        self, chat: ChatStandIn, writer: OpenAIChat, answer: Answer, kind: type[ProviderError], charged: Charged, words: str
    ) -> None:
        chat.when("", answer)
        with pytest.raises(ProviderError) as caught:
            writer.write(3)
        assert (type(caught.value), caught.value.charged) == (kind, charged)
        assert words in str(caught.value)
        assert len(chat.calls) == 1
        assert charged == PERHAPS or (charged == YES) == (chat.bill > 0)

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [({"retry_after": "7"}, 7), ({"retry_after_ms": "1500"}, 1.5), ({"retry_after": "99999"}, 3600)],
    )
    def test_it_says_how_long_to_stay_away(
        self, chat: ChatStandIn, writer: OpenAIChat, headers: dict[str, str], seconds: float
    ) -> None:
        chat.when("", answers.rate_limited(**headers))
        with pytest.raises(RateLimited) as caught:
            writer.write(3)
        assert caught.value.retry_after == seconds

    def test_what_a_model_says_cannot_begin_a_line_of_the_log(self, chat: ChatStandIn, writer: OpenAIChat) -> None:
        chat.when("", said.refusal("No.\n2026-11-22 ERROR everything is lost"))
        with pytest.raises(Refused) as caught:
            writer.write(3)
        assert len(str(caught.value).splitlines()) == 1

    def test_a_long_refusal_is_cut(self, chat: ChatStandIn, writer: OpenAIChat) -> None:
        chat.when("", said.refusal("no " * 10_000))
        with pytest.raises(Refused) as caught:
            writer.write(3)
        assert len(str(caught.value)) < 1000


class TestDeclared:
    @pytest.mark.parametrize(
        "host", ["http://127.0.0.1:11434/v1", "http://localhost:8000/v1", "http://[::1]:1/v1", "localhost:1", "127.7.7.7/v1"]
    )
    def test_a_server_on_this_machine_is_free_and_needs_no_key(self, host: str) -> None:
        writer = OpenAIChat(host=host)
        assert (writer.is_free, writer.not_configured()) == (True, None)

    @pytest.mark.parametrize(
        "host",
        [
            HOST, "https://llm.example.org/v1", "http://192.168.0.7:8000/v1", "http://localhost.example.org/v1",
            "https://example.org/127.0.0.1", "https://127.0.0.1@example.org/v1", "https://127.example.org/v1",
        ],
    )  # fmt: skip
    def test_one_elsewhere_is_not(self, host: str) -> None:
        assert OpenAIChat(key="sk-test", host=host).is_free is False

    def test_openai_wants_a_key_and_another_server_may_not(self) -> None:
        assert "OPENAI_API_KEY is not set" in (OpenAIChat().not_configured() or "")
        assert OpenAIChat(host="https://llm.example.org/v1").not_configured() is None

    def test_without_a_key_nobody_is_asked(self) -> None:
        with pytest.raises(NotConfigured, match="Nothing was sent"):
            OpenAIChat().write(1)


class TestEnvironment:
    @pytest.fixture(autouse=True)
    def _key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")

    def named(self, settings: Any) -> Any:
        settings.PROMPT_WRITERS = prompt_writers.entries()
        return registry.get("openai")

    def test_a_key_is_enough(self, settings: Any) -> None:
        writer = self.named(settings)
        assert (writer.not_configured(), writer.is_free, writer.model) == (None, False, DEFAULT_MODEL)

    @pytest.mark.parametrize("name", ["OPENAI_BASE_URL", "OPENAI_TEXT_URL"])
    def test_address_and_model_can_be_named(
        self, chat: ChatStandIn, settings: Any, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        monkeypatch.setenv("OPENAI_BASE_URL", "https://pictures.example.org/v1")
        monkeypatch.setenv(name, chat.url)
        monkeypatch.setenv("OPENAI_TEXT_MODEL", "gpt-5.4")
        assert self.named(settings).write(2).prompts
        assert sent(chat)["model"] == "gpt-5.4"
