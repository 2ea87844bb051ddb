"""Black Forest Labs: what is sent, how a task is followed to its picture, and that nothing on that way buys another."""

import asyncio
import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar
from uuid import uuid4

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from imagegen import calls, pictures, spool
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
from imagegen.models import Attempt
from imagegen.providers import black_forest_labs
from imagegen.providers.base import Answer, Cost, Handle, ImageRequest, Pending
from imagegen.providers.black_forest_labs import BlackForestLabs, is_own
from imagegen.states import Charged, State
from tests.product import Product
from tests.providers.contract import (
    JSON,
    KEY,
    Contract,
    FaultTable,
    Plug,
    Recorder,
    bad_key,
    busy,
    drawn,
    empty_account,
    error_in,
    failure_of,
    invalid,
    job_for,
    nobody_knows,
    play,
    refused,
    send,
)
from tests.standins import black_forest_labs as answers
from tests.standins import faults
from tests.standins.black_forest_labs import BlackForestLabsStandIn
from tests.standins.faults import Answer as Said
from tests.standins.http_server import Request, ServerThread, read_request
from tests.standins.standin import Call, Seller
from tests.waiting import wait_until

# What each answer to the paid call, or the end of its task, means, and a word that people read about it; named for the
# function of the stand-in that gives it.
DOCUMENTED: dict[str, tuple[Said, type[ProviderError], Charged, str]] = {
    "invalid": (answers.invalid(), Invalid, Charged.NO, "width: Input should be a multiple of 32"),
    "bad_request": (answers.bad_request(), Invalid, Charged.NO, "Malformed request"),
    "not_found": (answers.not_found(), Invalid, Charged.NO, "Not Found"),
    "unauthorized": (answers.unauthorized(), NotConfigured, Charged.NO, "BFL_API_KEY"),
    "out_of_credit": (answers.out_of_credit(), OutOfCredit, Charged.NO, "no credit"),
    "rate_limited": (answers.rate_limited(), RateLimited, Charged.NO, "no more calls"),
    "internal_error": (answers.internal_error(), OutcomeUnknown, Charged.UNKNOWN, "500"),
    "request_moderated": (answers.request_moderated(), Refused, Charged.NO, "denied the prompt"),
    "content_moderated": (answers.content_moderated(), Refused, Charged.NO, "withheld the picture"),
    "failed": (answers.failed(), OutcomeUnknown, Charged.UNKNOWN, "failed"),
    "lost": (answers.lost(), OutcomeUnknown, Charged.UNKNOWN, "no longer knows"),
}
# Whatever happens to a question is no answer to it.
HITCHES = (
    answers.rate_limited(), answers.internal_error(), answers.unauthorized(), answers.not_found(),
    answers.said({"status": "Reasoning"}), answers.said([]), answers.said({"status": "Error"}, 502),
    faults.html(200), faults.html(404), faults.html(503), faults.truncated(), faults.lying_length(),
    faults.hang_up(), faults.reset_before_headers(), faults.reset_in_headers(), faults.reset_in_body(), faults.drip(20),
)  # fmt: skip
# JSON, and the half of a picture that says it is whole, are pictures to who does not look into them.
DOWNLOAD_HITCHES = tuple(hitch for hitch in HITCHES if hitch.name not in ("said", "lying_length", "drip"))


def asked(prompt: str = "a fox", model: str = "flux-2-pro", **options: Any) -> ImageRequest:
    return ImageRequest(uuid4(), prompt, model, **options)


def provider_for(standin: BlackForestLabsStandIn, **options: Any) -> BlackForestLabs:
    quick = {"poll_seconds": 0, "unknown_seconds": 0, "total_seconds": 20}
    return BlackForestLabs(key=standin.key, host=standin.url, **{**quick, **options})


def keep(request: ImageRequest) -> Any:
    return spool.keep(request.attempt, "black-forest-labs")


def accepted(provider: BlackForestLabs, request: ImageRequest) -> Handle:
    handle = provider.send(request, keep(request))
    assert isinstance(handle, Handle)
    return handle


def failure(standin: BlackForestLabsStandIn, answer: Said, **options: Any) -> ProviderError:
    return failure_of(provider_for(standin, **options), standin, answer)


def sent(standin: BlackForestLabsStandIn, request: ImageRequest) -> Call:
    """Make a call and return it as the stand-in saw it."""
    accepted(provider_for(standin), request)
    [call] = standin.calls
    return call


def reads_as(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> ProviderError:
    return error_in(BlackForestLabs(key="sk-test"), status, body, headers)


@contextmanager
def listener(reply: bytes) -> Iterator[tuple[str, list[Request]]]:
    """Answer everybody the same, and list what came."""
    came: list[Request] = []

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await read_request(reader, writer, largest_body=100_000):
            came.append(request)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(reply) + reply)

    server = ServerThread(converse).start()
    try:
        yield server.url, came
    finally:
        server.stop()


@pytest.fixture
def bfl() -> Iterator[BlackForestLabsStandIn]:
    with BlackForestLabsStandIn() as standin:
        yield standin


class TestContract(Contract):
    own_headers: ClassVar = {black_forest_labs.STEP: black_forest_labs.PICTURE}

    @pytest.fixture(scope="class")
    @classmethod
    def plug(cls) -> Iterator[Plug]:
        troubles = {
            "a bad field": answers.invalid(),
            "a bad key": answers.unauthorized(),
            "an empty account": answers.out_of_credit(),
            "a refused prompt": answers.request_moderated(),
            "a withheld picture": answers.content_moderated(),
            "a busy hour": answers.rate_limited(),
            "a failure": answers.failed(),
            "a task that is gone": answers.lost(),
            "a gateway's page": faults.html(200),
            "a dead line": faults.reset_before_headers(),
        }
        with BlackForestLabsStandIn(key=KEY) as standin:
            yield Plug(provider_for(standin), standin, troubles)

    @given(step=st.sampled_from(["", "result", "oversized", "?"]), body=JSON)
    def test_every_step_of_whatever_comes_is_a_word(self, step: str, body: Any) -> None:
        text = json.dumps(body).encode()
        assert reads_as(200, text, {black_forest_labs.STEP: step}).charged == Charged.UNKNOWN

    @given(status=st.sampled_from([200, 400, 403, 404, 422, 429, 500]), body=JSON | JSON.map(lambda said: {"detail": said}))
    def test_whatever_answers_the_paid_call_is_a_word(self, status: int, body: Any) -> None:
        assert str(reads_as(status, json.dumps(body).encode())).endswith(".")


class TestFaultTable(FaultTable):
    documented = (
        refused(answers.request_moderated()),
        refused(answers.content_moderated()),
        invalid(answers.invalid()),
        invalid(answers.bad_request()),
        invalid(answers.not_found()),
        busy(answers.rate_limited()),
        empty_account(answers.out_of_credit()),
        bad_key(answers.unauthorized()),
        nobody_knows(answers.internal_error()),
        nobody_knows(answers.failed()),
        nobody_knows(answers.lost()),
    )

    @pytest.fixture
    def standin(self, bfl: BlackForestLabsStandIn) -> BlackForestLabsStandIn:
        return bfl

    def entry(self, standin: Seller) -> dict[str, Any]:
        quick = {"poll_seconds": 0.01, "unknown_seconds": 0, "total_seconds": 1}
        options = {"key": standin.key, "host": standin.url, **quick}
        return {"BACKEND": "imagegen.providers.black_forest_labs.BlackForestLabs", "OPTIONS": options}

    def test_a_task_is_asked_about_until_it_can_be(
        self, sold: BlackForestLabsStandIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(calls, "ASK_AGAIN_SECONDS", 0.01)
        sold.on_poll(*HITCHES)
        assert play(job_for(sold)).state == State.SUCCEEDED
        assert (len(sold.calls), len(sold.polls)) == (1, len(HITCHES) + 1)
        assert Attempt.objects.get().charged == Charged.YES

    def test_a_picture_is_fetched_until_it_arrives(
        self, sold: BlackForestLabsStandIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(calls, "ASK_AGAIN_SECONDS", 0.01)
        sold.on_download(*DOWNLOAD_HITCHES)
        assert play(job_for(sold)).state == State.SUCCEEDED
        assert (len(sold.calls), len(sold.downloads)) == (1, len(DOWNLOAD_HITCHES) + 1)
        assert Attempt.objects.get().charged == Charged.YES

    def test_a_picture_without_an_end_is_fetched_once(self, sold: BlackForestLabsStandIn) -> None:
        sold.on_download(faults.huge())
        job = play(job_for(sold))
        assert (job.state, job.error_code, len(sold.downloads)) == (State.UNKNOWN, "bad_answer", 1)
        assert "25 MB" in job.error_sentence


class TestRequest:
    @pytest.mark.parametrize("model", ["flux-2-pro", "flux-2-flex", "flux-2-klein-4b", "flux-pro-1.1", "flux-dev"])
    def test_each_model_has_its_endpoint(self, bfl: BlackForestLabsStandIn, model: str) -> None:
        call = sent(bfl, asked(model=model))
        assert call.path == f"/v1/{model}"
        assert call.fields == {"prompt": "a fox", "width": 1024, "height": 1024, "output_format": "png"}

    def test_every_option_has_its_field(self, bfl: BlackForestLabsStandIn) -> None:
        fields = sent(bfl, asked(seed=7, size="1920x1088")).fields
        assert fields == {"prompt": "a fox", "seed": 7, "width": 1920, "height": 1088, "output_format": "png"}

    @pytest.mark.parametrize(("model", "shape"), [("flux-2-pro", (1568, 672)), ("flux-pro-1.1", (1440, 608))])
    def test_a_wide_picture_stays_within_the_bounds_of_its_model(
        self, bfl: BlackForestLabsStandIn, model: str, shape: tuple[int, int]
    ) -> None:
        fields = sent(bfl, asked(model=model, aspect_ratio="21:9")).fields
        assert (fields["width"], fields["height"]) == shape

    @pytest.mark.parametrize("model", ["flux-2-max", "flux-pro-1.1", "flux-pro-1.1-ultra"])
    @pytest.mark.parametrize("ratio", BlackForestLabs.aspect_ratios)
    def test_every_model_draws_every_ratio(self, bfl: BlackForestLabsStandIn, model: str, ratio: str) -> None:
        fields = sent(bfl, asked(model=model, aspect_ratio=ratio)).fields
        assert fields.get("aspect_ratio") == ratio or ratio == BlackForestLabs(key="k").ratio_for(
            f"{fields['width']}x{fields['height']}"
        )

    @pytest.mark.parametrize(
        ("options", "ratio"), [({}, "1:1"), ({"aspect_ratio": "9:16"}, "9:16"), ({"size": "1536x1024"}, "3:2")]
    )
    def test_the_ultra_model_is_told_a_ratio(self, bfl: BlackForestLabsStandIn, options: dict[str, str], ratio: str) -> None:
        fields = sent(bfl, asked(model="flux-pro-1.1-ultra", **options)).fields
        assert fields == {"prompt": "a fox", "aspect_ratio": ratio, "output_format": "png"}

    @pytest.mark.parametrize(
        ("model", "size", "fits"),
        [
            ("flux-2-pro", "2048x2048", True),
            ("flux-2-pro", "1040x1024", True),
            ("flux-2-pro", "2064x1024", False),
            ("flux-pro-1.1", "1440x256", True),
            ("flux-pro-1.1", "1040x1024", False),
            ("flux-pro-1.1-ultra", "1000x1000", True),
            ("flux-pro-1.1-ultra", "1000x300", False),
        ],
    )
    def test_each_model_has_its_sizes(self, model: str, size: str, fits: bool) -> None:
        refusals = [field for field, _ in BlackForestLabs(key="k").refusals(asked(model=model, size=size))]
        assert refusals == ([] if fits else ["size"])

    def test_the_attempt_is_named_once(self, bfl: BlackForestLabsStandIn) -> None:
        request = asked()
        drawn(provider_for(bfl), request)
        assert [call.attempt for call in bfl.calls] == [str(request.attempt)]
        assert not any("x-chaotix-attempt" in headers for headers in (*bfl.polls, *bfl.downloads))

    def test_without_a_key_it_is_not_configured(self) -> None:
        with pytest.raises(NotConfigured, match="BFL_API_KEY is not set"):
            accepted(BlackForestLabs(key=""), asked())


class TestKey:
    @pytest.mark.parametrize(
        "address",
        [
            "https://api.bfl.ai/v1/get_result?id=1",
            "https://api.eu4.bfl.ai/v1/get_result?id=1",
            "https://api.bfl.ai:443/v1/get_result?id=1",
            "HTTPS://API.US.BFL.AI/v1/get_result?id=1",
        ],
    )
    def test_it_may_go_to_every_host_of_the_providers_domain(self, address: str) -> None:
        assert is_own(address, "https://api.bfl.ai")

    @pytest.mark.parametrize(
        "address",
        [
            "http://api.bfl.ai/v1/get_result",
            "https://api.bfl.ai:8443/v1/get_result",
            "https://api.bfl.ai.example.com/v1/get_result",
            "https://evilbfl.ai/v1/get_result",
            "https://evil.com/api.bfl.ai",
            "https://evil.com\\@api.bfl.ai/v1/get_result",
            "https://evil.com#@api.bfl.ai/v1/get_result",
            "https://me:secret@api.bfl.ai/v1/get_result",
            "https://api.bfl.ai@evil.com/v1/get_result",
            "https://api.bfl.ai/v1/get_result\r\nx: y",
            "//api.bfl.ai/v1/get_result",
            "/v1/get_result",
            "file:///etc/passwd",
            "",
            None,
            7,
        ],
    )
    def test_it_goes_nowhere_else(self, address: object) -> None:
        assert not is_own(address, "https://api.bfl.ai")

    def test_another_host_in_the_settings_has_no_siblings(self) -> None:
        assert is_own("https://flux.example.com/a", "https://flux.example.com/")
        assert not is_own("https://other.example.com/a", "https://flux.example.com")

    def test_a_foreign_polling_address_is_never_asked(self, bfl: BlackForestLabsStandIn) -> None:
        with listener(b"{}") as (url, came):
            bfl.public_url = url
            with pytest.raises(BadAnswer) as caught:
                drawn(provider_for(bfl), asked())
        assert caught.value.charged == Charged.UNKNOWN
        assert came == []

    def test_who_has_the_picture_does_not_see_the_key(self, bfl: BlackForestLabsStandIn) -> None:
        drawn(provider_for(bfl), asked())
        assert [headers["x-key"] for headers in bfl.polls] == [bfl.key]
        assert not any(bfl.key in headers.values() for headers in bfl.downloads)

    @pytest.mark.parametrize("sample", ["http://127.0.0.1:9/x.png", "ftp://delivery.bfl.ai/x.png", "x.png", ""])
    def test_a_picture_is_fetched_over_tls_only(self, sample: str) -> None:
        assert not BlackForestLabs(key="k")._may_fetch(sample)

    def test_a_picture_may_come_from_anywhere_over_tls(self) -> None:
        assert BlackForestLabs(key="k")._may_fetch("https://delivery.eu2.bfl.ai/results/1.png?se=2026&sig=a%2Bb%3D")


class TestTask:
    def test_it_is_asked_until_it_is_ready(self, bfl: BlackForestLabsStandIn) -> None:
        bfl.pending = 3
        drawn(provider_for(bfl), asked())
        assert (len(bfl.polls), len(bfl.calls)) == (4, 1)

    def test_another_process_needs_nothing_but_the_handle(self, bfl: BlackForestLabsStandIn) -> None:
        request = asked(seed=7)
        handle = accepted(provider_for(bfl), request)
        answer = provider_for(bfl).poll(Handle(handle.value), keep(request))
        assert isinstance(answer, Answer)
        assert provider_for(bfl).read(answer).seed == 7

    def test_the_key_is_not_in_the_handle(self, bfl: BlackForestLabsStandIn) -> None:
        assert bfl.key not in accepted(provider_for(bfl), asked()).value

    def test_it_may_be_unknown_in_its_first_moments(self, bfl: BlackForestLabsStandIn) -> None:
        provider = provider_for(bfl, unknown_seconds=3600)
        handle = accepted(provider, request := asked())
        bfl.on_poll(answers.said({"id": "1", "status": "Task not found"}, 404))
        assert provider.poll(handle, keep(request)) == Pending(0)
        assert isinstance(provider.poll(handle, keep(request)), Answer)

    def test_who_says_not_now_is_asked_less_often(self, bfl: BlackForestLabsStandIn) -> None:
        bfl.pending = 1
        provider = provider_for(bfl, poll_seconds=0.5)
        handle = accepted(provider, request := asked())
        bfl.on_poll(answers.rate_limited())
        assert [provider.poll(handle, keep(request)) for _ in range(2)] == [Pending(2), Pending(0.5)]

    @pytest.mark.parametrize("result", [None, {}, [], {"sample": None}, {"sample": 7}, {"sample": "ftp://x/y"}])
    def test_one_that_is_ready_without_a_picture_may_be_paid(self, bfl: BlackForestLabsStandIn, result: Any) -> None:
        bfl.on_poll(answers.said({"id": "1", "status": "Ready", "result": result}))
        with pytest.raises(BadAnswer) as caught:
            drawn(provider_for(bfl), asked())
        assert caught.value.charged == Charged.UNKNOWN

    def test_its_error_is_told(self, bfl: BlackForestLabsStandIn) -> None:
        bfl.on_poll(answers.said({"id": "1", "status": "Error", "details": {"why": "no GPU"}}))
        with pytest.raises(OutcomeUnknown, match="no GPU"):
            drawn(provider_for(bfl), asked())

    def test_what_ended_it_is_kept_as_it_came(self, bfl: BlackForestLabsStandIn) -> None:
        bfl.when("", answers.request_moderated())
        recorder = Recorder(request := asked())
        [answer] = [send(provider_for(bfl), request, recorder)]
        assert recorder.kept == [answer]
        assert json.loads(answer.body)["status"] == "Request Moderated"


class TestAnswer:
    def test_seed_and_cost_are_told(self, bfl: BlackForestLabsStandIn) -> None:
        result = drawn(provider_for(bfl), asked(seed=7))
        assert (result.seed, result.cost) == (7, Cost(3, "credits"))

    def test_a_drawn_seed_is_told(self, bfl: BlackForestLabsStandIn) -> None:
        assert drawn(provider_for(bfl), asked()).seed is not None

    @pytest.mark.parametrize(("model", "credits"), [("flux-pro-1.1", 4), ("flux-pro-1.1-ultra", 6), ("flux-dev", 2.5)])
    def test_a_price_is_what_the_provider_says_it_took(
        self, bfl: BlackForestLabsStandIn, model: str, credits: float
    ) -> None:
        provider = provider_for(bfl)
        assert drawn(provider, asked(model=model)).cost == Cost(credits, "credits")
        price = provider.price(model)
        assert price is not None
        assert (price.amount, price.unit) == (credits, "credits")

    def test_a_price_by_the_megapixel_is_not_known_before(self) -> None:
        assert BlackForestLabs(key="k").price("flux-2-pro") is None

    @pytest.mark.parametrize("cost", [None, True, -1, float("inf"), float("nan"), "4", []])
    def test_a_cost_that_makes_no_sense_is_absent(self, bfl: BlackForestLabsStandIn, cost: object) -> None:
        bfl.when("", answers.said({"id": "1", "polling_url": f"{bfl.url}/v1/get_result?id=1", "cost": cost}))
        assert json.loads(accepted(provider_for(bfl), asked()).value)["cost"] is None


class TestDocumented:
    @pytest.mark.parametrize("name", DOCUMENTED)
    def test_an_answer_has_its_word_its_charge_and_its_sentence(self, bfl: BlackForestLabsStandIn, name: str) -> None:
        answer, kind, charged, word = DOCUMENTED[name]
        error = failure(bfl, answer)
        assert (type(error), error.charged, len(bfl.calls)) == (kind, charged, 1)
        assert word in str(error)

    def test_a_busy_account_is_left_alone_for_as_long_as_a_task_takes(self, bfl: BlackForestLabsStandIn) -> None:
        error = failure(bfl, answers.rate_limited())
        assert isinstance(error, RateLimited)
        assert error.retry_after == 10

    @pytest.mark.parametrize("status", [201, 202, 204, 302, 400, 403, 404, 405, 409, 422, 500, 502, 503, 504, 599])
    def test_a_status_in_nobodys_shape_may_be_paid(self, status: int) -> None:
        error = reads_as(status, b"<h1>Gateway</h1>")
        assert type(error) is OutcomeUnknown
        assert str(status) in str(error)

    @pytest.mark.parametrize("status", [500, 503])
    def test_a_documented_failure_is_not_documented_as_free(self, status: int) -> None:
        assert reads_as(status, b'{"detail": "Internal Server Error"}').charged == Charged.UNKNOWN


class TestCheck:
    def test_it_tells_the_credits(self, bfl: BlackForestLabsStandIn) -> None:
        assert provider_for(bfl).check() == "the key is accepted; 1000 credits are left"

    def test_a_wrong_key_is_named(self, bfl: BlackForestLabsStandIn) -> None:
        with pytest.raises(NotConfigured, match="BFL_API_KEY"):
            BlackForestLabs(key="sk-other", host=bfl.url).check()


@pytest.fixture(scope="module")
def seller() -> Iterator[BlackForestLabsStandIn]:
    with BlackForestLabsStandIn(key="sk-kill") as standin:
        yield standin


@pytest.fixture(scope="module")
def product(seller: BlackForestLabsStandIn) -> Iterator[Product]:
    crew = {"LEASE_SECONDS": 1.5, "SWEEP_SECONDS": 0.25}
    with Product(**crew, BFL_API_KEY="sk-kill", BFL_API_HOST=seller.url) as product:
        yield product


def test_the_task_of_a_killed_worker_is_followed_to_its_picture_by_the_next(
    product: Product, seller: BlackForestLabsStandIn
) -> None:
    seller.finishing.clear()
    ids = product.generate("a kite", provider="black-forest-labs")
    wait_until(lambda: bool(seller.polls), seconds=30, what="the first poll")
    [worker] = [pid for words, pid in product.parts() if "celery" in words]
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: worker not in [pid for _, pid in product.parts()], seconds=30, what="the end of the worker")
    before = len(seller.polls)
    # One poll of the dead may still have been on its way.
    wait_until(lambda: len(seller.polls) > before + 1, seconds=60, what="the polls of another")
    seller.finishing.set()
    [image] = product.finished(ids)
    assert image["state"] == "succeeded"
    assert len(seller.calls) == 1
    assert list(product.ledger("black-forest-labs").values()) == ["yes"]
    assert pictures.check(requests.get(image["image_url"], timeout=10).content).width > 0
