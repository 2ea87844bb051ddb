"""Prompts that a machine writes: asked for until there are enough, and each call that costs money is in the ledger.

The stand-ins listen on this machine, where a chat model is free. `PaidChat` is OpenAI's plug as it is for OpenAI's own
address; the one for the router is never free.
"""

import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import connection
from django.utils import timezone

from imagegen import errors, ledger, pauses, prompts, usage
from imagegen.errors import BadSubmission, WriterFailed
from imagegen.ledger import Receipt
from imagegen.models import Attempt, Job, ProviderPause
from imagegen.prompts import ASKS, Written
from imagegen.states import Charged, Purpose
from imagegen.writers.base import MAX_LINES, MAX_THEME, PromptWriter, Writing
from imagegen.writers.openai import OpenAIChat
from imagegen.writers.starts import STARTS
from imagegen.writers.words import Words
from tests.rows import claim, claimed, make_job
from tests.standins import chat as said
from tests.standins import faults
from tests.standins import hugging_face as hugging_face_answers
from tests.standins import openai_answers as answers
from tests.standins.chat import ChatStandIn, RouterChatStandIn
from tests.standins.faults import Answer
from tests.standins.text_generation import TextGenerationStandIn, generation_failed
from tests.waiting import unused_port, wait_until

pytestmark = pytest.mark.django_db
NOBODY = AnonymousUser()
YES, NO, PERHAPS = Charged.YES, Charged.NO, Charged.UNKNOWN
KEY = "sk-canary-91ab"
WORDS = {"words": {"BACKEND": "imagegen.writers.words.Words"}}
CROWD = 32


class PaidChat(OpenAIChat):
    """One whose stand-in sends a bill, although it is on this machine."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.is_free = False


class Moody(PromptWriter):
    """Does what a test wants: `mood` is called in place of a paid call."""

    mood: Callable[[], Writing]
    model = "moody-1"

    def write(self, count: int, theme: str = "", seed: int | None = None) -> Writing:
        return Moody.mood()

    def carry_on(self, lines: Any, seed: int | None = None) -> Writing:
        return Moody.mood()


class Killed(BaseException):
    """Ends a call as the end of its process does: nothing of ours runs any more."""


def sell(settings: Any, name: str, **options: Any) -> None:
    """Make this writer the default, beside the words."""
    backends = {
        "openai": f"{__name__}.PaidChat",
        "free-openai": "imagegen.writers.openai.OpenAIChat",
        "huggingface": "imagegen.writers.hugging_face.HuggingFaceChat",
        "endpoint": "imagegen.writers.hugging_face.HuggingFaceText",
        "moody": f"{__name__}.Moody",
    }
    settings.PROMPT_WRITERS = {**WORDS, name: {"BACKEND": backends[name], "OPTIONS": options}}
    settings.DEFAULT_WRITER = name


def write(count: int = 5, **options: Any) -> Written:
    return prompts.write(count, **{"viewer": NOBODY, "seed": 7, **options})


def failure(**options: Any) -> WriterFailed:
    with pytest.raises(WriterFailed) as caught:
        write(**options)
    return caught.value


def attempts() -> list[Attempt]:
    return list(Attempt.objects.filter(purpose=Purpose.PROMPTS).order_by("sent_at"))


def only_attempt() -> Attempt:
    [attempt] = attempts()
    return attempt


def disagreements(standin: ChatStandIn) -> list[str]:
    """Compare the bill with the ledger, line by line: one attempt for each call, in their order."""
    assert standin.wait_until_idle()
    written, calls = attempts(), standin.calls
    if len(written) != len(calls):
        return [f"{len(calls)} calls were seen, and {len(written)} are in the ledger"]
    return [
        f"{attempt.outcome} is {attempt.charged} in the ledger, and billed {call.credits}: {call.prompt!r}"
        for attempt, call in zip(written, calls, strict=True)
        if (attempt.charged == YES and not call.credits) or (attempt.charged == NO and call.credits)
    ]


@pytest.fixture
def openai(settings: Any) -> Iterator[ChatStandIn]:
    with ChatStandIn(KEY) as standin:
        sell(settings, "openai", key=standin.key, host=standin.url, total_seconds=20)
        yield standin
        assert disagreements(standin) == []


@pytest.fixture
def router(settings: Any) -> Iterator[ChatStandIn]:
    with RouterChatStandIn(KEY) as standin:
        sell(settings, "huggingface", key=standin.key, router=standin.url, total_seconds=20)
        yield standin
        assert disagreements(standin) == []


@pytest.fixture(params=["openai", "router"])
def chat(request: pytest.FixtureRequest) -> ChatStandIn:
    """Each of the writers that cost money, as the default, and who sends its bill."""
    standin: ChatStandIn = request.getfixturevalue(request.param)
    return standin


@pytest.fixture
def ann() -> User:
    return User.objects.create(username="ann")


class TestAsking:
    def test_it_returns_as_many_different_prompts_as_are_asked_for(self, chat: ChatStandIn, settings: Any) -> None:
        written = write(20, theme="the sea")
        assert len({*written.prompts}) == len(written.prompts) == 20
        assert (written.writer, written.theme, written.seed, written.short) == (settings.DEFAULT_WRITER, "the sea", 7, "")
        assert len(chat.calls) == 1

    def test_the_same_seed_writes_the_same_again(self, chat: ChatStandIn) -> None:
        first = write(seed=None)
        assert write(seed=first.seed) == first

    def test_what_is_missing_is_asked_for_again_with_another_seed(self, chat: ChatStandIn) -> None:
        chat.when("", said.few(2), said.few(2))
        written = write(5)
        assert (len({*written.prompts}), written.short) == (5, "")
        assert [call.prompt[:8] for call in chat.calls] == ["Write 5 ", "Write 3 ", "Write 1 "]
        assert len({call.fields["seed"] for call in chat.calls}) == 3

    def test_what_comes_twice_counts_once(self, chat: ChatStandIn) -> None:
        chat.when("", said.prompts("one", "two"), said.prompts("two", "three"), said.prompts("four"))
        assert write(4).prompts == ["one", "two", "three", "four"]

    def test_it_asks_three_times_in_all_and_says_where_it_stays_short(self, chat: ChatStandIn) -> None:
        chat.always("", said.prompts("one", "two"))
        written = write(10)
        assert (written.prompts, len(chat.calls), ASKS) == (["one", "two"], 3, 3)
        assert "2 of 10" in written.short

    def test_a_failure_at_first_is_not_tried_again(self, chat: ChatStandIn) -> None:
        chat.when("", answers.server_error())
        assert failure().code == "outcome_unknown"
        assert len(chat.calls) == 1

    def test_what_was_written_before_a_failure_is_kept(self, chat: ChatStandIn) -> None:
        chat.when("", said.prompts("one", "two"), *[answers.server_error()] * 2)
        written = write(5)
        assert (written.prompts, bool(written.short)) == (["one", "two"], True)
        assert len(chat.calls) <= 3

    def test_what_was_paid_before_the_days_limit_is_kept(self, chat: ChatStandIn, settings: Any) -> None:
        settings.MAX_PAID_CALLS_PER_DAY = 1
        chat.when("", said.prompts("one", "two"))
        written = write(5)
        assert (written.prompts, bool(written.short)) == (["one", "two"], True)

    def test_what_was_paid_before_everything_was_stopped_is_kept(self, settings: Any) -> None:
        def mood() -> Writing:
            pauses.stop_everything("ada")
            return Writing(["one", "two"])

        sell(settings, "moody")
        Moody.mood = staticmethod(mood)
        assert write(5).prompts == ["one", "two"]
        assert only_attempt().charged == YES

    def test_lines_are_carried_on_by_one_call(self, chat: ChatStandIn) -> None:
        written = prompts.carry_on(["A fox", "An owl"], viewer=NOBODY)
        assert [prompt.partition(" ")[0] for prompt in written.prompts] == ["A", "An"]
        assert len(chat.calls) == 1

    def test_a_line_is_begun_by_chance(self, chat: ChatStandIn) -> None:
        start, prompt = prompts.begun_by_chance(viewer=NOBODY)
        assert start in STARTS
        assert prompt.startswith(f"{start} ")
        assert len(chat.calls) == 1

    def test_another_writer_can_be_named(self, chat: ChatStandIn) -> None:
        assert write(writer="words").prompts == Words().write(5, seed=7).prompts
        assert chat.calls == []


class TestRefusing:
    @pytest.mark.parametrize(
        ("count", "options", "field"),
        [
            (0, {}, "count"),
            (101, {}, "count"),
            (5, {"theme": "x" * (MAX_THEME + 1)}, "theme"),
            (5, {"writer": "nobody"}, "writer"),
        ],
    )
    def test_what_cannot_be_asked_for_is_named_and_costs_nothing(
        self, chat: ChatStandIn, count: int, options: dict[str, Any], field: str
    ) -> None:
        with pytest.raises(BadSubmission) as caught:
            write(count, **options)
        assert [problem.field for problem in caught.value.problems] == [field]
        assert chat.calls == []

    @pytest.mark.parametrize("lines", [0, MAX_LINES + 1])
    def test_no_line_and_too_many_are_named_and_cost_nothing(self, chat: ChatStandIn, lines: int) -> None:
        with pytest.raises(BadSubmission, match="cannot be improved at once"):
            prompts.carry_on(["A fox"] * lines, viewer=NOBODY)
        assert chat.calls == []

    @pytest.mark.parametrize("name", ["openai", "huggingface"])
    def test_one_without_a_key_is_named_and_nobody_takes_its_place(self, settings: Any, name: str) -> None:
        sell(settings, name, key="")
        with pytest.raises(BadSubmission, match=r"cannot be used yet: .* is not set") as caught:
            write()
        assert [problem.field for problem in caught.value.problems] == ["writer"]
        with pytest.raises(BadSubmission, match=r"cannot be used yet: .* is not set"):
            prompts.carry_on(["A fox"], viewer=NOBODY)
        assert prompts.ready() == ["words"]
        assert attempts() == []


class TestLedger:
    def test_a_paid_call_is_one_attempt(self, chat: ChatStandIn, ann: User, settings: Any) -> None:
        write(viewer=ann)
        attempt, model = only_attempt(), chat.calls[0].fields["model"]
        assert (attempt.purpose, attempt.job, attempt.asked_by) == (Purpose.PROMPTS, None, ann)
        assert (attempt.provider, attempt.model) == (f"writer:{settings.DEFAULT_WRITER}", model)
        assert (attempt.outcome, attempt.charged, attempt.http_status) == ("succeeded", YES, 200)
        assert attempt.ended_at
        assert attempt.sent_at <= attempt.ended_at

    def test_it_keeps_the_tokens_and_the_name_of_the_request(self, chat: ChatStandIn) -> None:
        chat.when("", faults.with_header(said.prompts("one"), "x-request-id", "r" * 300))
        write(1)
        attempt = only_attempt()
        assert {*attempt.usage} == {"prompt_tokens", "completion_tokens", "total_tokens"}
        assert all(count > 0 for count in attempt.usage.values())
        assert attempt.request_id == "r" * 200
        assert attempt.amount is None

    def test_people_without_a_name_are_nobody(self, chat: ChatStandIn) -> None:
        write()
        assert only_attempt().asked_by is None

    def test_each_ask_is_an_attempt_of_its_own(self, chat: ChatStandIn) -> None:
        chat.when("", said.few(2), answers.rate_limited())
        assert "takes no more calls" in write(5).short
        assert [attempt.charged for attempt in attempts()] == [YES, NO]

    def test_a_call_that_never_went_out_is_free(self, settings: Any) -> None:
        sell(settings, "openai", key=KEY, host=f"http://127.0.0.1:{unused_port()}")
        assert failure().code == "unavailable"
        assert (only_attempt().charged, only_attempt().outcome) == (NO, "unavailable")

    def test_a_mistake_of_ours_leaves_nothing_open(self, settings: Any) -> None:
        def mood() -> Writing:
            raise ZeroDivisionError

        sell(settings, "moody")
        Moody.mood = staticmethod(mood)
        with pytest.raises(ZeroDivisionError):
            write()
        assert (only_attempt().charged, only_attempt().outcome) == (PERHAPS, "bug")
        assert only_attempt().ended_at

    @pytest.mark.django_db(transaction=True)
    def test_it_is_written_down_before_the_first_byte(self, openai: ChatStandIn) -> None:
        openai.when("", faults.success(delay=0.5))

        def in_a_thread() -> None:
            write()
            connection.close()

        with ThreadPoolExecutor(1) as thread:
            writing = thread.submit(in_a_thread)
            wait_until(lambda: openai.in_flight == 1, seconds=10, what="the call")
            attempt = only_attempt()
            assert (attempt.ended_at, attempt.outcome, attempt.charged) == (None, "", PERHAPS)
            writing.result(20)
        assert only_attempt().charged == YES


# What a writer may answer, its word, and whether it was charged; None where that may be called paid or unknown.
TABLE: list[tuple[Answer, str, Charged | None]] = [
    (answers.unauthorized(), "not_configured", NO),
    (answers.forbidden(), "not_configured", NO),
    (hugging_face_answers.out_of_credit(), "out_of_credit", NO),
    (answers.rate_limited(), "rate_limited", NO),
    (answers.bad_request(), "invalid", NO),
    (answers.not_found(), "invalid", NO),
    (said.refusal(), "refused", YES),
    (said.filtered(), "refused", YES),
    (said.cut_off(), "bad_answer", YES),
    (said.says("Here you are: a fox"), "bad_answer", YES),
    (said.says('{"pictures": []}'), "bad_answer", YES),
    (said.prompts(), "bad_answer", YES),
    (answers.server_error(500), "outcome_unknown", PERHAPS),
    (answers.server_error(502), "outcome_unknown", PERHAPS),
    (answers.server_error(503), "outcome_unknown", PERHAPS),
    (faults.html(500), "outcome_unknown", PERHAPS),
    (faults.html(503, billed=False), "outcome_unknown", PERHAPS),
    (faults.reset_before_headers(), "outcome_unknown", PERHAPS),
    (faults.reset_before_headers(billed=False), "outcome_unknown", PERHAPS),
    (faults.reset_in_body(), "outcome_unknown", PERHAPS),
    (faults.hang_up(), "outcome_unknown", PERHAPS),
    (faults.truncated(), "outcome_unknown", PERHAPS),
    (faults.html(200), "bad_answer", None),
    (faults.lying_length(), "bad_answer", None),
    (faults.endless(), "bad_answer", PERHAPS),
    (faults.huge(), "bad_answer", PERHAPS),
]
OF_OPENAI: list[tuple[Answer, str, Charged | None]] = [
    (answers.out_of_credit(), "out_of_credit", NO),
    (answers.overloaded(), "unavailable", NO),
    (answers.refused("input"), "refused", NO),
    (answers.refused("output"), "refused", PERHAPS),
    (answers.refused(None, code="content_filter"), "refused", PERHAPS),
]
SLOW = (faults.silence(), faults.drip(50), faults.drip_headers(5))


class TestFaults:
    """Whatever a writer does has a word, is in the ledger once, and agrees with its bill."""

    def check(self, chat: ChatStandIn, answer: Answer, code: str, charged: Charged | None) -> None:
        chat.when("", answer)
        failed = failure()
        assert failed.code == code
        assert len(chat.calls) == 1
        attempt = only_attempt()
        assert attempt.outcome == code
        assert attempt.ended_at
        assert attempt.charged == charged or (charged is None and attempt.charged != NO)

    @pytest.mark.parametrize(("answer", "code", "charged"), TABLE, ids=lambda value: getattr(value, "name", None))
    def test_each_fault_is_a_word_and_one_attempt(
        self, openai: ChatStandIn, answer: Answer, code: str, charged: Charged | None
    ) -> None:
        self.check(openai, answer, code, charged)

    @pytest.mark.parametrize(("answer", "code", "charged"), OF_OPENAI, ids=lambda value: getattr(value, "name", None))
    def test_each_of_openais_own_too(self, openai: ChatStandIn, answer: Answer, code: str, charged: Charged | None) -> None:
        self.check(openai, answer, code, charged)

    @pytest.mark.parametrize("answer", SLOW, ids=lambda answer: answer.name)
    def test_what_is_not_there_in_time_may_have_been_paid(self, openai: ChatStandIn, settings: Any, answer: Answer) -> None:
        sell(settings, "openai", key=KEY, host=openai.url, total_seconds=0.2)
        self.check(openai, answer, "outcome_unknown", PERHAPS)

    def test_a_page_of_a_gateway_that_passed_nothing_on_agrees_with_the_bill(self, chat: ChatStandIn) -> None:
        chat.when("", faults.html(200, billed=False))
        failure()
        assert only_attempt().charged != YES

    @pytest.mark.parametrize("answer", [said.cut_off(), said.refusal(), said.says("a fox")], ids=lambda answer: answer.name)
    def test_what_was_used_up_in_vain_is_kept(self, chat: ChatStandIn, answer: Answer) -> None:
        chat.when("", answer)
        failure()
        assert only_attempt().usage.get("total_tokens", 0) > 0

    def test_who_failed_is_named_and_nobody_writes_instead(self, chat: ChatStandIn, settings: Any) -> None:
        chat.when("", said.refusal("That is not nice."))
        failed = failure()
        assert failed.writer == settings.DEFAULT_WRITER
        assert "That is not nice" in str(failed)

    def test_carrying_on_fails_in_the_same_words(self, chat: ChatStandIn) -> None:
        chat.when("", said.cut_off())
        with pytest.raises(WriterFailed) as caught:
            prompts.carry_on(["A fox"], viewer=NOBODY)
        assert (caught.value.code, only_attempt().charged) == ("bad_answer", YES)

    def test_no_log_and_no_exception_shows_the_key(self, chat: ChatStandIn, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(0)
        write()
        for answer in (answers.unauthorized(), answers.server_error(), said.cut_off(), faults.reset_in_body()):
            chat.when("", answer)
            assert KEY not in "".join(traceback.format_exception(failure()))
        assert KEY not in caplog.text
        assert "outcome_unknown" in caplog.text or "may have been paid" in caplog.text


class TestDailyLimit:
    @pytest.mark.django_db(transaction=True)
    def test_of_many_at_once_exactly_as_many_pass_as_are_left(self, chat: ChatStandIn, settings: Any) -> None:
        settings.MAX_PAID_CALLS_PER_DAY = 10
        start = threading.Barrier(CROWD)

        def outcome(_: int) -> str:
            start.wait()
            try:
                return "written" if write(1).prompts else "nothing"
            except WriterFailed as error:
                return error.code
            finally:
                connection.close()

        with ThreadPoolExecutor(CROWD) as crowd:
            outcomes = sorted(crowd.map(outcome, range(CROWD)))
        assert outcomes == ["daily_limit"] * (CROWD - 10) + ["written"] * 10
        assert len(chat.calls) == 10

    def test_pictures_and_prompts_share_it(self, openai: ChatStandIn, settings: Any) -> None:
        settings.MAX_PAID_CALLS_PER_DAY = 2
        claimed(make_job(provider="stability", model="core"))
        write()
        assert failure().code == "daily_limit"
        assert claim(make_job(provider="stability", model="core")) is None
        assert ledger.left_today() == 0

    @pytest.mark.parametrize(
        ("answer", "left"),
        [(answers.rate_limited(), 1), (answers.server_error(), 0), (said.refusal(), 0)],
        ids=lambda value: getattr(value, "name", None),
    )
    def test_what_cost_nothing_does_not_count(self, chat: ChatStandIn, settings: Any, answer: Answer, left: int) -> None:
        settings.MAX_PAID_CALLS_PER_DAY = 1
        chat.when("", answer)
        failure()
        assert ledger.left_today() == left

    def test_yesterdays_calls_do_not_count(self, chat: ChatStandIn, settings: Any) -> None:
        settings.MAX_PAID_CALLS_PER_DAY = 1
        write()
        Attempt.objects.update(sent_at=timezone.now() - timedelta(days=1))
        assert write().prompts

    def test_past_it_nothing_is_sent_nor_written_down(self, chat: ChatStandIn, settings: Any) -> None:
        settings.MAX_PAID_CALLS_PER_DAY = 0
        assert (failure().code, attempts(), chat.calls) == ("daily_limit", [], [])


class TestBrake:
    def test_it_stops_what_costs_money_until_somebody_says_so(self, chat: ChatStandIn) -> None:
        pauses.stop_everything("ada")
        failed = failure()
        assert failed.code == "stopped"
        assert "ada" in str(failed)
        assert (attempts(), chat.calls) == ([], [])
        pauses.resume(pauses.EVERYTHING)
        assert write().prompts

    def test_a_provider_of_pictures_that_rests_stops_no_writer(self, chat: ChatStandIn, settings: Any) -> None:
        pauses.after_error(settings.DEFAULT_WRITER, uuid4(), errors.OutOfCredit("The account is empty."))
        assert ProviderPause.objects.exists()
        assert write().prompts


class TestFree:
    @pytest.fixture(params=["words", "free-openai", "endpoint"])
    def _free(self, request: pytest.FixtureRequest, settings: Any) -> Iterator[None]:
        with ChatStandIn() as chat, TextGenerationStandIn() as endpoint:
            match request.param:
                case "free-openai":
                    sell(settings, "free-openai", key=chat.key, host=chat.url)
                case "endpoint":
                    sell(settings, "endpoint", url=endpoint.url)
            yield

    @pytest.mark.usefixtures("_free")
    def test_it_writes_whatever_the_limit_and_the_brake_say_and_is_in_no_ledger(self, settings: Any) -> None:
        settings.MAX_PAID_CALLS_PER_DAY = 0
        pauses.stop_everything("ada")
        assert len(write(5).prompts) == 5
        assert prompts.carry_on(["A fox"], viewer=NOBODY).prompts
        assert not Attempt.objects.exists()

    def test_one_that_fails_says_so_and_is_in_no_ledger(self, settings: Any) -> None:
        with TextGenerationStandIn() as endpoint:
            sell(settings, "endpoint", url=endpoint.url)
            endpoint.always("", generation_failed())
            assert (failure().code, failure().writer) == ("outcome_unknown", "endpoint")
        assert not Attempt.objects.exists()

    def test_who_is_offered_is_not_the_one_that_failed(self, settings: Any) -> None:
        sell(settings, "endpoint", url=f"http://127.0.0.1:{unused_port()}")
        assert failure().code == "unavailable"
        assert prompts.instead_of("endpoint") == "words"


class TestForgotten:
    """Calls whose process is gone."""

    @pytest.fixture
    def forgotten(self, settings: Any) -> Attempt:
        def mood() -> Writing:
            raise Killed

        sell(settings, "moody")
        Moody.mood = staticmethod(mood)
        with pytest.raises(Killed):
            write()
        return only_attempt()

    def wait(self, minutes: float) -> Attempt:
        """Let time pass, and somebody look."""
        Attempt.objects.update(sent_at=timezone.now() - timedelta(minutes=minutes))
        ledger.close_forgotten_writings()
        return only_attempt()

    def test_one_stays_open(self, forgotten: Attempt) -> None:
        assert (forgotten.ended_at, forgotten.charged) == (None, PERHAPS)

    def test_after_ten_minutes_it_is_closed_as_unknown(self, forgotten: Attempt) -> None:
        closed = self.wait(10.5)
        assert (closed.charged, closed.outcome) == (PERHAPS, "worker_gone")
        assert closed.ended_at

    def test_before_it_may_still_be_answered(self, forgotten: Attempt) -> None:
        assert self.wait(9).ended_at is None

    def test_it_counts_towards_the_days_limit(self, forgotten: Attempt, settings: Any) -> None:
        settings.MAX_PAID_CALLS_PER_DAY = 1
        ledger.close_forgotten_writings()
        assert failure().code == "daily_limit"

    def test_what_is_known_after_all_takes_the_place_of_that(self, forgotten: Attempt) -> None:
        ended = self.wait(11).ended_at
        ledger.close(forgotten.pk, "succeeded", YES, Receipt(200))
        assert (only_attempt().charged, only_attempt().outcome, only_attempt().ended_at) == (YES, "succeeded", ended)

    def test_one_that_has_ended_and_a_call_for_a_picture_are_left_alone(self, openai: ChatStandIn) -> None:
        write()
        picture = claimed(make_job()).attempt
        before = self.wait(60)
        assert (before.outcome, before.charged) == ("succeeded", YES)
        assert Attempt.objects.get(pk=picture).ended_at is None


class TestCounting:
    def test_prompts_are_no_pictures(self, chat: ChatStandIn, ann: User, settings: Any) -> None:
        write(viewer=ann)
        [day] = usage.by_day(ann, mine=True)
        assert (day.provider, day.user) == (f"writer:{settings.DEFAULT_WRITER}", "ann")
        assert (day.calls, day.paid, day.unpriced, day.pictures) == (1, 1, 1, 0)
        assert not Job.objects.exists()

    def test_people_see_what_they_asked_for_themselves(self, openai: ChatStandIn, ann: User, settings: Any) -> None:
        settings.ANONYMOUS_ACCESS = "read"
        write(viewer=ann)
        write()
        bob = User.objects.create(username="bob")
        write(viewer=bob)
        assert [(day.user, day.calls) for day in usage.by_day(ann)] == [("ann", 1)]
        assert usage.by_day(NOBODY) == []

    def test_they_are_among_todays_calls(self, openai: ChatStandIn) -> None:
        write()
        [spent] = usage.today().spent
        assert (spent.provider, spent.calls, spent.paid, spent.unpriced) == ("writer:openai", 1, 1, 1)
        assert usage.today().paid_calls == 1

    def test_a_writer_that_fails_opens_no_breaker_of_a_provider(self, openai: ChatStandIn) -> None:
        openai.always("", answers.server_error())
        for _ in range(pauses.BREAKER_CALLS):
            failure()
        pauses.after_error("openai", uuid4(), errors.Unavailable("It is down."))
        assert not ProviderPause.objects.exists()

    def test_a_writer_that_writes_keeps_no_breaker_shut(self, openai: ChatStandIn) -> None:
        for _ in range(pauses.BREAKER_CALLS):
            write(1)
        past = {"worker": uuid4(), "machine": uuid4(), "model": "gpt-image-2", "ended_at": timezone.now()}
        for fence in range(pauses.BREAKER_CALLS):
            job = make_job(provider="openai")
            Attempt.objects.create(job=job, provider="openai", fence=fence, outcome="unavailable", charged=NO, **past)
        pauses.after_error("openai", uuid4(), errors.Unavailable("It is down."))
        assert ProviderPause.objects.filter(provider="openai").exists()
