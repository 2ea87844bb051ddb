"""The OpenAI stand-ins keep the documented protocol, and clients that somebody else wrote drive them unchanged."""

import base64
import io
import os
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import openai as sdk
import pytest
import requests
from openai.types import ImagesResponse
from PIL import Image

from tests.standins import openai_answers as answers
from tests.standins.faults import Answer, with_header
from tests.standins.openai import CompatibleStandIn, OpenAIStandIn


@pytest.fixture
def openai() -> Iterator[OpenAIStandIn]:
    with OpenAIStandIn() as standin:
        yield standin


@pytest.fixture
def server() -> Iterator[CompatibleStandIn]:
    with CompatibleStandIn() as standin:
        yield standin


def ask(standin: OpenAIStandIn, **fields: object) -> requests.Response:
    """Send one request; a field that is None is absent."""
    told = {"model": standin.models[0], "prompt": "a fox", **fields}
    return post(standin, json={name: value for name, value in told.items() if value is not None})


def post(
    standin: OpenAIStandIn, path: str = "/images/generations", key: str = "sk-test", **content: Any
) -> requests.Response:
    headers = {"authorization": f"Bearer {key}", **content.pop("headers", {})}
    return requests.post(standin.url + path, headers=headers, timeout=10, **content)


def objection(response: requests.Response) -> tuple[int, str | None]:
    """Return the status and the field that an answer objects to, whose four keys are all there."""
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return response.status_code, error["param"]


def decode(encoded: str | None) -> Image.Image:
    picture = Image.open(io.BytesIO(base64.b64decode(encoded or "")))
    picture.load()
    return picture


class TestOpenAI:
    @pytest.mark.parametrize(
        ("quality", "size"), [(None, None), ("auto", "auto"), ("low", "1024x1024"), ("medium", "1536x1024"), ("high", None)]
    )
    def test_its_answer_has_the_shape_of_the_sdk(self, openai: OpenAIStandIn, quality: str | None, size: str | None) -> None:
        made = ImagesResponse.model_validate(ask(openai, quality=quality, size=size).json(), strict=True)
        assert made.data
        assert decode(made.data[0].b64_json).format == "PNG"

    @pytest.mark.parametrize(
        ("model", "fields", "field"),
        [
            ("gpt-image-2", {"prompt": ""}, "prompt"),
            ("gpt-image-2", {"prompt": "x" * 32_001}, "prompt"),
            ("gpt-image-2", {"prompt": None}, "prompt"),
            ("gpt-image-2", {"prompt": 7}, "prompt"),
            ("gpt-image-2", {"seed": 7}, "seed"),
            ("gpt-image-2", {"negative_prompt": "rain"}, "negative_prompt"),
            ("gpt-image-2", {"response_format": "b64_json"}, "response_format"),
            ("gpt-image-2", {"style": "vivid"}, "style"),
            ("gpt-image-2", {"n": 0}, "n"),
            ("gpt-image-2", {"n": 11}, "n"),
            ("gpt-image-2", {"n": "1"}, "n"),
            ("gpt-image-2", {"stream": True}, "stream"),
            ("gpt-image-2", {"partial_images": 1}, "partial_images"),
            ("gpt-image-2", {"output_format": "tiff"}, "output_format"),
            ("gpt-image-2", {"output_compression": 50}, "output_compression"),
            ("gpt-image-2", {"output_format": "jpeg", "output_compression": 101}, "output_compression"),
            ("gpt-image-2", {"output_format": "jpeg", "background": "transparent"}, "background"),
            ("gpt-image-2", {"moderation": "off"}, "moderation"),
            ("gpt-image-2", {"quality": "hd"}, "quality"),
            ("gpt-image-2", {"quality": "max"}, "quality"),
            ("gpt-image-2.6-flare", {"quality": "xhigh"}, "quality"),
            ("gpt-image-2", {"size": "512x512"}, "size"),
            ("gpt-image-2", {"size": "1025x1024"}, "size"),
            ("gpt-image-2", {"size": "3840x2176"}, "size"),
            ("gpt-image-2", {"size": "3856x1600"}, "size"),
            ("gpt-image-2", {"size": "1920x608"}, "size"),
            ("gpt-image-2", {"size": "large"}, "size"),
            ("gpt-image-2.6-flare", {"size": "2048x2048"}, "size"),
            ("gpt-image-9", {}, "model"),
            ("dall-e-3", {}, "model"),
            (7, {}, "model"),
            (None, {}, "model"),
        ],
    )
    def test_a_broken_rule_is_named(
        self, openai: OpenAIStandIn, model: object, fields: dict[str, object], field: str
    ) -> None:
        status = 404 if model in ("gpt-image-9", "dall-e-3") else 400
        assert objection(ask(openai, model=model, **fields)) == (status, field)
        assert openai.bill == 0

    @pytest.mark.parametrize(
        ("model", "fields"),
        [
            ("gpt-image-2", {"size": "3840x2160"}),
            ("gpt-image-2", {"size": "2160x3840"}),
            ("gpt-image-2", {"size": "480x1440", "moderation": "low", "user": "7", "background": "opaque"}),
            ("gpt-image-2.5-flare", {"size": "1536x864", "quality": "max"}),
            ("gpt-image-2", {"output_format": "webp", "output_compression": 0}),
        ],
    )
    def test_what_is_documented_is_drawn(self, openai: OpenAIStandIn, model: str, fields: dict[str, object]) -> None:
        assert ask(openai, model=model, **fields).status_code == 200

    def test_several_pictures_are_billed_together(self, openai: OpenAIStandIn) -> None:
        body = ask(openai, n=3, quality="low").json()
        assert (len(body["data"]), body["usage"]["output_tokens"]) == (3, 3 * 196)
        assert openai.bill == pytest.approx((2 * 5 + 3 * 196 * 30) / 1_000_000)

    @pytest.mark.parametrize("key", ["sk-other", ""])
    def test_another_key_is_refused(self, openai: OpenAIStandIn, key: str) -> None:
        assert objection(post(openai, key=key, json={"prompt": "a fox"})) == (401, None)
        assert requests.get(f"{openai.url}/models", headers={"authorization": key}, timeout=10).status_code == 401

    @pytest.mark.parametrize(
        ("content", "status"),
        [
            ({"path": "/images/variations", "json": {}}, 404),
            ({"data": {"prompt": "a fox"}}, 400),
            ({"data": b"{", "headers": {"content-type": "application/json"}}, 400),
            ({"json": []}, 400),
            ({"json": {"prompt": "x" * 11_000_000}}, 413),
        ],
    )
    def test_what_is_no_request_is_refused(self, openai: OpenAIStandIn, content: dict[str, Any], status: int) -> None:
        assert objection(post(openai, **content)) == (status, None)

    def test_only_a_post_makes_a_picture(self, openai: OpenAIStandIn) -> None:
        assert objection(requests.get(f"{openai.url}/images/generations", timeout=10)) == (405, None)


class TestCompatible:
    @pytest.mark.parametrize(
        ("fields", "status"),
        [
            ({"prompt": None}, 422),
            ({"seed": "7"}, 422),
            ({"seed": -1}, 422),
            ({"negative_prompt": 7}, 422),
            ({"num_inference_steps": 201}, 422),
            ({"guidance_scale": 20.5}, 422),
            ({"n": 2}, 422),
            ({"cfg": 7}, 422),
            ({"size": "1000x1001"}, 400),
            ({"size": "2056x64"}, 400),
            ({"model": "sd3"}, 404),
        ],
    )
    def test_a_broken_rule_is_told(self, server: CompatibleStandIn, fields: dict[str, object], status: int) -> None:
        response = ask(server, **fields)
        assert response.status_code == status
        assert set(response.json()) == {"error" if status == 404 else "detail"}

    def test_it_draws_what_its_own_fields_say(self, server: CompatibleStandIn) -> None:
        own = {"seed": 7, "negative_prompt": "rain", "num_inference_steps": 20, "guidance_scale": 3.5}
        one, two = (ask(server, response_format="b64_json", **own).json()["data"] for _ in range(2))
        assert one == two
        assert decode(one[0]["b64_json"]).size == (64, 64)

    def test_it_asks_for_no_key_unless_it_has_one(self, server: CompatibleStandIn) -> None:
        assert post(server, key="anything", json={"model": "sdxl", "prompt": "a fox"}).status_code == 200

    def test_unless_asked_for_a_picture_it_answers_with_an_address(self, server: CompatibleStandIn) -> None:
        [made] = ask(server).json()["data"]
        assert list(made) == ["url"]

    def test_the_sdk_drives_it(self, server: CompatibleStandIn) -> None:
        with sdk.OpenAI(api_key="none", base_url=server.url, max_retries=0) as client:
            extra = {"seed": 7, "negative_prompt": "rain"}
            made = client.images.generate(
                model="sdxl", prompt="a fox", size="512x512", response_format="b64_json", extra_body=extra
            )
        assert made.data
        assert decode(made.data[0].b64_json)
        assert (server.calls[0].fields["seed"], server.bill) == (7, 1)


class TestSdk:
    """OpenAI's own client."""

    @pytest.fixture
    def client(self, openai: OpenAIStandIn) -> Iterator[sdk.OpenAI]:
        with sdk.OpenAI(api_key=openai.key, base_url=openai.url, max_retries=0) as client:
            yield client

    def test_it_receives_a_picture_and_what_it_used_up(self, openai: OpenAIStandIn, client: sdk.OpenAI) -> None:
        made = client.images.generate(model="gpt-image-2", prompt="a fox", size="1536x1024", quality="low")
        assert made.data
        assert made.usage
        assert decode(made.data[0].b64_json).size == (96, 64)
        assert (made.usage.output_tokens, made.usage.input_tokens_details.text_tokens) == (196, 2)

    def test_it_lists_the_models(self, client: sdk.OpenAI) -> None:
        assert "gpt-image-2" in [model.id for model in client.models.list()]

    @pytest.mark.parametrize(
        ("scripted", "kind", "code"),
        [
            (answers.refused(), sdk.BadRequestError, "moderation_blocked"),
            (answers.bad_request(), sdk.BadRequestError, "invalid_value"),
            (answers.unauthorized(), sdk.AuthenticationError, "invalid_api_key"),
            (answers.forbidden(), sdk.PermissionDeniedError, None),
            (answers.not_found(), sdk.NotFoundError, "model_not_found"),
            (answers.rate_limited(), sdk.RateLimitError, "rate_limit_exceeded"),
            (answers.out_of_credit(), sdk.RateLimitError, "insufficient_quota"),
            (answers.server_error(), sdk.InternalServerError, None),
            (answers.overloaded(), sdk.InternalServerError, "server_is_overloaded"),
        ],
        ids=lambda value: getattr(value, "name", ""),
    )
    def test_an_error_becomes_its_own_exception(
        self, openai: OpenAIStandIn, client: sdk.OpenAI, scripted: Answer, kind: type[sdk.APIStatusError], code: str | None
    ) -> None:
        openai.when("", scripted)
        with pytest.raises(kind) as caught:
            client.images.generate(model="gpt-image-2", prompt="a fox")
        assert (type(caught.value), caught.value.code) == (kind, code)
        assert (len(openai.calls), openai.bill) == (1, 0)

    def test_it_finds_the_stage_at_which_moderation_said_no(self, openai: OpenAIStandIn, client: sdk.OpenAI) -> None:
        openai.when("", answers.refused("output"))
        with pytest.raises(sdk.BadRequestError) as caught:
            client.images.generate(model="gpt-image-2", prompt="a fox")
        assert "'moderation_stage': 'output'" in str(caught.value.body)
        assert openai.bill > 0

    def test_a_wrong_key_becomes_its_authentication_error(self, openai: OpenAIStandIn) -> None:
        with (
            sdk.OpenAI(api_key="sk-other", base_url=openai.url, max_retries=0) as client,
            pytest.raises(sdk.AuthenticationError),
        ):
            client.images.generate(model="gpt-image-2", prompt="a fox")


@pytest.fixture(scope="module")
def litellm() -> ModuleType:
    """A client of somebody else; told to look up no price list on the network."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    module: ModuleType = pytest.importorskip("litellm")
    return module


@pytest.mark.filterwarnings("ignore")
class TestLiteLLM:
    def generate(self, litellm: ModuleType, openai: OpenAIStandIn, **changes: Any) -> Any:
        arguments = {"model": "openai/gpt-image-2", "prompt": "a fox", "api_key": "sk-test", **changes}
        return litellm.image_generation(**arguments, api_base=openai.url)

    def test_it_receives_a_picture(self, litellm: ModuleType, openai: OpenAIStandIn) -> None:
        made = self.generate(litellm, openai, size="1024x1536", quality="low")
        assert decode(made.data[0].b64_json).size == (64, 96)
        assert openai.calls[0].fields["size"] == "1024x1536"

    def test_it_reckons_the_same_cost(self, litellm: ModuleType, openai: OpenAIStandIn) -> None:
        made = self.generate(litellm, openai, quality="high")
        assert litellm.completion_cost(made, model="openai/gpt-image-2") == pytest.approx(openai.bill)

    @pytest.mark.parametrize(
        ("scripted", "error"),
        [
            (answers.refused(), "BadRequestError"),
            (answers.unauthorized(), "AuthenticationError"),
            (answers.not_found(), "NotFoundError"),
            (answers.rate_limited(), "RateLimitError"),
            (answers.server_error(), "InternalServerError"),
        ],
        ids=lambda value: getattr(value, "name", value),
    )
    def test_an_error_becomes_its_own_exception_after_one_call(
        self, litellm: ModuleType, openai: OpenAIStandIn, scripted: Answer, error: str
    ) -> None:
        # It always has the SDK retry, unless a server says that there is no use.
        openai.always("fox", with_header(scripted, "x-should-retry", "false"))
        with pytest.raises(getattr(litellm, error)):
            self.generate(litellm, openai)
        assert len(openai.calls) == 1
