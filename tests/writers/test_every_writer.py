"""What every prompt writer promises, whoever writes: once over all of them, and over all that can go wrong on the wire."""

import contextlib
import json
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from imagegen.errors import BadAnswer, NotConfigured, OutcomeUnknown, ProviderError, Unavailable
from imagegen.states import Charged
from imagegen.writers.base import MAX_COUNT, MAX_LINES, MAX_THEME, PromptWriter, Writing
from imagegen.writers.hugging_face import HuggingFaceChat, HuggingFaceText
from imagegen.writers.openai import OpenAIChat
from imagegen.writers.words import Words
from tests.standins import chat, faults
from tests.standins.chat import ChatStandIn, RouterChatStandIn
from tests.standins.faults import Answer, told
from tests.standins.orders import whole_reply
from tests.standins.standin import StandIn
from tests.standins.text_generation import TextGenerationStandIn
from tests.waiting import unused_port

KEY = "sk-canary-7c2e"
NAMES = ("words", "openai", "router", "endpoint")
STANDINS: dict[str, type[StandIn]] = {
    "openai": ChatStandIn,
    "router": RouterChatStandIn,
    "endpoint": TextGenerationStandIn,
}
LINES = [f"Kite number {number}" for number in range(12)]
ENDED_BY_THE_DEADLINE = ("silence", "drip", "drip_headers")
BODIES_WITHOUT_A_PROMPT: dict[str, object] = {
    "nothing": b"", "null": None, "a list": [], "an object": {}, "a text": "a fox", "a number": 7,
    "no unicode": b"\xff\xfe", "too deep": b"[" * 200_000, "no choices": {"choices": []}, "no message": {"choices": [{}]},
    "no text": {"choices": [{"message": {"content": 7}}]}, "generated number": [{"generated_text": 7}],
}  # fmt: skip
# What may happen to an answer on its way, and the word for it.
WIRE: list[tuple[Answer, type[ProviderError]]] = [
    *((faults.html(status), OutcomeUnknown) for status in (302, 404, 500, 502, 503, 504)),
    (faults.reset_before_headers(), OutcomeUnknown),
    (faults.reset_in_headers(), OutcomeUnknown),
    (faults.reset_in_body(), OutcomeUnknown),
    (faults.hang_up(), OutcomeUnknown),
    (faults.truncated(), OutcomeUnknown),
    (faults.silence(), OutcomeUnknown),
    (faults.drip(50), OutcomeUnknown),
    (faults.drip_headers(5), OutcomeUnknown),
    (faults.html(200), BadAnswer),
    (faults.lying_length(), BadAnswer),
    (faults.endless(), BadAnswer),
    (faults.huge(), BadAnswer),
    *((chat.body(content, name=name), BadAnswer) for name, content in BODIES_WITHOUT_A_PROMPT.items()),
]
WORDS = st.sampled_from(
    ["choices", "message", "content", "refusal", "finish_reason", "length", "prompts", "generated_text", "error", "detail",
     "usage", "prompt_tokens", "code", "type", "moderation_details", "estimated_time", '{"prompts": ["a fox"]}']
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
# What begins well, so that more than the first look at an answer is reached.
CHOICE = st.fixed_dictionaries(
    {}, optional={"message": st.fixed_dictionaries({}, optional={"content": WORDS, "refusal": JSON})}
)
BODIES = st.binary(max_size=60) | (
    JSON | st.fixed_dictionaries({"choices": st.lists(CHOICE, max_size=2)}, optional={"usage": JSON})
).map(lambda value: json.dumps(value).encode())


@dataclass(frozen=True)
class Voice:
    """A writer, and who answers it; nobody does where it writes by itself."""

    writer: PromptWriter
    standin: StandIn | None = None

    @property
    def calls(self) -> int:
        return len(self.standin.calls) if self.standin else 0


def writer_of(name: str, url: str, *, key: str = KEY, total_seconds: float = 20) -> PromptWriter:
    match name:
        case "openai":
            return OpenAIChat(key=key, host=url, total_seconds=total_seconds)
        case "router":
            return HuggingFaceChat(key=key, router=url, total_seconds=total_seconds)
        case "endpoint":
            return HuggingFaceText(url=url, key=key, total_seconds=total_seconds)
    return Words()


@contextlib.contextmanager
def voice_of(name: str, **options: Any) -> Iterator[Voice]:
    if name not in STANDINS:
        yield Voice(Words())
        return
    with STANDINS[name](KEY) as standin:
        yield Voice(writer_of(name, standin.url, **options), standin)


@pytest.fixture(params=NAMES)
def voice(request: pytest.FixtureRequest) -> Iterator[Voice]:
    with voice_of(request.param) as voice:
        yield voice


@pytest.fixture(scope="module")
def answering() -> Iterator[dict[str, Voice]]:
    """Voices that may be used many times over."""
    with contextlib.ExitStack() as opened:
        yield {name: opened.enter_context(voice_of(name)) for name in STANDINS}


@pytest.fixture
def writer(voice: Voice) -> PromptWriter:
    return voice.writer


def failure(voice: Voice, answer: Answer) -> ProviderError:
    """Have one line carried on while the other end answers so."""
    assert voice.standin
    voice.standin.when("", answer)
    with pytest.raises(ProviderError) as caught:
        voice.writer.carry_on(["A fox"])
    assert voice.standin.wait_until_idle()
    return caught.value


class TestWriting:
    @pytest.mark.parametrize("count", [1, 7, 50])
    def test_it_writes_different_prompts_and_no_more_than_are_asked_for(self, writer: PromptWriter, count: int) -> None:
        prompts = writer.write(count).prompts
        assert 0 < len(prompts) <= count
        assert len({*prompts}) == len(prompts)

    def test_a_prompt_is_one_line_of_text_that_people_can_read(self, writer: PromptWriter) -> None:
        for prompt in writer.write(20).prompts + writer.carry_on(LINES).prompts:
            assert prompt == " ".join(prompt.split())
            assert prompt.isprintable()
            assert prompt

    def test_it_writes_as_many_at_once_as_it_declares(self, writer: PromptWriter) -> None:
        assert 1 <= writer.most <= MAX_COUNT
        assert len(writer.write(writer.most).prompts) <= writer.most

    def test_it_goes_on_with_each_line_in_its_order(self, writer: PromptWriter) -> None:
        prompts = writer.carry_on(LINES).prompts
        assert len(prompts) == len(LINES)
        assert all(prompt.startswith(line) and prompt != line for prompt, line in zip(prompts, LINES, strict=True))

    def test_it_takes_as_many_lines_as_it_may(self, writer: PromptWriter) -> None:
        assert len(writer.carry_on([f"Line {number}" for number in range(MAX_LINES)]).prompts) == MAX_LINES

    def test_the_same_seed_writes_the_same(self, writer: PromptWriter) -> None:
        first, again, other = (writer.write(5, "the sea", seed).prompts for seed in (7, 7, 8))
        assert first == again != other
        assert writer.carry_on(LINES, 7).prompts == writer.carry_on(LINES, 7).prompts

    def test_without_a_seed_one_is_drawn(self, writer: PromptWriter) -> None:
        assert writer.write(5).prompts != writer.write(5).prompts

    @pytest.mark.parametrize("theme", ["the sea at night", "Größe und “Quotes”", 'a "quoted" [list]', "x" * MAX_THEME])
    def test_it_takes_any_theme(self, writer: PromptWriter, theme: str) -> None:
        assert writer.write(2, theme).prompts

    def test_whoever_is_asked_hears_the_theme(self, voice: Voice) -> None:
        prompts = voice.writer.write(3, "the sea at night").prompts
        heard = [call.prompt for call in voice.standin.calls] if voice.standin else prompts
        assert all("the sea at night" in each for each in heard)

    def test_it_says_in_figures_what_was_used_up(self, writer: PromptWriter) -> None:
        for writing in (writer.write(2), writer.carry_on(["A fox"])):
            assert all(type(count) is int for count in writing.usage.values())
            assert isinstance(writing.request_id, str)

    def test_threads_that_share_a_writer_do_not_mix_what_it_writes(self, writer: PromptWriter) -> None:
        with ThreadPoolExecutor(8) as threads:
            written = list(threads.map(lambda line: writer.carry_on([line]).prompts, LINES))
        assert all(prompt.startswith(line) for [prompt], line in zip(written, LINES, strict=True))


class TestRefusing:
    @pytest.mark.parametrize("wrong", ["none", "too-many", "long-theme"])
    def test_what_no_writer_takes_is_a_value_error_and_nobody_is_asked(self, voice: Voice, wrong: str) -> None:
        most = voice.writer.most
        count, theme = {"none": (0, ""), "too-many": (most + 1, ""), "long-theme": (1, "x" * (MAX_THEME + 1))}[wrong]
        with pytest.raises(ValueError, match=r"at most 200|cannot be written at once"):
            voice.writer.write(count, theme)
        assert voice.calls == 0

    @pytest.mark.parametrize("name", STANDINS)
    @pytest.mark.parametrize("lines", [0, MAX_LINES + 1])
    def test_no_line_and_too_many_are_value_errors_and_nobody_is_asked(self, name: str, lines: int) -> None:
        with voice_of(name) as voice:
            with pytest.raises(ValueError, match="carried on at once"):
                voice.writer.carry_on(["A fox"] * lines)
            assert voice.calls == 0


class TestDeclaring:
    def test_it_is_configured_once_it_has_what_it_needs(self, writer: PromptWriter) -> None:
        assert writer.not_configured() is None

    def test_it_says_whether_it_is_free_and_of_what_model_it_is_if_not(self, writer: PromptWriter) -> None:
        assert isinstance(writer.is_free, bool)
        assert writer.is_free or writer.model

    def test_it_does_not_show_its_key(self, writer: PromptWriter) -> None:
        assert KEY not in f"{writer!r} {writer}"


class TestAsking:
    """What goes over the wire, and what of it."""

    @pytest.mark.parametrize("name", ["openai", "router"])
    def test_each_call_of_a_chat_is_one_request(self, name: str) -> None:
        with voice_of(name) as voice:
            voice.writer.write(100)
            voice.writer.carry_on(LINES)
            assert voice.calls == 2

    def test_an_endpoint_is_asked_once_for_each_line(self) -> None:
        with voice_of("endpoint") as voice:
            voice.writer.carry_on(LINES)
            assert voice.calls == len(LINES)

    @pytest.mark.parametrize("name", STANDINS)
    @pytest.mark.parametrize(("answer", "kind"), WIRE, ids=lambda value: getattr(value, "name", ""))
    def test_what_goes_wrong_on_the_wire_has_its_word_and_is_not_tried_again(
        self, name: str, answer: Answer, kind: type[ProviderError]
    ) -> None:
        with voice_of(name, total_seconds=0.2 if answer.name in ENDED_BY_THE_DEADLINE else 20) as voice:
            error = failure(voice, answer)
            assert (type(error), voice.calls) == (kind, 1)
            # It was sent, so it may have been paid, and is never called free.
            assert error.charged != Charged.NO
            assert str(error)[0].isupper()
            assert str(error).endswith(".")

    @pytest.mark.parametrize("name", STANDINS)
    def test_where_nobody_listens_nothing_is_charged(self, name: str) -> None:
        with pytest.raises(Unavailable, match="nothing was sent") as caught:
            writer_of(name, f"http://127.0.0.1:{unused_port()}").write(3)
        assert caught.value.charged == Charged.NO

    @pytest.mark.parametrize("name", ["openai", "router"])
    def test_a_gateway_that_passed_nothing_on_is_not_called_paid(self, name: str) -> None:
        with voice_of(name) as voice:
            assert failure(voice, faults.html(200, billed=False)).charged != Charged.YES

    @pytest.mark.parametrize("name", STANDINS)
    @hypothesis.given(status=st.sampled_from([200, 200, 200, 201, 400, 403, 429, 500, 503]), body=BODIES)
    @hypothesis.settings(max_examples=40, deadline=None)
    def test_whatever_comes_is_prompts_or_a_word(
        self, answering: dict[str, Voice], name: str, status: int, body: bytes
    ) -> None:
        voice = answering[name]
        assert voice.standin
        voice.standin.when("", told("anything", whole_reply(status, {"content-type": "application/json"}, body)))
        with contextlib.suppress(ProviderError):
            assert isinstance(voice.writer.carry_on(["A fox"]), Writing)


class TestKey:
    """It is in nothing that a log may show."""

    @pytest.mark.parametrize("name", STANDINS)
    def test_no_failure_shows_it(self, name: str, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(0)
        shown: list[str] = []
        with voice_of(name) as voice:
            for answer in (faults.html(500), faults.html(200), faults.reset_in_body(), faults.hang_up()):
                shown += traceback.format_exception(failure(voice, answer))
        with pytest.raises(ProviderError) as caught:
            writer_of(name, f"http://127.0.0.1:{unused_port()}").write(3)
        shown += traceback.format_exception(caught.value)
        assert KEY not in "".join(shown) + caplog.text

    @pytest.mark.parametrize("name", STANDINS)
    @pytest.mark.parametrize("sign", ["\n", "\r", " ", "ключ", "\x00"], ids=ascii)
    def test_one_that_no_header_can_hold_is_told_without_it(self, name: str, sign: str) -> None:
        with STANDINS[name](KEY) as standin:
            writer = writer_of(name, standin.url, key=f"{KEY}{sign}x")
            assert KEY not in str(writer.not_configured())
            with pytest.raises(NotConfigured) as caught:
                writer.write(1)
            assert standin.calls == []
        assert KEY not in "".join(traceback.format_exception(caught.value))

    @pytest.mark.parametrize("name", STANDINS)
    def test_another_one_is_not_configured(self, name: str) -> None:
        with STANDINS[name]("sk-other") as standin:
            with pytest.raises(NotConfigured) as caught:
                writer_of(name, standin.url).carry_on(["A fox"])
            assert (caught.value.charged, standin.bill) == (Charged.NO, 0)
        assert KEY not in "".join(traceback.format_exception(caught.value))
