"""Hugging Face: what is sent, compared with what huggingface_hub sends, and what each answer means."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured
from huggingface_hub import InferenceClient
from huggingface_hub.hf_api import InferenceProviderMapping
from huggingface_hub.inference._providers.nscale import NscaleTextToImageTask
from huggingface_hub.inference._providers.together import TogetherTextToImageTask

from imagegen import pictures, spool
from imagegen.errors import (
    BadAnswer,
    Invalid,
    NotConfigured,
    OutcomeUnknown,
    OutOfCredit,
    ProviderError,
    RateLimited,
    Unavailable,
)
from imagegen.providers import registry
from imagegen.providers.base import Answer, ImageRequest, ImageResult, pixels
from imagegen.providers.hugging_face import DEFAULT_MODEL, ROUTER, HuggingFace
from imagegen.states import Charged
from tests.providers.contract import (
    DAMAGED,
    KEY,
    Contract,
    FaultTable,
    Plug,
    Row,
    bad_key,
    busy,
    drawn,
    empty_account,
    error_in,
    failure_of,
    invalid,
    nobody_knows,
)
from tests.standins import faults
from tests.standins import hugging_face as answers
from tests.standins.faults import Answer as Said
from tests.standins.http_server import Request
from tests.standins.hugging_face import FLUX, HuggingFaceStandIn
from tests.standins.standin import Seller

BACKEND = "imagegen.providers.hugging_face.HuggingFace"
WAYS = ("hf-inference", "nscale", "together")
# What each answer means, whether money was spent, and words that people read about it; named for the stand-in's function.
DOCUMENTED: dict[str, tuple[Said, type[ProviderError], Charged, str]] = {
    "unauthorized": (answers.unauthorized(), NotConfigured, Charged.NO, "HF_TOKEN"),
    "forbidden": (answers.forbidden(), NotConfigured, Charged.NO, "sufficient permissions"),
    "out_of_credit": (answers.out_of_credit(), OutOfCredit, Charged.NO, "no credit"),
    "not_supported": (answers.not_supported(), Invalid, Charged.NO, "not supported by provider"),
    "not_found": (answers.not_found(), Invalid, Charged.NO, "Not Found"),
    "partner_not_found": (answers.partner_not_found(), Invalid, Charged.NO, "Unable to access model"),
    "invalid": (answers.invalid("seed: is odd"), Invalid, Charged.NO, "seed: is odd"),
    "rate_limited": (answers.rate_limited(), RateLimited, Charged.NO, "no more calls"),
    "loading": (answers.loading(), RateLimited, Charged.NO, "still loading"),
    "overloaded": (answers.overloaded(), RateLimited, Charged.NO, "no more calls"),
    "failed": (answers.failed(), OutcomeUnknown, Charged.UNKNOWN, "500"),
}


@pytest.fixture
def hugging_face() -> Iterator[HuggingFaceStandIn]:
    with HuggingFaceStandIn(key="hf_test") as standin:
        yield standin


def provider_for(standin: HuggingFaceStandIn, **options: Any) -> HuggingFace:
    given = {"key": standin.key, "router": standin.url, "hub": standin.url, "total_seconds": 20.0, **options}
    return HuggingFace(**given)


def asked(provider: HuggingFace, prompt: str = "a fox", **options: Any) -> ImageRequest:
    return ImageRequest(uuid4(), prompt, provider.models[0].name, **options)


def sent(standin: HuggingFaceStandIn, *, through: str = "hf-inference", url: str = "", **options: Any) -> Request:
    """Make a call, and return it as it came in."""
    provider = provider_for(standin, through=through, url=url)
    drawn(provider, asked(provider, **options))
    [request] = standin.seen
    return request


def failure(standin: HuggingFaceStandIn, answer: Said, through: str = "hf-inference") -> ProviderError:
    return failure_of(provider_for(standin, through=through), standin, answer)


def reads_as(status: int, body: object = b"", headers: Mapping[str, str] | None = None) -> ProviderError:
    return error_in(HuggingFace(key="hf_test"), status, body, headers)


def own_headers(request: Request) -> dict[str, str]:
    """Return what a client says besides what its way to send demands."""
    of_transport = {"host", "content-length", "user-agent", "accept-encoding", "connection"}
    names_of_calls = {"x-chaotix-attempt", "x-amzn-trace-id"}
    return {name: value for name, value in request.headers.items() if name not in of_transport | names_of_calls}


TROUBLES = {
    "a bad key": answers.unauthorized(),
    "a key without permission": answers.forbidden(),
    "an empty account": answers.out_of_credit(),
    "a model that others refuse": answers.not_supported(),
    "a model of nobody": answers.not_found(),
    "a busy hour": answers.rate_limited(),
    "a model that loads": answers.loading(),
    "a failure": answers.failed(),
    "a gateway's page": faults.html(200),
    "a dead line": faults.reset_before_headers(),
}


class TestContract(Contract):
    @pytest.fixture(scope="class")
    @classmethod
    def plug(cls) -> Iterator[Plug]:
        with HuggingFaceStandIn(key=KEY) as standin:
            yield Plug(provider_for(standin), standin, TROUBLES)


class TestContractOfAPartner(Contract):
    """nscale: it knows no seed and no negative prompt, and answers in base64."""

    @pytest.fixture(scope="class")
    @classmethod
    def plug(cls) -> Iterator[Plug]:
        with HuggingFaceStandIn(key=KEY) as standin:
            yield Plug(provider_for(standin, through="nscale"), standin, TROUBLES)


class TestFaultTable(FaultTable):
    documented: ClassVar[Sequence[Row]] = (
        invalid(answers.not_supported()),
        invalid(answers.not_found()),
        invalid(answers.partner_not_found()),
        invalid(answers.invalid()),
        busy(answers.rate_limited()),
        busy(answers.rate_limited(retry_after=7)),
        busy(answers.loading()),
        busy(answers.overloaded()),
        empty_account(answers.out_of_credit()),
        bad_key(answers.unauthorized()),
        bad_key(answers.forbidden()),
        nobody_knows(answers.failed(500)),
        nobody_knows(answers.failed(503)),
    )

    @pytest.fixture
    def standin(self) -> Iterator[HuggingFaceStandIn]:
        with HuggingFaceStandIn() as standin:
            yield standin

    def entry(self, standin: Seller) -> dict[str, Any]:
        return {"BACKEND": BACKEND, "OPTIONS": {"key": standin.key, "router": standin.url}}


class TestFaultTableOfAPartner(TestFaultTable):
    documented = (invalid(answers.partner_not_found()), busy(answers.rate_limited()), nobody_knows(answers.failed(500)))
    of_the_wire = (nobody_knows(faults.html(200), "bad_answer"), *DAMAGED)

    def entry(self, standin: Seller) -> dict[str, Any]:
        options = {"key": standin.key, "router": standin.url, "through": "together"}
        return {"BACKEND": BACKEND, "OPTIONS": options}


class TestRequest:
    def test_hf_inference_has_a_route_for_each_model(self, hugging_face: HuggingFaceStandIn) -> None:
        request = sent(hugging_face)
        assert (request.method, request.path) == ("POST", f"/hf-inference/models/{DEFAULT_MODEL}")
        assert json.loads(request.body) == {"inputs": "a fox", "parameters": {}}

    def test_every_option_has_its_parameter(self, hugging_face: HuggingFaceStandIn) -> None:
        body = json.loads(sent(hugging_face, negative_prompt="rain", size="768x512", seed=7).body)
        parameters = {"negative_prompt": "rain", "width": 768, "height": 512, "seed": 7}
        assert body == {"inputs": "a fox", "parameters": parameters}

    def test_a_ratio_becomes_a_size_of_a_megapixel(self, hugging_face: HuggingFaceStandIn) -> None:
        body = json.loads(sent(hugging_face, aspect_ratio="16:9").body)
        assert body["parameters"] == {"width": 1344, "height": 768}

    @pytest.mark.parametrize("seed", [0, 4_294_967_294])
    def test_the_first_and_the_last_seed_are_sent(self, hugging_face: HuggingFaceStandIn, seed: int) -> None:
        assert json.loads(sent(hugging_face, seed=seed).body)["parameters"] == {"seed": seed}

    @pytest.mark.parametrize(
        ("through", "particular"),
        [
            ("nscale", {"response_format": "b64_json", "size": "768x512"}),
            ("together", {"response_format": "base64", "width": 768, "height": 512}),
        ],
    )
    def test_a_partner_gets_its_own_fields(
        self, hugging_face: HuggingFaceStandIn, through: str, particular: dict[str, Any]
    ) -> None:
        request = sent(hugging_face, through=through, size="768x512")
        assert request.path == f"/{through}/v1/images/generations"
        assert json.loads(request.body) == {"prompt": "a fox", "model": FLUX, **particular}

    @pytest.mark.parametrize("path", ["", "/", "/predict"])
    def test_an_endpoint_is_posted_to_as_it_stands(self, hugging_face: HuggingFaceStandIn, path: str) -> None:
        request = sent(hugging_face, url=hugging_face.url + path)
        assert request.path == (path or "/")
        assert json.loads(request.body) == {"inputs": "a fox", "parameters": {}}

    @pytest.mark.parametrize("through", WAYS)
    def test_exactly_these_headers_are_sent(self, hugging_face: HuggingFaceStandIn, through: str) -> None:
        request = sent(hugging_face, through=through)
        assert UUID(request.headers["x-chaotix-attempt"])
        assert own_headers(request) == {
            "authorization": "Bearer hf_test", "accept": "image/png", "content-type": "application/json",
        }  # fmt: skip

    def test_an_organization_can_pay(self, hugging_face: HuggingFaceStandIn) -> None:
        provider = provider_for(hugging_face, bill_to="chaotix")
        drawn(provider, asked(provider))
        assert hugging_face.seen[0].headers["x-hf-bill-to"] == "chaotix"

    def test_an_open_endpoint_gets_no_key(self) -> None:
        with HuggingFaceStandIn(key="") as standin:
            assert "authorization" not in sent(standin, url=standin.url).headers

    @pytest.mark.parametrize("prompt", ['"}, {"', "Füchse 🦊 狐", "x" * 10_000, " a\nb\t"])
    def test_a_prompt_arrives_as_it_is(self, hugging_face: HuggingFaceStandIn, prompt: str) -> None:
        sent(hugging_face, prompt=prompt)
        assert hugging_face.calls[0].prompt == prompt

    def test_a_key_of_two_lines_is_never_sent(self, hugging_face: HuggingFaceStandIn) -> None:
        provider = provider_for(hugging_face, key="hf_first\nhf_second")
        with pytest.raises(NotConfigured) as caught:
            drawn(provider, asked(provider))
        assert "hf_second" not in repr(caught.value)
        assert hugging_face.seen == []


class _KnowsTheModel:
    """Says under which name the partner knows the model, which the Hub would be asked for."""

    def _prepare_mapping_info(self, model: str | None) -> InferenceProviderMapping:
        return InferenceProviderMapping(  # type: ignore[no-untyped-call]
            provider="together", hf_model_id=model, providerId=FLUX, status="live", task="text-to-image"
        )


class Nscale(_KnowsTheModel, NscaleTextToImageTask):
    pass


class Together(_KnowsTheModel, TogetherTextToImageTask):
    pass


PARTNERS: dict[str, Any] = {"nscale": Nscale, "together": Together}


@dataclass(frozen=True)
class Wanted:
    """What both clients are asked for."""

    negative_prompt: str = ""
    size: str = ""
    seed: int | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """The same in huggingface_hub's words."""
        width, height = pixels(self.size) if self.size else (None, None)
        return {"negative_prompt": self.negative_prompt or None, "width": width, "height": height, "seed": self.seed}

    @property
    def options(self) -> dict[str, Any]:
        return {"negative_prompt": self.negative_prompt, "size": self.size, "seed": self.seed}


WANTED = [Wanted(), Wanted(size="768x512"), Wanted("rain", "512x1024", 7)]


class TestSameAsHuggingfaceHub:
    """Both send the same for the same wishes, field by field."""

    def compare(self, standin: HuggingFaceStandIn) -> None:
        ours, theirs = standin.seen
        assert (ours.method, ours.path, own_headers(ours)) == (theirs.method, theirs.path, own_headers(theirs))
        assert json.loads(ours.body) == json.loads(theirs.body)

    @pytest.mark.parametrize("wanted", WANTED)
    @pytest.mark.parametrize("path", ["/", f"/hf-inference/models/{DEFAULT_MODEL}"])
    def test_to_hf_inference_and_to_an_endpoint(self, hugging_face: HuggingFaceStandIn, path: str, wanted: Wanted) -> None:
        provider = provider_for(hugging_face, bill_to="chaotix", url=hugging_face.url if path == "/" else "")
        drawn(provider, asked(provider, **wanted.options))
        client = InferenceClient(model=hugging_face.url + path, token="hf_test", bill_to="chaotix")
        client.text_to_image("a fox", **wanted.arguments)
        self.compare(hugging_face)

    @pytest.mark.parametrize(
        ("through", "wanted"),
        [("nscale", Wanted()), ("nscale", Wanted(size="768x512")), *(("together", wanted) for wanted in WANTED)],
    )
    def test_to_a_partner(self, hugging_face: HuggingFaceStandIn, through: str, wanted: Wanted) -> None:
        made = sent(hugging_face, through=through, **wanted.options)
        partner = PARTNERS[through]()
        request = partner.prepare_request(
            inputs="a fox", parameters=wanted.arguments, headers={}, model="any/model", api_key="hf_test"
        )
        assert request.url == ROUTER + made.path
        # Only the router's address, a constant there, is exchanged: the rest goes out on its own session.
        body = InferenceClient()._inner_post(replace(request, url=hugging_face.url + made.path))
        assert pictures.check(partner.get_response(body, request)).width > 0
        self.compare(hugging_face)


class TestSettings:
    def test_models_are_named_by_the_settings(self) -> None:
        names = [model.name for model in HuggingFace(key="hf_test", models=["a/b", "c/d"]).models]
        assert names == ["a/b", "c/d"]

    def test_each_way_has_a_model_of_its_own(self) -> None:
        names = [HuggingFace(key="hf_test", through=through).models[0].name for through in WAYS]
        assert names == [DEFAULT_MODEL, FLUX, FLUX]

    def test_nobody_knows_what_a_picture_costs(self) -> None:
        provider = HuggingFace(key="hf_test")
        assert (provider.price(DEFAULT_MODEL), provider.is_free) == (None, False)

    @pytest.mark.parametrize(("through", "takes"), [("hf-inference", True), ("together", True), ("nscale", False)])
    def test_a_partner_takes_a_seed_and_a_negative_prompt_where_it_documents_them(self, through: str, takes: bool) -> None:
        provider = HuggingFace(key="hf_test", through=through)
        assert (provider.seed, provider.negative_prompt) == (takes, takes)

    @pytest.mark.parametrize("through", ["fal-ai", "replicate", "wavespeed", ""])
    def test_who_answers_with_a_queue_or_an_address_is_refused(self, through: str) -> None:
        with pytest.raises(ValueError, match="hf-inference, nscale, together"):
            HuggingFace(key="hf_test", through=through)

    @pytest.mark.parametrize(
        "options",
        [
            {"url": "http://127.0.0.1", "models": ["a", "b"]},
            {"url": "http://127.0.0.1", "through": "together"},
            {"bill_to": "a\nb"},
        ],
    )
    def test_settings_that_contradict_each_other_are_refused(self, options: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=r"endpoint|organization"):
            HuggingFace(key="hf_test", **options)

    def test_wrong_settings_name_their_entry(self, settings: Any) -> None:
        entry = {"BACKEND": BACKEND, "OPTIONS": {"key": "hf_test", "through": "fal-ai"}}
        settings.IMAGE_PROVIDERS = {**settings.IMAGE_PROVIDERS, "hugging-face": entry}
        with pytest.raises(ImproperlyConfigured, match=r"hugging-face.*fal-ai"):
            registry.get("hugging-face")

    def test_the_router_needs_a_key_and_an_endpoint_does_not(self) -> None:
        assert HuggingFace().not_configured() == "HF_TOKEN is not set"
        assert HuggingFace(url="http://127.0.0.1").not_configured() is None


class TestCheck:
    @pytest.mark.parametrize("through", WAYS)
    def test_the_hub_says_whose_the_key_is(self, hugging_face: HuggingFaceStandIn, through: str) -> None:
        assert provider_for(hugging_face, through=through).check() == "the key is accepted; it belongs to ada"

    def test_an_endpoint_says_that_it_is_ready(self, hugging_face: HuggingFaceStandIn) -> None:
        assert provider_for(hugging_face, url=hugging_face.url).check() == "the endpoint is ready"

    def test_an_endpoint_may_have_no_word_for_it(self, hugging_face: HuggingFaceStandIn) -> None:
        assert "no /health" in provider_for(hugging_face, url=hugging_face.url + "/predict").check()

    @pytest.mark.parametrize("path", ["", "/"])
    def test_a_wrong_key_is_told(self, hugging_face: HuggingFaceStandIn, path: str) -> None:
        url = hugging_face.url if path else ""
        with pytest.raises(NotConfigured, match="HF_TOKEN"):
            provider_for(hugging_face, url=url, key="hf_other").check()

    @pytest.mark.parametrize("path", ["", "/"])
    def test_who_is_not_there_is_unavailable(self, path: str) -> None:
        with HuggingFaceStandIn() as standin:
            provider = provider_for(standin, url=standin.url if path else "")
        with pytest.raises(Unavailable):
            provider.check()


class TestDocumented:
    @pytest.mark.parametrize("name", DOCUMENTED)
    def test_a_status_has_its_word_its_charge_and_its_sentence(self, hugging_face: HuggingFaceStandIn, name: str) -> None:
        answer, kind, charged, word = DOCUMENTED[name]
        error = failure(hugging_face, answer)
        assert (type(error), error.charged) == (kind, charged)
        assert word in str(error)

    def test_what_the_stand_in_itself_refuses_is_invalid(self, hugging_face: HuggingFaceStandIn) -> None:
        provider = provider_for(hugging_face, through="together", models=["black-forest-labs/FLUX.9"])
        with pytest.raises(Invalid, match=r"FLUX\.9.*Nothing was charged"):
            drawn(provider, asked(provider))

    @pytest.mark.parametrize(
        ("answer", "seconds"),
        [
            (answers.rate_limited(), 60),
            (answers.rate_limited(7), 7),
            (answers.loading(33.5), 33.5),
            (answers.loading(945.1), 120),
            (answers.loading(None), 20),
            (answers.overloaded(), 10),
        ],
    )
    def test_the_wait_is_what_was_said_within_reason(
        self, hugging_face: HuggingFaceStandIn, answer: Said, seconds: float
    ) -> None:
        error = failure(hugging_face, answer)
        assert isinstance(error, RateLimited)
        assert error.retry_after == seconds

    @pytest.mark.parametrize(
        ("estimate", "seconds"), [(0, 20), (-1, 20), ("soon", 20), (None, 20), ([], 20), (float("nan"), 20), (0.001, 1)]
    )
    def test_an_estimate_that_makes_no_sense_is_replaced(self, estimate: object, seconds: float) -> None:
        error = reads_as(503, {"error": "Model x is currently loading", "estimated_time": estimate})
        assert isinstance(error, RateLimited)
        assert error.retry_after == seconds

    @pytest.mark.parametrize(
        "body",
        [
            {"error": "seed: is odd"}, {"error": ["seed: is odd", "and more"]}, {"error": {"message": "seed: is odd"}},
            {"message": "seed: is odd"}, {"detail": "seed: is odd"},
            {"detail": [{"loc": ["body"], "msg": "seed: is odd", "type": "x"}]},
        ],
    )  # fmt: skip
    def test_an_error_is_told_in_any_of_its_shapes(self, body: dict[str, Any]) -> None:
        error = reads_as(422, body)
        assert type(error) is Invalid
        assert "seed: is odd" in str(error)

    @pytest.mark.parametrize("body", [b"", b"[]", b'{"error": 1}', b'{"error": {}}', b'{"error": [[]]}', b"<h1>Bad</h1>"])
    @pytest.mark.parametrize("status", [400, 403, 404, 413, 422, 503])
    def test_an_error_in_no_known_shape_may_be_paid(self, status: int, body: bytes) -> None:
        error = reads_as(status, body)
        assert type(error) is OutcomeUnknown
        assert str(status) in str(error)

    @pytest.mark.parametrize("status", [201, 202, 204, 301, 307, 408, 409, 410, 500, 502, 503, 504, 599])
    def test_a_status_that_says_nothing_about_money_may_be_paid(self, status: int) -> None:
        assert type(reads_as(status, {"error": "Internal Server Error"})) is OutcomeUnknown

    def test_a_long_reason_is_cut(self) -> None:
        assert len(str(reads_as(400, {"error": "x" * 100_000}))) < 1000


class TestAnswer:
    @pytest.mark.parametrize("kind", ["image/png", "image/jpeg", "image/webp", "IMAGE/PNG; x=y"])
    def test_a_picture_is_taken_as_it_came(self, kind: str) -> None:
        answer = Answer(200, {"content-type": kind}, lambda: b"picture")
        assert HuggingFace(key="hf_test").read(answer) == ImageResult(b"picture")

    def test_what_is_kept_is_read_alike_after_the_settings_have_changed(self, hugging_face: HuggingFaceStandIn) -> None:
        partner = provider_for(hugging_face, through="together")
        request = asked(partner)
        answer = partner.send(request, spool.keep(request.attempt, "hugging-face"))
        assert provider_for(hugging_face).read(answer) == partner.read(answer)

    @pytest.mark.parametrize(
        "body",
        [
            {}, {"data": []}, {"data": [{}]}, {"data": [None]}, {"data": {"b64_json": "AA=="}}, {"error": "It is loading"},
            {"data": [{"b64_json": None}]}, {"data": [{"b64_json": "?"}]}, {"data": [{"url": "https://example.org/x.png"}]},
        ],
    )  # fmt: skip
    def test_a_200_without_a_picture_may_be_paid(self, body: dict[str, Any]) -> None:
        error = reads_as(200, body, {"content-type": "application/json"})
        assert type(error) is BadAnswer
        assert error.charged == Charged.UNKNOWN
