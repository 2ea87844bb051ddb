"""What every provider promises, whoever answers. The test module of a provider inherits these tests and brings its plug:

class TestContract(Contract):
    @pytest.fixture(scope="class")
    @classmethod
    def plug(cls) -> Iterator[Plug]:
        with SomeStandIn() as standin:
            yield Plug(Some(key=standin.key, host=standin.url), standin, {"a refused prompt": answers.refused()})
"""

import contextlib
import json
import traceback
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, ClassVar
from uuid import uuid4

import hypothesis
import pytest
from django.utils import timezone
from hypothesis import strategies as st

from imagegen import generation, pictures, redis, spool
from imagegen.errors import ProviderError
from imagegen.models import Attempt, Job, ProviderPause
from imagegen.providers import registry
from imagegen.providers.base import Answer, ImageRequest, ImageResult, Pending, Provider
from imagegen.states import UNFINISHED, Charged, PauseReason, State
from tests import audit
from tests.rows import make_job
from tests.standins import faults
from tests.standins.faults import Answer as Said
from tests.standins.standin import Seller
from tests.waiting import unused_port

KEY = "sk-canary-4f1d"
TRIES = 12
YES, NO, PERHAPS = Charged.YES, Charged.NO, Charged.UNKNOWN


# What servers answer, and what they never should.
WORDS = st.sampled_from(
    ["error", "errors", "code", "message", "name", "data", "b64_json", "images", "info", "id", "status", "result", "detail"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@dataclass(frozen=True)
class Plug:
    """A provider that can be asked, who answers it, and what he can be made to answer instead of a picture, by prompt.

    The demo has nobody behind it, and is told in the prompt itself what to do. One of the prompts must say `refuse`.
    """

    provider: Provider
    standin: Seller | None = None
    troubles: Mapping[str, Said] = field(default_factory=dict)
    wishes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.standin:
            for prompt, answer in self.troubles.items():
                self.standin.always(prompt, answer)

    @property
    def prompts(self) -> tuple[str, ...]:
        """Prompts that bring no picture, one for each trouble."""
        return (*self.troubles, *self.wishes)


class Recorder:
    """Keeps answers in the spool and remembers them."""

    def __init__(self, request: ImageRequest) -> None:
        self._keep = spool.keep(request.attempt, "any")
        self.kept: list[Answer] = []

    def __call__(self, status: int, headers: Mapping[str, str], blocks: Iterable[bytes]) -> Answer:
        self.kept.append(self._keep(status, headers, blocks))
        return self.kept[-1]


def asked(provider: Provider, prompt: str = "a fox", **options: Any) -> ImageRequest:
    seed = 7 if provider.seed else None
    return replace(ImageRequest(uuid4(), prompt, provider.models[0].name, seed=seed), **options)


def send(provider: Provider, request: ImageRequest, keep: Any = None) -> Answer:
    """Make a call and wait for its answer, which some providers give later."""
    keep = keep or spool.keep(request.attempt, "any")
    answer = provider.send(request, keep)
    if isinstance(answer, Answer):
        return answer
    for _ in range(1000):
        if not isinstance(found := provider.poll(answer, keep), Pending):
            return found
    raise AssertionError("the provider never has the picture")


def picture(provider: Provider, prompt: str = "a fox", **options: Any) -> ImageResult:
    return provider.read(send(provider, asked(provider, prompt, **options)))


def trouble(provider: Provider, prompt: str) -> BaseException:
    with pytest.raises(Exception) as caught:  # noqa: PT011  (which one it may be is what the tests ask)
        picture(provider, prompt)
    return caught.value


def drawn(provider: Provider, request: ImageRequest) -> ImageResult:
    """Take the whole road of a paid call, from sending to the check of the picture."""
    result = provider.read(send(provider, request))
    pictures.check(result.body)
    return result


def failure_of(provider: Provider, standin: Seller, answer: Said) -> ProviderError:
    """Ask while a stand-in answers like this; return the error that it becomes."""
    standin.when("", answer)
    with pytest.raises(ProviderError) as caught:
        drawn(provider, asked(provider))
    return caught.value


def error_in(provider: Provider, status: int, body: object = b"", headers: Mapping[str, str] | None = None) -> ProviderError:
    """Return what an answer that no stand-in gives is read as; a body that is not bytes becomes JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(ProviderError) as caught:
        provider.read(Answer(status, headers or {}, lambda: content))
    return caught.value


def refused_fields(provider: Provider, **options: Any) -> list[str]:
    return [field for field, _ in provider.refusals(asked(provider, **options))]


class Contract:
    """What a provider declares, refuses, sends, and makes of answers."""

    # Those that a plug itself always adds to an answer before it is kept.
    own_headers: ClassVar[Mapping[str, str]] = {}

    @pytest.fixture(scope="class")
    @classmethod
    def plug(cls) -> Iterator[Plug]:
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def provider(cls, plug: Plug) -> Provider:
        return plug.provider

    def test_there_are_models_and_no_name_comes_twice(self, provider: Provider) -> None:
        names = [model.name for model in provider.models]
        assert all(names)
        assert len(set(names)) == len(names) > 0

    def test_a_price_says_where_and_when_it_was_read(self, provider: Provider) -> None:
        for price in (price for model in provider.models for price in model.prices):
            assert price.amount >= 0
            assert price.unit
            assert price.source
            assert price.day

    def test_it_understands_ratios_or_sizes(self, provider: Provider) -> None:
        assert provider.aspect_ratios or all(provider.sizes_of(model.name) for model in provider.models)

    def test_each_ratio_is_the_one_that_its_own_size_leads_to(self, provider: Provider) -> None:
        sizes = [f"{width}00x{height}00" for width, height in (ratio.split(":") for ratio in provider.aspect_ratios)]
        assert tuple(map(provider.ratio_for, sizes)) == provider.aspect_ratios

    def test_no_style_comes_twice(self, provider: Provider) -> None:
        assert all(provider.styles)
        assert len(set(provider.styles)) == len(provider.styles)

    def test_it_takes_a_prompt_and_says_where_its_pictures_come_from(self, provider: Provider) -> None:
        assert provider.max_prompt > 0
        assert provider.origin

    def test_it_is_configured_once_it_has_what_it_needs(self, provider: Provider) -> None:
        assert provider.not_configured() is None

    def test_it_can_be_checked_without_paying(self, plug: Plug) -> None:
        paid = plug.standin.bill if plug.standin else 0
        assert plug.provider.check()
        assert (plug.standin.bill if plug.standin else 0) == paid

    def test_nothing_that_is_declared_is_refused(self, provider: Provider) -> None:
        options = [
            *({"model": model.name} for model in provider.models),
            *({"model": model.name, "quality": quality} for model in provider.models for quality in model.qualities),
            *({"aspect_ratio": ratio} for ratio in provider.aspect_ratios),
            *({"style": style} for style in provider.styles),
            {"prompt": "x" * provider.max_prompt},
        ]
        assert [option for option in options if refused_fields(provider, **option)] == []

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("model", "dall-e-2"),
            ("style", "oil on velvet"),
            ("quality", "sloppy"),
            ("aspect_ratio", "7:1"),
            ("size", "9000x10"),
            ("size", "1x1000"),
        ],
    )
    def test_what_is_not_declared_is_refused(self, provider: Provider, field: str, value: str) -> None:
        [(refused, sentence)] = provider.refusals(asked(provider, **{field: value}))
        assert refused == field
        assert value in sentence

    def test_a_prompt_that_is_too_long_is_refused(self, provider: Provider) -> None:
        [(refused, sentence)] = provider.refusals(asked(provider, prompt="x" * (provider.max_prompt + 1)))
        assert refused == "prompt"
        assert str(provider.max_prompt) in sentence

    def test_a_seed_and_a_negative_prompt_are_refused_where_they_are_not_declared(self, provider: Provider) -> None:
        assert ("seed" in refused_fields(provider, seed=7)) == (not provider.seed)
        assert ("negative_prompt" in refused_fields(provider, negative_prompt="rain")) == (not provider.negative_prompt)

    def test_everything_wrong_is_said_at_once(self, provider: Provider) -> None:
        wrong = {"model": "dall-e-2", "style": "oil on velvet", "aspect_ratio": "7:1", "size": "1x1000"}
        assert sorted(refused_fields(provider, **wrong)) == sorted(wrong)

    def test_an_answer_is_kept_exactly_once_before_it_is_returned(self, provider: Provider) -> None:
        recorder = Recorder(request := asked(provider))
        assert [send(provider, request, recorder)] == recorder.kept

    def test_an_answer_that_is_no_picture_is_kept_once_as_well(self, plug: Plug) -> None:
        for prompt in plug.prompts:
            recorder = Recorder(request := asked(plug.provider, prompt))
            with contextlib.suppress(ProviderError):
                assert [send(plug.provider, request, recorder)] == recorder.kept
            assert len(recorder.kept) <= 1

    def test_header_names_are_lower_case(self, provider: Provider) -> None:
        names = list(send(provider, asked(provider)).headers)
        assert names == [name.lower() for name in names]

    def test_reading_twice_gives_the_same(self, provider: Provider) -> None:
        answer = send(provider, asked(provider))
        assert provider.read(answer) == provider.read(answer)

    def test_an_answer_reads_the_same_out_of_the_spool(self, provider: Provider) -> None:
        answer = send(provider, request := asked(provider))
        assert provider.read(spool.read(request.attempt)) == provider.read(answer)

    def test_a_refusal_reads_the_same_out_of_the_spool(self, plug: Plug) -> None:
        request = asked(plug.provider, next(prompt for prompt in plug.prompts if "refuse" in prompt))
        said = []
        for answer in (send(plug.provider, request), spool.read(request.attempt)):
            with pytest.raises(ProviderError) as caught:
                plug.provider.read(answer)
            said.append((type(caught.value), str(caught.value), caught.value.charged))
        assert said[0] == said[1]

    def test_equal_requests_make_equal_pictures(self, provider: Provider) -> None:
        if provider.seed:
            assert picture(provider).body == picture(provider).body

    def test_another_prompt_makes_another_picture(self, provider: Provider) -> None:
        assert picture(provider, "a fox").body != picture(provider, "an owl").body

    def test_a_seed_that_was_asked_for_is_told_again(self, provider: Provider) -> None:
        assert picture(provider).seed in (asked(provider).seed, None)

    def test_every_model_makes_a_whole_picture(self, provider: Provider) -> None:
        for model in provider.models:
            assert pictures.check(picture(provider, model=model.name).body).width > 0

    def test_a_picture_has_the_ratio_that_was_asked_for(self, provider: Provider) -> None:
        for ratio in provider.aspect_ratios:
            made = pictures.check(picture(provider, aspect_ratio=ratio).body)
            assert provider.ratio_for(f"{made.width}x{made.height}") == ratio

    def test_a_size_is_drawn_as_it_is_or_in_its_ratio(self, provider: Provider) -> None:
        size = next(size for size in ("768x512", "512x512") if not refused_fields(provider, size=size))
        made = pictures.check(picture(provider, size=size).body)
        drawn = f"{made.width}x{made.height}"
        assert drawn == size or provider.ratio_for(drawn) == provider.ratio_for(size)

    def test_every_trouble_is_a_provider_error_that_knows_its_charge(self, plug: Plug) -> None:
        for prompt in plug.prompts:
            error = trouble(plug.provider, prompt)
            assert isinstance(error, ProviderError), prompt
            assert error.charged in Charged

    def test_every_trouble_is_told_in_a_sentence(self, plug: Plug) -> None:
        for prompt in plug.prompts:
            sentence = str(trouble(plug.provider, prompt))
            assert sentence[0].isupper()
            assert sentence.endswith(".")

    @hypothesis.given(
        status=st.sampled_from([200, 202, 400, 401, 402, 403, 404, 422, 429, 500, 503]),
        kind=st.sampled_from(["", "application/json", "image/png", "text/html"]),
        body=st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()),
    )
    # It may be called for many subclasses, and the provider keeps nothing between two answers.
    @hypothesis.settings(max_examples=60, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
    def test_whatever_comes_is_a_picture_or_a_word(self, provider: Provider, status: int, kind: str, body: bytes) -> None:
        headers = {"content-type": kind, **self.own_headers}
        with contextlib.suppress(ProviderError):
            assert isinstance(provider.read(Answer(status, headers, lambda: body)).body, bytes)

    def test_threads_that_share_a_provider_do_not_mix_pictures(self, provider: Provider) -> None:
        options = {"size": "512x512"} if provider.sizes else {}
        prompts = [f"picture {number}" for number in range(12)]
        with ThreadPoolExecutor(8) as threads:
            together = list(threads.map(lambda prompt: _drawn(provider, prompt, **options), prompts))
        assert together == [_drawn(provider, prompt, **options) for prompt in prompts]

    def test_the_key_is_in_nothing_that_a_log_may_show(self, plug: Plug) -> None:
        shown = [repr(plug.provider), str(plug.provider), plug.provider.check()]
        for prompt in plug.prompts:
            error = trouble(plug.provider, prompt)
            shown += [repr(error), *traceback.format_exception(error)]
        assert KEY not in "\n".join(shown)


def _drawn(provider: Provider, prompt: str, **options: Any) -> tuple[int, ...]:
    """Return what a stand-in's picture of a prompt has in its middle: a draw without a seed differs in its bytes alone."""
    body = picture(provider, prompt, **options).body
    return tuple(body) if provider.seed else (len(body) > 0,)


@dataclass(frozen=True)
class Row:
    """What a provider always answers, where the job ends, by which word, after how many calls, and what each cost."""

    answer: Said
    state: State
    word: str
    calls: int = 1
    charged: Charged = NO
    pause: PauseReason | None = None

    def __str__(self) -> str:
        return self.answer.name


def invalid(answer: Said) -> Row:
    """The provider does not accept the request, and did nothing."""
    return Row(answer, State.FAILED, "invalid")


def refused(answer: Said, charged: Charged = NO) -> Row:
    """Its moderation says no."""
    return Row(answer, State.REFUSED, "refused", charged=charged)


def unavailable(answer: Said) -> Row:
    """It failed in a way that costs nothing, and goes on doing so."""
    return Row(answer, State.FAILED, "unavailable", calls=5)


def busy(answer: Said) -> Row:
    return Row(answer, State.QUEUED, "rate_limited", calls=TRIES)


def empty_account(answer: Said) -> Row:
    return Row(answer, State.QUEUED, "out_of_credit", calls=TRIES, pause=PauseReason.NO_CREDIT)


def bad_key(answer: Said) -> Row:
    return Row(answer, State.QUEUED, "not_configured", calls=TRIES, pause=PauseReason.BAD_KEY)


def nobody_knows(answer: Said, word: str = "outcome_unknown") -> Row:
    """It may have been paid."""
    return Row(answer, State.UNKNOWN, word, charged=PERHAPS)


# What may happen to any answer on its way. Nobody can tell whether it was paid, so nothing of it is bought a second time.
WIRE = (
    nobody_knows(faults.html(404)),
    nobody_knows(faults.html(500)),
    nobody_knows(faults.html(502)),
    nobody_knows(faults.html(503)),
    nobody_knows(faults.html(504)),
    nobody_knows(faults.reset_before_headers()),
    nobody_knows(faults.reset_in_headers()),
    nobody_knows(faults.reset_in_body()),
    nobody_knows(faults.hang_up()),
    nobody_knows(faults.truncated()),
    nobody_knows(faults.silence()),
    nobody_knows(faults.drip(50)),
    nobody_knows(faults.drip_headers(5)),
    nobody_knows(faults.html(200), "bad_answer"),
    nobody_knows(faults.lying_length(), "bad_answer"),
    nobody_knows(faults.endless(), "bad_answer"),
    nobody_knows(faults.huge(), "bad_answer"),
)
# A picture that came whole and cannot be shown: the provider may count it as one all the same.
DAMAGED = (
    nobody_knows(faults.wrong_type(), "bad_answer"),
    nobody_knows(faults.empty(), "bad_answer"),
    nobody_knows(faults.bad_crc(), "bad_answer"),
    nobody_knows(faults.missing_iend(), "bad_answer"),
    nobody_knows(faults.bomb(), "bad_answer"),
)


def job_for(standin: Seller) -> Job:
    """Return a job for the provider in front of this stand-in."""
    provider = registry.get(standin.provider)
    return make_job(provider=standin.provider, model=provider.models[0].name, seed=7 if provider.seed else None)


def play(job: Job) -> Job:
    """Run a job until it has ended or was tried so often, and let all the waiting be over each time."""
    for _ in range(TRIES):
        Job.objects.update(not_before=None)
        ProviderPause.objects.update(until=timezone.now() - timedelta(seconds=1))
        redis.client().delete(*(redis.client().keys(redis.key("limit:*")) or ["none"]))
        generation.run(job.pk)
        job.refresh_from_db()
        if job.state not in UNFINISHED:
            break
    return job


@pytest.mark.django_db(transaction=True)
class FaultTable:
    """Whatever a provider does, the job ends in a named state after a named number of calls.

    A subclass names the rows of its own protocol, and gives the settings entry that leads to its stand-in. That the ledger
    agrees with the provider's own bill is compared after every test, by the audit.
    """

    documented: ClassVar[Sequence[Row]] = ()
    of_the_wire: ClassVar[Sequence[Row]] = (*WIRE, *DAMAGED)
    # What goes on until the time of a call is up, which is short for these alone.
    ended_by_the_deadline: ClassVar[Collection[str]] = ("silence", "drip", "drip_headers")

    @pytest.fixture
    def standin(self) -> Iterator[Seller]:
        raise NotImplementedError

    def entry(self, standin: Seller) -> dict[str, Any]:
        """Return the entry of IMAGE_PROVIDERS."""
        raise NotImplementedError

    @pytest.fixture
    def sold(self, standin: Seller, settings: Any, request: pytest.FixtureRequest) -> Seller:
        """Put the stand-in behind a provider of the settings."""
        callspec = getattr(request.node, "callspec", None)
        row = callspec.params.get("row") if callspec else None
        entry = self.entry(standin)
        if row:
            entry["OPTIONS"]["total_seconds"] = 1 if row.answer.name in self.ended_by_the_deadline else 20
        settings.IMAGE_PROVIDERS = {**settings.IMAGE_PROVIDERS, standin.provider: entry}
        audit.connected.append(standin)
        return standin

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Give each test the rows that it is about."""
        if "row" not in metafunc.fixturenames:
            return
        rows = (*self.documented, *self.of_the_wire)
        if metafunc.function.__name__ == "test_a_fault_that_passes_ends_with_a_picture":
            rows = tuple(row for row in rows if row.charged == NO and row.calls > 1)
        metafunc.parametrize("row", rows, ids=str)

    def test_what_the_provider_always_does_leads_to_a_named_end(self, sold: Seller, row: Row) -> None:
        sold.always("", row.answer)
        job = play(job_for(sold))
        assert (job.state, job.error_code, len(sold.calls)) == (row.state, row.word, row.calls)
        assert {attempt.charged for attempt in Attempt.objects.all()} == {row.charged}
        assert [pause.reason for pause in ProviderPause.objects.all()] == ([row.pause] if row.pause else [])
        self._people_are_told(job, row)

    def test_a_fault_that_passes_ends_with_a_picture(self, sold: Seller, row: Row) -> None:
        sold.when("", row.answer, row.answer)
        job = play(job_for(sold))
        assert (job.state, len(sold.calls)) == (State.SUCCEEDED, 3)
        assert not ProviderPause.objects.exists()

    def test_a_picture_is_stored_and_its_call_is_charged(self, sold: Seller) -> None:
        job = play(job_for(sold))
        assert (job.state, job.error_code, len(sold.calls)) == (State.SUCCEEDED, "", 1)
        assert Attempt.objects.get().charged == YES

    def _people_are_told(self, job: Job, row: Row) -> None:
        """What happened, and whether it cost anything."""
        money = {
            YES: ("paid",),
            NO: ("othing was charged", "takes no more calls", "does not accept the key"),
            PERHAPS: ("may have been paid", "may count as paid"),
        }
        assert job.error_sentence.endswith(".")
        assert any(words in job.error_sentence for words in money[row.charged]), job.error_sentence

    def test_a_provider_that_nobody_reaches_is_tried_five_times_and_costs_nothing(
        self, standin: Seller, settings: Any
    ) -> None:
        address, standin.url = standin.url, f"http://127.0.0.1:{unused_port()}"
        settings.IMAGE_PROVIDERS = {**settings.IMAGE_PROVIDERS, standin.provider: self.entry(standin)}
        standin.url = address
        job = play(job_for(standin))
        assert (job.state, Attempt.objects.count()) == (State.FAILED, 5)
        assert {attempt.charged for attempt in Attempt.objects.all()} == {NO}
