"""The Hugging Face stand-in keeps the documented protocols, and huggingface_hub drives it unchanged."""

import base64
import io
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from huggingface_hub import HfApi, InferenceClient
from huggingface_hub.errors import BadRequestError, HfHubHTTPError
from PIL import Image

from tests.standins import hugging_face as answers
from tests.standins.faults import Answer
from tests.standins.hugging_face import FLUX, HuggingFaceStandIn

RAW = f"/hf-inference/models/{HuggingFaceStandIn.models[0]}"
NSCALE, TOGETHER = "/nscale/v1/images/generations", "/together/v1/images/generations"
GOOD: dict[str, dict[str, Any]] = {
    "/": {"inputs": "a fox"},
    RAW: {"inputs": "a fox"},
    NSCALE: {"prompt": "a fox", "model": FLUX, "response_format": "b64_json"},
    TOGETHER: {"prompt": "a fox", "model": FLUX, "response_format": "base64"},
}


@pytest.fixture
def hugging_face() -> Iterator[HuggingFaceStandIn]:
    with HuggingFaceStandIn(key="hf_test") as standin:
        yield standin


def ask(
    standin: HuggingFaceStandIn, path: str = RAW, *, headers: dict[str, str] | None = None, **changes: Any
) -> requests.Response:
    sent = {"authorization": "Bearer hf_test", "accept": "image/png", **(headers or {})}
    return requests.post(standin.url + path, json=GOOD[path] | changes, headers=sent, timeout=10)


def decode(picture: bytes) -> Image.Image:
    decoded = Image.open(io.BytesIO(picture))
    decoded.load()
    return decoded


class TestSuccess:
    @pytest.mark.parametrize("path", ["/", RAW])
    @pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
    def test_a_picture_comes_in_the_type_that_is_asked_for(
        self, hugging_face: HuggingFaceStandIn, path: str, kind: str
    ) -> None:
        response = ask(hugging_face, path, headers={"accept": f"image/{kind}"})
        assert response.headers["content-type"] == f"image/{kind}"
        assert decode(response.content).format == kind.upper()

    @pytest.mark.parametrize(("path", "changes"), [(NSCALE, {"size": "128x64"}), (TOGETHER, {"width": 128, "height": 64})])
    def test_a_partner_answers_in_base64(self, hugging_face: HuggingFaceStandIn, path: str, changes: dict[str, Any]) -> None:
        [item] = ask(hugging_face, path, **changes).json()["data"]
        assert decode(base64.b64decode(item["b64_json"])).size == (128, 64)

    def test_a_picture_repeats_for_its_seed(self, hugging_face: HuggingFaceStandIn) -> None:
        bodies = [ask(hugging_face, parameters={"seed": seed}).content for seed in (7, 7, 8)]
        assert bodies[0] == bodies[1] != bodies[2]

    def test_a_picture_is_billed(self, hugging_face: HuggingFaceStandIn) -> None:
        ask(hugging_face, headers={"x-chaotix-attempt": "a-17"})
        [call] = hugging_face.calls
        assert (call.attempt, call.path, call.prompt, call.credits) == ("a-17", RAW, "a fox", hugging_face.bill)
        assert hugging_face.bill > 0


class TestProtocol:
    @pytest.mark.parametrize("path", GOOD)
    @pytest.mark.parametrize("key", ["", "Bearer", "Bearer hf_other", "hf_test"])
    def test_a_wrong_key_is_refused(self, hugging_face: HuggingFaceStandIn, path: str, key: str) -> None:
        assert ask(hugging_face, path, headers={"authorization": key}).status_code == 401

    def test_only_the_endpoint_can_be_open(self) -> None:
        with HuggingFaceStandIn(key="") as standin:
            statuses = [requests.post(standin.url + path, json=GOOD[path], timeout=10).status_code for path in (RAW, NSCALE)]
            open_to_all = requests.post(standin.url, json=GOOD["/"], headers={"accept": "image/png"}, timeout=10)
        assert (statuses, open_to_all.status_code) == ([401, 401], 200)

    @pytest.mark.parametrize(
        "parameters",
        [
            {"width": 512}, {"width": 500, "height": 512}, {"width": "512", "height": 512}, {"width": True, "height": True},
            {"seed": -1}, {"seed": 1.5}, {"seed": "7"}, {"negative_prompt": ""}, {"guidance_scale": "7"}, {"steps": 4},
            {"num_inference_steps": 0}, [], "seed",
        ],
    )  # fmt: skip
    def test_a_broken_parameter_is_refused(self, hugging_face: HuggingFaceStandIn, parameters: object) -> None:
        response = ask(hugging_face, parameters=parameters)
        assert (response.status_code, [*response.json()], hugging_face.bill) == (400, ["error"], 0)

    @pytest.mark.parametrize(
        ("path", "changes"),
        [
            (RAW, {"inputs": ""}), (RAW, {"inputs": ["a fox"]}), (RAW, {"prompt": "a fox"}), (NSCALE, {"seed": 7}),
            (NSCALE, {"size": "512"}), (NSCALE, {"response_format": "base64"}), (NSCALE, {"width": 512, "height": 512}),
            (TOGETHER, {"response_format": "b64_json"}), (TOGETHER, {"height": 512}), (TOGETHER, {"size": "512x512"}),
            (TOGETHER, {"n": 2}), (TOGETHER, {"prompt": None}),
        ],
    )  # fmt: skip
    def test_a_broken_field_is_refused(self, hugging_face: HuggingFaceStandIn, path: str, changes: dict[str, Any]) -> None:
        response = ask(hugging_face, path, **changes)
        assert (response.status_code, [*response.json()], hugging_face.bill) == (400, ["error"], 0)

    @pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html"])
    def test_a_picture_must_be_asked_for(self, hugging_face: HuggingFaceStandIn, accept: str) -> None:
        assert ask(hugging_face, headers={"accept": accept}).status_code == 400

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"inputs=a+fox"])
    @pytest.mark.parametrize("path", GOOD)
    def test_a_body_that_is_no_object_is_refused(self, hugging_face: HuggingFaceStandIn, path: str, body: bytes) -> None:
        headers = {"authorization": "Bearer hf_test", "content-type": "application/json"}
        assert requests.post(hugging_face.url + path, data=body, headers=headers, timeout=10).status_code == 400

    def test_a_model_of_another_provider_is_refused(self, hugging_face: HuggingFaceStandIn) -> None:
        headers = {"authorization": "Bearer hf_test", "accept": "image/png"}
        url = f"{hugging_face.url}/hf-inference/models/{FLUX}"
        response = requests.post(url, json=GOOD[RAW], headers=headers, timeout=10)
        assert (response.status_code, response.json()) == (400, {"error": "Model not supported by provider hf-inference"})
        assert ask(hugging_face, TOGETHER, model="x").status_code == 404

    def test_nothing_else_is_served(self, hugging_face: HuggingFaceStandIn) -> None:
        url, headers = hugging_face.url, {"authorization": "Bearer hf_test"}
        response = requests.post(f"{url}/fal-ai/fast-sdxl", json={}, headers=headers, timeout=10)
        assert (response.status_code, response.text) == (404, "Not Found")
        assert requests.get(url + RAW, headers=headers, timeout=10).status_code == 405

    @pytest.mark.parametrize("path", ["/api/whoami-v2", "/health"])
    def test_a_question_is_free_and_needs_the_key(self, hugging_face: HuggingFaceStandIn, path: str) -> None:
        headers = [{"authorization": f"Bearer {key}"} for key in ("hf_test", "hf_other")]
        statuses = [requests.get(hugging_face.url + path, headers=sent, timeout=10).status_code for sent in headers]
        assert (statuses, hugging_face.calls) == ([200, 401], [])


class TestHuggingfaceHub:
    """Hugging Face's own client drives the stand-in unchanged; with partners it does in tests/providers."""

    def client(self, standin: HuggingFaceStandIn, path: str = "", token: str = "hf_test") -> InferenceClient:
        return InferenceClient(model=standin.url + path, token=token)

    @pytest.mark.parametrize("path", ["", "/predict", RAW])
    def test_it_receives_a_picture(self, hugging_face: HuggingFaceStandIn, path: str) -> None:
        picture = self.client(hugging_face, path).text_to_image(
            "a fox", negative_prompt="rain", width=256, height=128, num_inference_steps=4, guidance_scale=3.5, seed=7
        )
        assert (picture.format, picture.size) == ("PNG", (256, 128))
        assert hugging_face.bill > 0

    @pytest.mark.parametrize(
        ("scripted", "status"),
        [
            (answers.unauthorized(), 401),
            (answers.forbidden(), 403),
            (answers.out_of_credit(), 402),
            (answers.not_found(), 404),
            (answers.invalid(), 422),
            (answers.rate_limited(), 429),
            (answers.loading(), 503),
            (answers.overloaded(), 503),
            (answers.failed(500), 500),
        ],
    )
    def test_an_error_becomes_its_own_exception_after_one_call(
        self, hugging_face: HuggingFaceStandIn, scripted: Answer, status: int
    ) -> None:
        hugging_face.always("fox", scripted)
        with pytest.raises(HfHubHTTPError) as caught:
            self.client(hugging_face).text_to_image("a fox")
        assert (caught.value.response.status_code, len(hugging_face.calls)) == (status, 1)

    def test_a_model_of_another_provider_is_a_bad_request(self, hugging_face: HuggingFaceStandIn) -> None:
        with pytest.raises(BadRequestError, match="not supported by provider"):
            self.client(hugging_face, f"/hf-inference/models/{FLUX}").text_to_image("a fox")

    def test_a_wrong_key_is_told(self, hugging_face: HuggingFaceStandIn) -> None:
        with pytest.raises(HfHubHTTPError, match="401"):
            self.client(hugging_face, token="hf_other").text_to_image("a fox")

    def test_it_asks_whose_the_key_is(self, hugging_face: HuggingFaceStandIn) -> None:
        assert HfApi(endpoint=hugging_face.url, token="hf_test").whoami()["name"] == "ada"
