"""OpenAI and servers like it: what is sent, what each answer means, what it cost, and that the charge fits the bill."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar
from uuid import uuid4

import pytest

from imagegen import pictures, spool
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
from imagegen.providers.base import Answer, Cost, ImageRequest, ImageResult, Provider
from imagegen.providers.openai import MODEL_HEADER, OpenAICompatible, OpenAIImages
from imagegen.states import Charged
from tests.providers.contract import (
    KEY,
    NO,
    PERHAPS,
    Contract,
    FaultTable,
    Plug,
    asked,
    bad_key,
    busy,
    empty_account,
    error_in,
    invalid,
    nobody_knows,
    picture,
    refused,
    refused_fields,
    trouble,
    unavailable,
)
from tests.standins import faults
from tests.standins import openai_answers as answers
from tests.standins.faults import Answer as Said
from tests.standins.openai import CompatibleStandIn, OpenAIStandIn
from tests.standins.standin import Call, Seller, StandIn

# What each documented answer means, whether money was spent, and words that people read about it.
DOCUMENTED: list[tuple[Said, type[ProviderError], Charged, str]] = [
    (answers.refused("input"), Refused, NO, "denied the prompt. Nothing was charged"),
    (answers.refused("output"), Refused, PERHAPS, "withheld the picture that was made. The call may count as paid"),
    (answers.refused("unknown"), Refused, PERHAPS, "does not say which. The call may count as paid"),
    (answers.refused(None), Refused, PERHAPS, "does not say which"),
    (answers.refused(None, code="content_policy_violation"), Refused, PERHAPS, "does not say which"),
    (answers.bad_request("Size is odd."), Invalid, NO, "does not accept this request (Size is odd). Nothing was charged"),
    (answers.unauthorized(), NotConfigured, NO, "OpenAI does not accept the key in OPENAI_API_KEY"),
    (answers.forbidden(), NotConfigured, NO, "must be verified to use the model). Nothing was charged"),
    (answers.not_found(), Invalid, NO, "gpt-image-9"),
    (answers.rate_limited(), RateLimited, NO, "OpenAI takes no more calls"),
    (answers.out_of_credit(), OutOfCredit, NO, "no credit left"),
    (answers.out_of_credit("billing_hard_limit_reached", status=400), OutOfCredit, NO, "no credit left"),
    (answers.out_of_credit("credit_balance_exhausted"), OutOfCredit, NO, "no credit left"),
    (
        answers.server_error(500),
        OutcomeUnknown,
        PERHAPS,
        "had an error while processing your request). It may have been paid",
    ),
    (answers.server_error(502), OutcomeUnknown, PERHAPS, "502"),
    (answers.server_error(503), OutcomeUnknown, PERHAPS, "503"),
    (answers.overloaded(), Unavailable, NO, "has no room for the moment"),
    (answers.address(), BadAnswer, PERHAPS, "an address instead of a picture"),
]
FAULTY_SIZE = {"loc": ["body", "size"], "msg": "Input should be a valid string", "type": "string_type"}


@pytest.fixture
def openai() -> Iterator[OpenAIStandIn]:
    with OpenAIStandIn() as standin:
        yield standin


@pytest.fixture
def server() -> Iterator[CompatibleStandIn]:
    with CompatibleStandIn() as standin:
        yield standin


def plugged(standin: StandIn) -> OpenAIImages:
    return OpenAIImages(key=standin.key, host=standin.url, total_seconds=20)


def in_front_of(standin: StandIn, **options: Any) -> OpenAICompatible:
    return OpenAICompatible(**{"key": standin.key, "host": standin.url, "models": ["sdxl"], "total_seconds": 20, **options})


def sent(provider: Provider, standin: StandIn, **options: Any) -> Call:
    """Make a call and return it as the stand-in saw it."""
    picture(provider, **options)
    [call] = standin.calls
    return call


def fields(provider: Provider, standin: StandIn, **options: Any) -> dict[str, Any]:
    return dict(sent(provider, standin, **options).fields)


def said(status: int, content: object, headers: Mapping[str, str] | None = None) -> Answer:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Answer(status, headers or {}, lambda: body)


def reads_as(status: int, content: object = b"", headers: Mapping[str, str] | None = None) -> ProviderError:
    return error_in(OpenAIImages(key="sk-test"), status, content, headers)


def result(content: dict[str, object], model: str = "gpt-image-2") -> ImageResult:
    """Return what is read of an answer with a picture and this beside it."""
    answer = said(200, {"data": [{"b64_json": "QUJD"}], **content}, {MODEL_HEADER: model})
    return OpenAIImages(key="sk-test").read(answer)


class TestContract(Contract):
    own_headers: ClassVar[Mapping[str, str]] = {MODEL_HEADER: "gpt-image-2"}

    @pytest.fixture(scope="class")
    @classmethod
    def plug(cls) -> Iterator[Plug]:
        troubles = {
            "a refused prompt": answers.refused(),
            "a withheld picture": answers.refused("output"),
            "a bad field": answers.bad_request(),
            "a bad key": answers.unauthorized(),
            "an unverified account": answers.forbidden(),
            "an empty account": answers.out_of_credit(),
            "a busy hour": answers.rate_limited(),
            "a failure": answers.server_error(),
            "an overload": answers.overloaded(),
            "an address": answers.address(),
            "a gateway's page": faults.html(200),
            "half of it": faults.truncated(),
            "a dead line": faults.reset_before_headers(),
        }
        with OpenAIStandIn(key=KEY) as standin:
            yield Plug(plugged(standin), standin, troubles)

    def test_a_size_is_drawn_as_it_is_or_in_its_ratio(self, provider: Provider) -> None:
        """The size of the contract has fewer pixels than OpenAI draws."""
        made = pictures.check(picture(provider, size="1536x1024").body)
        assert provider.ratio_for(f"{made.width}x{made.height}") == "3:2"


class TestCompatibleContract(Contract):
    @pytest.fixture(scope="class")
    @classmethod
    def plug(cls) -> Iterator[Plug]:
        troubles = {
            "a refused prompt": answers.refused(None),
            "a bad field": answers.detailed(422, [FAULTY_SIZE]),
            "a bad key": answers.unauthorized(),
            "a failure": answers.server_error(),
            "an address": answers.address(),
        }
        with CompatibleStandIn(key=KEY) as standin:
            yield Plug(in_front_of(standin, models=standin.models), standin, troubles)


class TestFaultTable(FaultTable):
    documented = (
        refused(answers.refused("input")),
        refused(answers.refused("output"), PERHAPS),
        refused(answers.refused(None), PERHAPS),
        invalid(answers.bad_request()),
        invalid(answers.not_found()),
        busy(answers.rate_limited()),
        unavailable(answers.overloaded()),
        empty_account(answers.out_of_credit()),
        bad_key(answers.unauthorized()),
        nobody_knows(answers.server_error(500)),
        nobody_knows(answers.server_error(503)),
        nobody_knows(answers.address(), "bad_answer"),
    )

    @pytest.fixture
    def standin(self, openai: OpenAIStandIn) -> OpenAIStandIn:
        return openai

    def entry(self, standin: Seller) -> dict[str, Any]:
        options = {"key": standin.key, "host": standin.url}
        return {"BACKEND": "imagegen.providers.openai.OpenAIImages", "OPTIONS": options}


class TestCompatibleFaultTable(FaultTable):
    documented = (
        invalid(answers.detailed(422, [FAULTY_SIZE])),
        unavailable(answers.overloaded()),
        nobody_knows(answers.server_error()),
    )
    # The wire is that of the table above.
    of_the_wire: ClassVar[tuple[()]] = ()

    @pytest.fixture
    def standin(self, server: CompatibleStandIn) -> CompatibleStandIn:
        return server

    def entry(self, standin: Seller) -> dict[str, Any]:
        options = {"host": standin.url, "models": ["sdxl"]}
        return {"BACKEND": "imagegen.providers.openai.OpenAICompatible", "OPTIONS": options}


class TestRequest:
    def test_a_plain_prompt_is_sent_with_a_model_a_size_and_a_format(self, openai: OpenAIStandIn) -> None:
        assert fields(plugged(openai), openai) == {
            "model": "gpt-image-2", "prompt": "a fox", "n": 1, "size": "1024x1024", "output_format": "png",
        }  # fmt: skip

    def test_what_is_not_wanted_is_told_in_the_prompt(self, openai: OpenAIStandIn) -> None:
        call = sent(plugged(openai), openai, negative_prompt="rain, people")
        assert call.prompt == "a fox\nAvoid: rain, people."
        assert "negative_prompt" not in call.fields

    @pytest.mark.parametrize(("ratio", "size"), [("1:1", "1024x1024"), ("3:2", "1536x1024"), ("2:3", "1024x1536")])
    def test_each_ratio_has_its_size(self, openai: OpenAIStandIn, ratio: str, size: str) -> None:
        assert fields(plugged(openai), openai, aspect_ratio=ratio)["size"] == size

    @pytest.mark.parametrize(
        ("model", "asked_for", "size"),
        [
            ("gpt-image-2", "1536x864", "1536x864"),
            ("gpt-image-2", "2048x2048", "2048x2048"),
            ("gpt-image-2.5-flare", "1024x768", "1024x768"),
            ("gpt-image-2.6-flare", "3000x2000", "1536x1024"),
        ],
    )
    def test_a_size_is_sent_as_it_is_or_in_its_ratio(
        self, openai: OpenAIStandIn, model: str, asked_for: str, size: str
    ) -> None:
        assert fields(plugged(openai), openai, model=model, size=asked_for)["size"] == size

    @pytest.mark.parametrize(
        ("model", "size", "is_drawn"),
        [
            ("gpt-image-2", "3840x1280", True),
            ("gpt-image-2", "1280x512", True),
            ("gpt-image-2", "1264x512", False),
            ("gpt-image-2", "1000x1000", False),
            ("gpt-image-2", "3856x1920", False),
            ("gpt-image-2", "1600x512", False),
            ("gpt-image-2.6-flare", "1280x720", False),
        ],
    )
    def test_a_size_that_openai_does_not_draw_is_refused(self, model: str, size: str, is_drawn: bool) -> None:
        refused = refused_fields(OpenAIImages(key="sk-test"), model=model, size=size)
        assert refused == ([] if is_drawn else ["size"])

    def test_every_quality_is_sent(self, openai: OpenAIStandIn) -> None:
        provider = plugged(openai)
        for model in provider.models:
            for quality in model.qualities:
                picture(provider, model=model.name, quality=quality)
                assert openai.calls[-1].fields["quality"] == quality

    def test_the_attempt_is_named(self, openai: OpenAIStandIn) -> None:
        request = asked(plugged(openai))
        plugged(openai).send(request, spool.keep(request.attempt, "openai"))
        assert openai.calls[0].attempt == str(request.attempt)

    def test_two_texts_that_fit_alone_and_not_together_are_refused(self) -> None:
        long = ImageRequest(uuid4(), "x" * 20_000, "gpt-image-2", negative_prompt="y" * 11_992)
        [(field, told)] = OpenAIImages(key="sk-test").refusals(long)
        assert field == "negative_prompt"
        assert "32000" in told

    def test_the_longest_texts_that_fit_together_are_drawn(self, openai: OpenAIStandIn) -> None:
        texts = {"prompt": "x" * 20_000, "negative_prompt": "y" * 11_991}
        assert refused_fields(plugged(openai), **texts) == []
        assert len(sent(plugged(openai), openai, **texts).prompt) == 32_000

    @pytest.mark.parametrize("key", ["", "sk-first\nsk-second", "sk-…"])
    def test_a_key_that_fits_no_header_is_not_configured(self, openai: OpenAIStandIn, key: str) -> None:
        provider = OpenAIImages(key=key, host=openai.url)
        assert isinstance(told := trouble(provider, "a fox"), NotConfigured)
        assert "OPENAI_API_KEY" in str(told)
        assert openai.calls == []

    @pytest.mark.parametrize(("size", "quality", "amount"), [("1024x1024", "low", 0.006), ("1024x1024", "high", 0.211)])
    def test_about_what_a_picture_will_cost_is_known_by_size_and_quality(
        self, size: str, quality: str, amount: float
    ) -> None:
        price = OpenAIImages(key="sk-test").price("gpt-image-2", size, quality)
        assert price is not None
        assert (price.amount, price.unit) == (amount, "USD")

    @pytest.mark.parametrize(("size", "quality"), [("", ""), ("1024x1024", ""), ("2048x1024", "low")])
    def test_otherwise_its_price_is_not_known_before_it_is_made(self, size: str, quality: str) -> None:
        provider = OpenAIImages(key="sk-test")
        assert provider.price("gpt-image-2", size, quality) is None
        assert not provider.is_free


class TestCompatibleRequest:
    def test_every_option_has_its_field(self, server: CompatibleStandIn) -> None:
        told = fields(in_front_of(server), server, negative_prompt="rain", size="640x384", seed=11)
        assert told == {
            "model": "sdxl", "prompt": "a fox", "n": 1, "size": "640x384", "response_format": "b64_json", "seed": 11,
            "negative_prompt": "rain",
        }  # fmt: skip

    def test_a_server_that_heeds_neither_is_sent_neither(self, server: CompatibleStandIn) -> None:
        provider = in_front_of(server, seed=False, negative_prompt=False)
        assert set(fields(provider, server)) == {"model", "prompt", "n", "size", "response_format"}
        assert refused_fields(provider, seed=1, negative_prompt="rain") == ["negative_prompt", "seed"]

    @pytest.mark.parametrize(("ratio", "size"), [("", "1024x1024"), ("16:9", "1344x768"), ("9:21", "640x1536")])
    def test_a_ratio_is_sent_as_a_size(self, server: CompatibleStandIn, ratio: str, size: str) -> None:
        assert fields(in_front_of(server), server, aspect_ratio=ratio)["size"] == size

    def test_without_a_key_none_is_sent(self) -> None:
        with CompatibleStandIn(key="") as server:
            assert in_front_of(server).not_configured() is None
            assert picture(in_front_of(server)).body

    def test_a_key_that_is_given_is_sent(self) -> None:
        with CompatibleStandIn(key="sk-own") as server:
            assert picture(in_front_of(server)).body
            assert "OPENAI_COMPATIBLE_KEY" in str(trouble(in_front_of(server, key=""), "a fox"))

    @pytest.mark.parametrize(
        ("options", "word"),
        [
            ({"host": ""}, "OPENAI_COMPATIBLE_URL"),
            ({"models": []}, "OPENAI_COMPATIBLE_MODELS"),
            ({"key": "sk-…"}, "OPENAI_COMPATIBLE_KEY"),
            ({"key": "a b", "key_name": "MY_KEY"}, "MY_KEY"),
        ],
    )
    def test_what_is_missing_is_named(self, server: CompatibleStandIn, options: dict[str, Any], word: str) -> None:
        assert word in str(in_front_of(server, **options).not_configured())


class TestAnswer:
    def test_a_picture_comes_with_what_it_used_up(self, openai: OpenAIStandIn) -> None:
        assert picture(plugged(openai), quality="low").usage == {
            "input_tokens": 2, "output_tokens": 196, "total_tokens": 198, "text_tokens": 2, "image_tokens": 0,
        }  # fmt: skip

    @pytest.mark.parametrize("quality", ["", "low", "high"])
    def test_its_cost_is_the_bill(self, openai: OpenAIStandIn, quality: str) -> None:
        cost = picture(plugged(openai), quality=quality).cost
        assert cost is not None
        assert cost.unit == "USD"
        assert cost.amount == pytest.approx(openai.bill)

    def test_it_costs_what_the_page_of_prices_says(self) -> None:
        usage = {"input_tokens": 30, "output_tokens": 1000, "input_tokens_details": {"text_tokens": 20, "image_tokens": 10}}
        assert result({"usage": usage}).cost == Cost((20 * 5 + 10 * 8 + 1000 * 30) / 1_000_000, "USD")

    @pytest.mark.parametrize("model", ["gpt-image-2.6-flare", "", "dall-e-3"])
    def test_a_model_without_a_known_price_has_no_cost(self, model: str) -> None:
        assert result({"usage": {"input_tokens": 1, "output_tokens": 2}}, model).cost is None

    @pytest.mark.parametrize(
        "usage",
        [None, [], "x", {}, {"input_tokens": 1}, {"input_tokens": True, "output_tokens": 2}, {"output_tokens": 1.5},
         {"input_tokens": -1, "output_tokens": 2}, {"input_tokens": 1, "output_tokens": 10**400}],
    )  # fmt: skip
    def test_what_is_no_count_is_neither_usage_nor_cost(self, usage: object) -> None:
        read = result({"usage": usage})
        assert read.cost is None
        assert all(0 < count < 3 for count in read.usage.values())

    def test_a_picture_of_another_server_costs_nobody_knows_what(self, server: CompatibleStandIn) -> None:
        usage = {"input_tokens": 1, "output_tokens": 2}
        answer = said(200, {"data": [{"b64_json": "QUJD"}], "usage": usage}, {MODEL_HEADER: "gpt-image-2"})
        made = in_front_of(server).read(answer)
        assert (made.usage, made.cost) == (usage, None)

    def test_a_data_url_is_a_picture(self, server: CompatibleStandIn) -> None:
        plain = picture(in_front_of(server)).body
        server.when("", answers.as_data_url())
        assert picture(in_front_of(server)).body == plain

    @pytest.mark.parametrize(
        "content",
        [{}, [], {"data": None}, {"data": []}, {"data": [None]}, {"data": [{}]}, {"data": [{"b64_json": None}]},
         {"data": [{"b64_json": "?"}]}, {"data": [{"b64_json": ["QUJD"]}]}, {"data": {"b64_json": "QUJD"}},
         {"data": [{"url": ""}]}, {"data": [{"url": "data:image/png;base64,?"}]}, b"\xff"],
    )  # fmt: skip
    def test_a_200_without_a_picture_may_be_paid(self, content: object) -> None:
        error = reads_as(200, content)
        assert (type(error), error.charged) == (BadAnswer, Charged.UNKNOWN)


class TestDocumented:
    @pytest.mark.parametrize(
        ("answer", "kind", "charged", "words"), DOCUMENTED, ids=lambda value: getattr(value, "name", "")
    )
    def test_an_answer_has_its_word_its_charge_and_its_sentence(
        self, openai: OpenAIStandIn, answer: Said, kind: type[ProviderError], charged: Charged, words: str
    ) -> None:
        openai.when("", answer)
        error = trouble(plugged(openai), "a fox")
        assert isinstance(error, ProviderError)
        assert (type(error), error.charged) == (kind, charged)
        assert words in str(error)

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({}, 20),
            ({"retry-after": "7"}, 7),
            ({"retry-after": "7", "retry-after-ms": "1500"}, 1.5),
            ({"retry-after": "?"}, 20),
        ],
    )
    def test_a_rate_limit_lasts_as_long_as_it_says(self, headers: dict[str, str], seconds: float) -> None:
        error = reads_as(429, headers=headers)
        assert isinstance(error, RateLimited)
        assert error.retry_after == seconds

    @pytest.mark.parametrize(
        ("detail", "words"),
        [
            ("Only b64_json is served.", "(Only b64_json is served)"),
            ([FAULTY_SIZE], "(size: Input should be a valid string)"),
            ([{"msg": "Odd."}, FAULTY_SIZE, 7], "(Odd.; size: Input"),
        ],
    )
    @pytest.mark.parametrize("status", [400, 404, 422])
    def test_what_fastapi_objects_to_is_invalid(self, status: int, detail: object, words: str) -> None:
        error = reads_as(status, {"detail": detail})
        assert type(error) is Invalid
        assert words in str(error)

    @pytest.mark.parametrize("code", [404, None, {"a": []}, "not_found"])
    def test_a_code_may_be_anything(self, code: object) -> None:
        assert type(reads_as(404, {"error": {"message": "No such model.", "code": code}})) is Invalid

    @pytest.mark.parametrize(
        "content",
        [b"", b"{", [], {"error": "x"}, {"error": {}}, {"error": {"message": ""}}, {"error": {"message": 1, "code": "slow"}},
         {"detail": []}, {"detail": [7]}, {"detail": {"msg": "x"}}, b"<h1>overloaded</h1>"],
    )  # fmt: skip
    def test_another_shape_may_be_paid(self, content: object) -> None:
        for status in (400, 403, 404, 422, 500, 503):
            assert type(reads_as(status, content)) is OutcomeUnknown

    @pytest.mark.parametrize("status", [201, 202, 204, 302, 408, 409, 500, 502, 504])
    def test_a_status_that_is_not_documented_may_be_paid(self, status: int) -> None:
        error = reads_as(status, {"error": {"message": "overloaded", "code": "server_is_overloaded"}})
        assert type(error) is OutcomeUnknown
        assert str(status) in str(error)

    def test_a_payment_that_is_required_is_an_empty_account(self) -> None:
        assert type(reads_as(402, {"error": {"message": "Add credits."}})) is OutOfCredit


class TestCheck:
    def test_it_says_that_the_key_is_accepted_and_the_model_is_there(self, openai: OpenAIStandIn) -> None:
        assert plugged(openai).check() == "the key is accepted; gpt-image-2 is among its models"

    def test_it_says_that_a_server_has_another_model(self, server: CompatibleStandIn) -> None:
        assert in_front_of(server, models=["sd3"]).check() == "it answers; sd3 is not among its models"

    def test_a_wrong_key_is_not_configured(self, openai: OpenAIStandIn) -> None:
        with pytest.raises(NotConfigured, match="OPENAI_API_KEY"):
            OpenAIImages(key="sk-other", host=openai.url).check()

    def test_without_a_key_nobody_is_asked(self) -> None:
        with pytest.raises(NotConfigured, match="OPENAI_API_KEY is not set"):
            OpenAIImages(key="").check()

    def test_an_address_without_models_is_not_there(self, openai: OpenAIStandIn) -> None:
        with pytest.raises(Unavailable, match="404"):
            OpenAIImages(key=openai.key, host=f"{openai.url}/v2").check()
