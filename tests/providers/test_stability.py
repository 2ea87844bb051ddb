"""Stability's v2beta: what is sent, what each answer means, and that the charge agrees with the bill."""

import asyncio
import gc
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest

from imagegen import spool
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
from imagegen.providers.base import Answer, ImageRequest
from imagegen.providers.stability import StabilityV2Beta
from imagegen.states import Charged
from tests.providers.contract import (
    KEY,
    YES,
    Contract,
    FaultTable,
    Plug,
    bad_key,
    busy,
    drawn,
    empty_account,
    error_in,
    failure_of,
    invalid,
    refused,
    unavailable,
)
from tests.standins import stability as answers
from tests.standins.http_server import Request, ServerThread, read_request
from tests.standins.stability import Call, StabilityStandIn
from tests.standins.standin import Seller

# What each documented status means, whether money was spent, and a word that people read about it; named for the
# function of the stand-in that gives it.
DOCUMENTED: dict[str, tuple[answers.Answer, type[ProviderError], Charged, str]] = {
    "bad_request": (answers.bad_request("seed: is odd"), Invalid, Charged.NO, "seed: is odd"),
    "unauthorized": (answers.unauthorized(), NotConfigured, Charged.NO, "STABILITY_API_KEY"),
    "out_of_credit": (answers.out_of_credit(), OutOfCredit, Charged.NO, "no credit"),
    "refused": (answers.refused(), Refused, Charged.NO, "denied the prompt"),
    "not_found": (answers.not_found(), Invalid, Charged.NO, "not_found"),
    "too_large": (answers.too_large(), Invalid, Charged.NO, "payload_too_large"),
    "invalid_language": (answers.invalid_language(), Invalid, Charged.NO, "English"),
    "public_figure": (answers.public_figure(), Refused, Charged.NO, "public figures"),
    "rate_limited": (answers.rate_limited(), RateLimited, Charged.NO, "no more calls"),
    "internal_error": (answers.internal_error(), Unavailable, Charged.NO, "internal_error"),
    "filtered": (answers.filtered(), Refused, Charged.YES, "blurred"),
}


def asked(prompt: str = "a fox", model: str = "core", **options: Any) -> ImageRequest:
    return ImageRequest(uuid4(), prompt, model, **options)


def provider_for(standin: StabilityStandIn, *, total_seconds: float = 20) -> StabilityV2Beta:
    return StabilityV2Beta(key=standin.key, host=standin.url, total_seconds=total_seconds)


def failure(standin: StabilityStandIn, answer: answers.Answer) -> ProviderError:
    error = failure_of(provider_for(standin), standin, answer)
    assert standin.wait_until_idle()
    return error


def sent(standin: StabilityStandIn, request: ImageRequest) -> Call:
    """Make a call and return it as the stand-in saw it."""
    drawn(provider_for(standin), request)
    [call] = standin.calls
    return call


def reads_as(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> ProviderError:
    return error_in(StabilityV2Beta(key="sk-test"), status, body, headers)


def described(name: str, *reasons: str) -> bytes:
    return json.dumps({"id": "1", "name": name, "errors": reasons}).encode()


@contextmanager
def listener() -> Iterator[tuple[str, list[Request]]]:
    """Serve 404 to everybody, and list what came."""
    came: list[Request] = []

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await read_request(reader, writer, largest_body=100_000):
            came.append(request)
            writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")

    server = ServerThread(converse).start()
    try:
        yield server.url, came
    finally:
        server.stop()


class TestContract(Contract):
    @pytest.fixture(scope="class")
    @classmethod
    def plug(cls) -> Iterator[Plug]:
        troubles = {
            "a bad field": answers.bad_request(),
            "a bad key": answers.unauthorized(),
            "an empty account": answers.out_of_credit(),
            "a refused prompt": answers.refused(),
            "a blurred prompt": answers.filtered(),
            "a busy hour": answers.rate_limited(),
            "a failure": answers.internal_error(),
            "a gateway's page": answers.html(200),
            "half a picture": answers.truncated(),
            "a dead line": answers.reset_before_headers(),
        }
        with StabilityStandIn(key=KEY) as standin:
            yield Plug(provider_for(standin), standin, troubles)


class TestFaultTable(FaultTable):
    documented = (
        refused(answers.refused()),
        refused(answers.public_figure()),
        refused(answers.filtered(), YES),
        invalid(answers.invalid_language()),
        invalid(answers.bad_request()),
        invalid(answers.not_found()),
        invalid(answers.too_large()),
        unavailable(answers.internal_error()),
        busy(answers.rate_limited()),
        busy(answers.rate_limited(retry_after=7)),
        empty_account(answers.out_of_credit()),
        bad_key(answers.unauthorized()),
    )

    @pytest.fixture
    def standin(self, stability: StabilityStandIn) -> StabilityStandIn:
        return stability

    def entry(self, standin: Seller) -> dict[str, Any]:
        options = {"key": standin.key, "host": standin.url}
        return {"BACKEND": "imagegen.providers.stability.StabilityV2Beta", "OPTIONS": options}


class TestRequest:
    @pytest.mark.parametrize(
        ("model", "endpoint", "named"),
        [
            ("core", "core", {}),
            ("ultra", "ultra", {}),
            ("sd3.5-large", "sd3", {"model": "sd3.5-large"}),
            ("sd3.5-large-turbo", "sd3", {"model": "sd3.5-large-turbo"}),
            ("sd3.5-medium", "sd3", {"model": "sd3.5-medium"}),
            ("sd3.5-flash", "sd3", {"model": "sd3.5-flash"}),
        ],
    )
    def test_each_model_has_its_endpoint(
        self, stability: StabilityStandIn, model: str, endpoint: str, named: dict[str, str]
    ) -> None:
        call = sent(stability, asked(model=model))
        assert call.path == f"/v2beta/stable-image/generate/{endpoint}"
        assert call.fields == {"prompt": "a fox", "output_format": "png", **named}

    @pytest.mark.parametrize("model", ["core", "ultra", "sd3.5-medium"])
    def test_every_option_has_its_field(self, stability: StabilityStandIn, model: str) -> None:
        options: dict[str, Any] = {"negative_prompt": "rain", "aspect_ratio": "16:9", "style": "anime", "seed": 7}
        fields = dict(sent(stability, asked(model=model, **options)).fields)
        fields.pop("model", None)
        assert fields == {
            "prompt": "a fox", "negative_prompt": "rain", "aspect_ratio": "16:9", "style_preset": "anime", "seed": "7",
            "output_format": "png",
        }  # fmt: skip

    def test_a_size_is_sent_as_its_ratio(self, stability: StabilityStandIn) -> None:
        fields = sent(stability, asked(size="1536x1024")).fields
        assert fields == {"prompt": "a fox", "output_format": "png", "aspect_ratio": "3:2"}

    @pytest.mark.parametrize("seed", [0, 4_294_967_294])
    def test_the_first_and_the_last_seed_are_sent(self, stability: StabilityStandIn, seed: int) -> None:
        assert sent(stability, asked(seed=seed)).fields["seed"] == str(seed)

    @pytest.mark.parametrize("prompt", ['"; name="seed"\r\n\r\n1\r\n--', "Füchse 🦊 狐", "x" * 10_000, " a\nb\t"])
    def test_a_prompt_arrives_as_it_is(self, stability: StabilityStandIn, prompt: str) -> None:
        assert sent(stability, asked(prompt)).prompt == prompt

    def test_the_attempt_is_named(self, stability: StabilityStandIn) -> None:
        request = asked()
        assert sent(stability, request).attempt == str(request.attempt)

    def test_exactly_these_headers_are_sent(self) -> None:
        with listener() as (url, came), pytest.raises(OutcomeUnknown):
            drawn(StabilityV2Beta(key="sk-test", host=url), asked())
        headers = dict(came[0].headers)
        assert headers.pop("content-type").startswith("multipart/form-data; boundary=")
        assert UUID(headers.pop("x-chaotix-attempt"))
        assert {"host", "content-length", "user-agent"} <= set(headers)
        own = {name: headers[name] for name in set(headers) - {"host", "content-length", "user-agent"}}
        assert own == {"authorization": "Bearer sk-test", "accept": "image/*", "accept-encoding": "identity"}

    def test_one_call_is_one_request(self) -> None:
        with listener() as (url, came), pytest.raises(OutcomeUnknown):
            drawn(StabilityV2Beta(key="sk-test", host=url + "/"), asked())
        assert [(request.method, request.path) for request in came] == [("POST", "/v2beta/stable-image/generate/core")]

    def test_without_a_key_it_is_not_configured(self) -> None:
        assert "STABILITY_API_KEY" in str(StabilityV2Beta(key="", host="http://127.0.0.1").not_configured())

    def test_a_key_of_two_lines_is_never_shown(self, stability: StabilityStandIn) -> None:
        provider = StabilityV2Beta(key="sk-first\nsk-second", host=stability.url)
        with pytest.raises(Exception) as caught:  # noqa: PT011  (any; what it says matters)
            drawn(provider, asked())
        assert "sk-second" not in repr(caught.value)

    @pytest.mark.parametrize("key", ["sk-first\nsk-second", "sk-…"])
    def test_a_key_that_fits_no_header_is_not_configured(self, stability: StabilityStandIn, key: str) -> None:
        with pytest.raises(NotConfigured):
            drawn(StabilityV2Beta(key=key, host=stability.url), asked())


class TestAnswer:
    def test_the_result_has_the_seed_that_was_used(self, stability: StabilityStandIn) -> None:
        provider, request = provider_for(stability), asked(seed=7)
        answer = provider.send(request, spool.keep(request.attempt, "stability"))
        result = provider.read(answer)
        assert result.seed == 7

    def test_a_drawn_seed_is_told(self, stability: StabilityStandIn) -> None:
        assert drawn(provider_for(stability), asked()).seed not in (None, 0)

    @pytest.mark.parametrize("seed", ["", "-1", "seven", "1.5", "١٢"])
    def test_a_seed_that_is_no_number_is_absent(self, seed: str) -> None:
        answer = Answer(200, {"content-type": "image/png", "seed": seed}, bytes)
        assert StabilityV2Beta(key="sk-test", host="").read(answer).seed is None

    @pytest.mark.parametrize("seed", ["9" * 5000, "9" * 30], ids=["thousands of digits", "30 digits"])
    def test_a_seed_that_is_no_seed_is_absent(self, seed: str) -> None:
        answer = Answer(200, {"content-type": "image/png", "seed": seed}, bytes)
        assert StabilityV2Beta(key="sk-test", host="").read(answer).seed is None

    @pytest.mark.parametrize("kind", ["application/json; type=image/png", "text/html", ""])
    def test_a_200_that_is_no_picture_may_be_paid(self, kind: str) -> None:
        error = reads_as(200, b"{}", {"content-type": kind})
        assert isinstance(error, BadAnswer)
        assert error.charged == Charged.UNKNOWN


class TestDocumented:
    @pytest.mark.parametrize("name", DOCUMENTED)
    def test_a_status_has_its_word_its_charge_and_its_sentence(self, stability: StabilityStandIn, name: str) -> None:
        answer, kind, charged, word = DOCUMENTED[name]
        error = failure(stability, answer)
        assert (type(error), error.charged) == (kind, charged)
        assert word in str(error)

    @pytest.mark.parametrize("name", DOCUMENTED)
    def test_the_charge_agrees_with_the_bill_of_one_call(self, stability: StabilityStandIn, name: str) -> None:
        error = failure(stability, DOCUMENTED[name][0])
        assert error.charged == (Charged.YES if stability.bill else Charged.NO)
        assert len(stability.calls) == 1

    def test_a_403_of_another_name_is_about_the_key(self) -> None:
        error = reads_as(403, described("permission_denied", "not for you"))
        assert type(error) is NotConfigured
        assert "not for you" in str(error)

    @pytest.mark.parametrize(("answer", "seconds"), [(answers.rate_limited(), 60), (answers.rate_limited(7), 7)])
    def test_a_rate_limit_lasts_a_minute_unless_it_says_otherwise(
        self, stability: StabilityStandIn, answer: answers.Answer, seconds: float
    ) -> None:
        error = failure(stability, answer)
        assert isinstance(error, RateLimited)
        assert error.retry_after == seconds

    @pytest.mark.parametrize("text", ["", "0", "soon", "-5", "Sat, 21 Nov 2026 12:00:00 GMT"])
    def test_a_retry_after_that_makes_no_sense_is_a_minute(self, text: str) -> None:
        error = reads_as(429, headers={"retry-after": text})
        assert isinstance(error, RateLimited)
        assert error.retry_after == 60

    @pytest.mark.parametrize("text", ["9" * 12, "9" * 400], ids=["centuries", "infinity"])
    def test_a_retry_after_of_centuries_is_not_believed(self, text: str) -> None:
        error = reads_as(429, headers={"retry-after": text})
        assert isinstance(error, RateLimited)
        assert error.retry_after <= 24 * 3600

    @pytest.mark.parametrize(
        "body",
        [b"", b"{", b"[]", b"null", b'"x"', b'{"name": "x"}', b'{"name": 1, "errors": []}', b'{"name": "x", "errors": "y"}',
         b"\xff\xfe", b"[" * 100_000],
    )  # fmt: skip
    def test_a_500_in_another_shape_may_be_paid(self, body: bytes) -> None:
        # At the bottom of so deep a body there is no room to finalize what other tests left.
        gc.collect()
        assert reads_as(500, body).charged == Charged.UNKNOWN

    @pytest.mark.parametrize("status", [201, 202, 204, 206, 301, 302, 307, 405, 408, 409, 418, 501, 502, 503, 504, 599])
    def test_a_status_that_is_not_documented_may_be_paid(self, status: int) -> None:
        error = reads_as(status, described("internal_error", "the document says nothing of this status"))
        assert type(error) is OutcomeUnknown
        assert str(status) in str(error)

    def test_a_long_reason_is_cut(self) -> None:
        assert len(str(reads_as(400, described("bad_request", "x" * 100_000)))) < 1000


class TestFaults:
    def test_nothing_is_left_half_written_after_a_fault(self, stability: StabilityStandIn) -> None:
        stability.when("", answers.reset_in_body())
        request = asked()
        with pytest.raises(OutcomeUnknown):
            drawn(provider_for(stability), request)
        with pytest.raises(FileNotFoundError):
            spool.read(request.attempt)

    @pytest.mark.parametrize(
        "fault", [answers.hang_up(), answers.truncated(), answers.html(503)], ids=lambda fault: fault.name
    )
    def test_the_next_call_is_not_harmed_by_a_fault(self, stability: StabilityStandIn, fault: answers.Answer) -> None:
        stability.when("", fault)
        provider = provider_for(stability)
        with pytest.raises(OutcomeUnknown):
            drawn(provider, asked())
        assert drawn(provider, asked()).body
