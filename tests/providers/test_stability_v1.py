"""Stability's v1: what is sent, what each answer means, and that the charge agrees with the bill."""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import pytest

from imagegen import spool
from imagegen.errors import BadAnswer, NotConfigured, OutcomeUnknown, OutOfCredit, ProviderError, RateLimited, Unavailable
from imagegen.providers.base import Answer, ImageRequest
from imagegen.providers.stability_common import SDXL
from imagegen.providers.stability_v1 import StabilityV1
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
    nobody_knows,
    refused,
)
from tests.standins import faults
from tests.standins import stability_v1 as answers
from tests.standins.stability_v1 import StabilityV1StandIn
from tests.standins.standin import Call, Seller
from tests.waiting import unused_port


@pytest.fixture
def standin() -> Iterator[StabilityV1StandIn]:
    with StabilityV1StandIn() as standin:
        yield standin


def provider_for(standin: StabilityV1StandIn, **options: Any) -> StabilityV1:
    return StabilityV1(key=standin.key, host=standin.url, total_seconds=20, **options)


def asked(prompt: str = "a fox", **options: Any) -> ImageRequest:
    return ImageRequest(uuid4(), prompt, SDXL, **options)


def answered(provider: StabilityV1, request: ImageRequest) -> Answer:
    return provider.send(request, spool.keep(request.attempt, "stability-v1"))


def sent(standin: StabilityV1StandIn, request: ImageRequest) -> Call:
    """Make a call and return it as the stand-in saw it."""
    drawn(provider_for(standin), request)
    [call] = standin.calls
    return call


def failure(standin: StabilityV1StandIn, answer: faults.Answer) -> ProviderError:
    return failure_of(provider_for(standin), standin, answer)


def reads_as(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> ProviderError:
    return error_in(StabilityV1(key="sk-test"), status, body, headers)


def described(name: str, message: object = "so it is") -> bytes:
    return json.dumps({"id": "1", "name": name, "message": message}).encode()


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
            "a picture with an error": answers.failed(),
            "a busy hour": answers.rate_limited(),
            "a failure": answers.server_error(),
            "a gateway's page": faults.html(200),
            "half a picture": faults.truncated(),
        }
        with StabilityV1StandIn(key=KEY) as standin:
            yield Plug(provider_for(standin), standin, troubles)


class TestFaultTable(FaultTable):
    documented = (
        refused(answers.refused()),
        refused(answers.filtered(), YES),
        invalid(answers.bad_request()),
        invalid(answers.not_found()),
        nobody_knows(answers.server_error()),
        nobody_knows(answers.failed(), "bad_answer"),
        busy(answers.rate_limited()),
        empty_account(answers.out_of_credit()),
        bad_key(answers.unauthorized()),
        bad_key(answers.permission_denied()),
    )

    @pytest.fixture
    def standin(self, standin: StabilityV1StandIn) -> StabilityV1StandIn:
        return standin

    def entry(self, standin: Seller) -> dict[str, Any]:
        options = {"key": standin.key, "host": standin.url}
        return {"BACKEND": "imagegen.providers.stability_v1.StabilityV1", "OPTIONS": options}


class TestRequest:
    def test_without_options_only_prompt_and_size_are_sent(self, standin: StabilityV1StandIn) -> None:
        call = sent(standin, asked())
        assert call.path == f"/v1/generation/{SDXL}/text-to-image"
        assert call.fields == {
            "text_prompts": [{"text": "a fox", "weight": 1}], "width": 1024, "height": 1024, "samples": 1,
        }  # fmt: skip

    def test_every_option_has_its_field(self, standin: StabilityV1StandIn) -> None:
        call = sent(standin, asked(negative_prompt="rain", aspect_ratio="9:16", style="anime", seed=7))
        assert call.fields == {
            "text_prompts": [{"text": "a fox", "weight": 1}, {"text": "rain", "weight": -1}], "width": 768,
            "height": 1344, "samples": 1, "seed": 7, "style_preset": "anime",
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("size", "drawn"), [("1920x1080", (1344, 768)), ("512x512", (1024, 1024)), ("800x1000", (896, 1152))]
    )
    def test_a_size_becomes_the_nearest_that_the_engine_draws(
        self, standin: StabilityV1StandIn, size: str, drawn: tuple[int, int]
    ) -> None:
        fields = sent(standin, asked(size=size)).fields
        assert (fields["width"], fields["height"]) == drawn

    @pytest.mark.parametrize("seed", [0, 4_294_967_294])
    def test_the_first_and_the_last_seed_are_sent(self, standin: StabilityV1StandIn, seed: int) -> None:
        assert sent(standin, asked(seed=seed)).fields["seed"] == seed

    def test_the_attempt_is_named(self, standin: StabilityV1StandIn) -> None:
        request = asked()
        assert sent(standin, request).attempt == str(request.attempt)

    def test_an_organization_is_named_where_it_is_set(self, standin: StabilityV1StandIn) -> None:
        assert answered(provider_for(standin, organization=standin.organization), asked()).status == 200
        assert answered(provider_for(standin, organization="org-other"), asked()).status == 403

    def test_a_header_that_cannot_be_sent_is_not_configured(self) -> None:
        provider = StabilityV1(key="sk-test", organization="org\n1")
        assert "organization" in str(provider.not_configured())
        with pytest.raises(NotConfigured, match=r"^The organization.*Nothing was sent\.$"):
            answered(provider, asked())

    def test_a_missing_key_is_called_by_its_name(self) -> None:
        assert StabilityV1(key="", key_name="MY_KEY").not_configured() == "MY_KEY is not set"


class TestAnswer:
    def test_the_seed_comes_with_the_picture(self, standin: StabilityV1StandIn) -> None:
        provider = provider_for(standin)
        assert provider.read(answered(provider, asked(seed=7))).seed == 7

    @pytest.mark.parametrize("seed", ["", "-1", "4294967295", "9" * 5000, "١٢"], ids=lambda seed: seed[:12])
    def test_a_seed_that_is_no_seed_here_is_absent(self, seed: str) -> None:
        answer = Answer(200, {"content-type": "image/png", "seed": seed}, bytes)
        assert StabilityV1(key="sk-test").read(answer).seed is None

    @pytest.mark.parametrize("kind", ["application/json", "text/html", ""])
    def test_a_200_that_is_no_picture_may_be_paid(self, kind: str) -> None:
        error = reads_as(200, b'{"artifacts": []}', {"content-type": kind})
        assert (type(error), error.charged) == (BadAnswer, Charged.UNKNOWN)

    def test_a_picture_with_an_error_may_be_paid(self, standin: StabilityV1StandIn) -> None:
        error = failure(standin, answers.failed())
        assert (type(error), error.charged) == (BadAnswer, Charged.UNKNOWN)
        assert "'ERROR'" in str(error)

    def test_a_failure_may_be_paid_because_v1_does_not_say_otherwise(self, standin: StabilityV1StandIn) -> None:
        error = failure(standin, answers.server_error())
        assert type(error) is OutcomeUnknown
        assert "server_error: an unexpected" in str(error)

    def test_a_reason_is_told(self, standin: StabilityV1StandIn) -> None:
        assert "cfg_scale: must be between" in str(failure(standin, answers.bad_request()))

    @pytest.mark.parametrize("status", [400, 402, 403, 429])
    def test_an_account_without_balance_is_empty_under_whatever_status(
        self, standin: StabilityV1StandIn, status: int
    ) -> None:
        assert type(failure(standin, answers.out_of_credit(status))) is OutOfCredit

    def test_a_rate_limit_lasts_a_minute_unless_it_says_otherwise(self, standin: StabilityV1StandIn) -> None:
        limits = [failure(standin, answer) for answer in (answers.rate_limited(), answers.rate_limited(7))]
        assert [limit.retry_after for limit in limits if isinstance(limit, RateLimited)] == [60, 7]

    @pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"name": "x"}', described("x", 1), b'{"message": "x"}'])
    @pytest.mark.parametrize("status", [400, 403, 404, 500])
    def test_an_error_in_another_shape_may_be_paid(self, status: int, body: bytes) -> None:
        assert type(reads_as(status, body)) is OutcomeUnknown

    @pytest.mark.parametrize("status", [201, 204, 302, 408, 502, 503, 504])
    def test_a_status_that_is_not_documented_may_be_paid(self, status: int) -> None:
        error = reads_as(status, described("server_error"))
        assert type(error) is OutcomeUnknown
        assert str(status) in str(error)


class TestCheck:
    def test_it_tells_the_balance(self, standin: StabilityV1StandIn) -> None:
        assert provider_for(standin).check() == "the key is accepted; 1000 credits are left"

    def test_a_key_that_is_not_accepted_is_called_by_its_name(self, standin: StabilityV1StandIn) -> None:
        with pytest.raises(NotConfigured, match="MY_KEY"):
            StabilityV1(key="sk-other", host=standin.url, key_name="MY_KEY").check()

    def test_nobody_there_is_said(self) -> None:
        with pytest.raises(Unavailable):
            StabilityV1(key="sk-test", host=f"http://127.0.0.1:{unused_port()}").check()

    def test_another_server_there_is_said(self, standin: StabilityV1StandIn) -> None:
        with pytest.raises(Unavailable, match="404"):
            StabilityV1(key="sk-test", host=f"{standin.url}/elsewhere").check()
