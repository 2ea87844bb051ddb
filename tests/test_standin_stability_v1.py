"""The stand-in for Stability's v1 keeps the documented protocol, and answers a broken one as documented.

No client that somebody else wrote speaks v1 and can be pointed at another host, so the shapes are held against a JSON schema
written from Stability's specification, by a validator that is not ours.
"""

import base64
import io
from collections.abc import Iterator
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import requests
from PIL import Image

from tests.standins import faults
from tests.standins import stability_v1 as answers
from tests.standins.stability_v1 import ENGINE, StabilityV1StandIn

GENERATE = f"/v1/generation/{ENGINE}/text-to-image"
SIZE = {"width": 1024, "height": 1024}
PROMPTS = [{"text": "a fox"}]


def exactly(**properties: Any) -> dict[str, Any]:
    """Return the schema of an object that has all of these and nothing else."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


TEXT = {"type": "string"}
ERROR = exactly(id=TEXT, name=TEXT, message=TEXT)
FINISH = {"enum": ["SUCCESS", "ERROR", "CONTENT_FILTERED"]}
ARTIFACT = exactly(base64=TEXT, seed={"type": "integer", "minimum": 0, "maximum": 4294967295}, finishReason=FINISH)
PICTURES = exactly(artifacts={"type": "array", "items": ARTIFACT, "minItems": 1, "maxItems": 10})
KINDS = {"enum": ["AUDIO", "CLASSIFICATION", "PICTURE", "STORAGE", "TEXT", "VIDEO"]}
ENGINES = {"type": "array", "items": exactly(id=TEXT, name=TEXT, description=TEXT, type=KINDS)}
ORGANIZATIONS = {"type": "array", "items": exactly(id=TEXT, name=TEXT, role=TEXT, is_default={"type": "boolean"})}
ACCOUNT = exactly(id=TEXT, email=TEXT, organizations=ORGANIZATIONS, profile_picture=TEXT)


@pytest.fixture
def standin() -> Iterator[StabilityV1StandIn]:
    with StabilityV1StandIn() as standin:
        yield standin


def ask(standin: StabilityV1StandIn, *, accept: str = "application/json", key: str = "sk-test", **changes: Any) -> Any:
    content = {"text_prompts": PROMPTS, **SIZE, **changes}
    content = {name: value for name, value in content.items() if value is not None}
    headers = {"accept": accept, "authorization": f"Bearer {key}"}
    return requests.post(standin.url + GENERATE, json=content, headers=headers, timeout=10)


def fault(response: Any) -> tuple[int, str]:
    """Return status and name of an error, which has the documented shape."""
    jsonschema.validate(response.json(), ERROR)
    return response.status_code, response.json()["name"]


def opened(picture: bytes) -> Image.Image:
    return Image.open(io.BytesIO(picture))


class TestPictures:
    def test_json_has_the_documented_shape(self, standin: StabilityV1StandIn) -> None:
        response = ask(standin, samples=2, seed=7, style_preset="anime", cfg_scale=7.5, steps=30, sampler="DDIM")
        jsonschema.validate(response.json(), PICTURES)
        artifacts = response.json()["artifacts"]
        assert [artifact["seed"] for artifact in artifacts] == [7, 8]
        assert opened(base64.b64decode(artifacts[0]["base64"])).format == "PNG"
        assert standin.bill == 2

    def test_a_picture_tells_seed_and_end_in_its_headers(self, standin: StabilityV1StandIn) -> None:
        response = ask(standin, accept="image/png", seed=7, width=1536, height=640)
        names = ("content-type", "finish-reason", "seed")
        assert [response.headers[name] for name in names] == ["image/png", "SUCCESS", "7"]
        assert opened(response.content).size == (96, 40)

    def test_seed_zero_is_drawn(self, standin: StabilityV1StandIn) -> None:
        assert len({ask(standin, accept="image/png", seed=0).headers["seed"] for _ in range(3)}) == 3

    def test_a_filtered_picture_says_so_and_is_billed(self, standin: StabilityV1StandIn) -> None:
        standin.when("", answers.filtered(), answers.filtered())
        told = [
            ask(standin).json()["artifacts"][0]["finishReason"],
            ask(standin, accept="image/png").headers["finish-reason"],
        ]
        assert told == ["CONTENT_FILTERED"] * 2
        assert standin.bill == 2

    def test_a_call_is_on_the_bill_with_its_attempt(self, standin: StabilityV1StandIn) -> None:
        headers = {"authorization": "Bearer sk-test", "accept": "application/json", "x-chaotix-attempt": "7"}
        requests.post(standin.url + GENERATE, json={"text_prompts": PROMPTS, **SIZE}, headers=headers, timeout=10)
        [call] = standin.calls
        assert (call.attempt, call.prompt, call.status, call.credits) == ("7", "a fox", 200, 1)


class TestBrokenRequests:
    @pytest.mark.parametrize(
        "changes",
        [
            {"text_prompts": None}, {"text_prompts": []}, {"text_prompts": "a fox"}, {"text_prompts": ["a fox"]},
            {"text_prompts": [{"text": ""}]}, {"text_prompts": [{"text": "x" * 2001}]}, {"text_prompts": [{"weight": 1}]},
            {"text_prompts": [{"text": "x", "weight": "1"}]}, {"text_prompts": [{"text": "x", "color": 1}]},
            {"seed": -1}, {"seed": 4294967296}, {"seed": "7"}, {"seed": True}, {"cfg_scale": 36}, {"cfg_scale": "7"},
            {"steps": 9}, {"steps": 51}, {"sampler": "EULER"}, {"style_preset": "oil"}, {"clip_guidance_preset": "FASTER"},
            {"extras": []}, {"aspect_ratio": "1:1"}, {"prompt": "a fox"}, {"width": 1000}, {"width": 1024.0},
        ],
        ids=str,
    )  # fmt: skip
    def test_a_broken_field_is_a_bad_request(self, standin: StabilityV1StandIn, changes: dict[str, Any]) -> None:
        assert fault(ask(standin, **changes)) == (400, "bad_request")
        assert [call.credits for call in standin.calls] == [0]

    @pytest.mark.parametrize(
        "changes", [{"width": None, "height": None}, {"width": 512, "height": 512}, {"width": 640, "height": 640}], ids=str
    )
    def test_a_size_of_another_engine_is_refused(self, standin: StabilityV1StandIn, changes: dict[str, Any]) -> None:
        assert fault(ask(standin, **changes)) == (400, "invalid_height_or_width")

    @pytest.mark.parametrize("changes", [{"samples": 0}, {"samples": 11}, {"samples": 2, "accept": "image/png"}], ids=str)
    def test_so_many_samples_are_refused(self, standin: StabilityV1StandIn, changes: dict[str, Any]) -> None:
        assert fault(ask(standin, **changes)) == (400, "invalid_samples")

    def test_another_accept_is_refused(self, standin: StabilityV1StandIn) -> None:
        assert fault(ask(standin, accept="image/*")) == (400, "bad_request")

    @pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null"])
    def test_what_is_no_object_is_refused(self, standin: StabilityV1StandIn, body: bytes) -> None:
        headers = {"authorization": "Bearer sk-test", "content-type": "application/json"}
        assert fault(requests.post(standin.url + GENERATE, data=body, headers=headers, timeout=10)) == (400, "bad_request")

    def test_a_form_is_refused(self, standin: StabilityV1StandIn) -> None:
        headers = {"authorization": "Bearer sk-test"}
        response = requests.post(standin.url + GENERATE, files={"text": b"x"}, headers=headers, timeout=10)
        assert fault(response) == (400, "bad_request")

    def test_another_key_is_unauthorized(self, standin: StabilityV1StandIn) -> None:
        assert fault(ask(standin, key="sk-other")) == (401, "unauthorized")

    @pytest.mark.parametrize(
        "path", ["/", "/v2beta/stable-image/generate/core", "/v1/generation/stable-diffusion-v1-5/text-to-image"]
    )
    def test_another_path_or_engine_is_not_found(self, standin: StabilityV1StandIn, path: str) -> None:
        headers = {"authorization": "Bearer sk-test"}
        assert fault(requests.post(standin.url + path, json={}, headers=headers, timeout=10)) == (404, "not_found")


class TestDocumentedAnswers:
    @pytest.mark.parametrize(
        ("answer", "status", "billed"),
        [
            (answers.refused(), 400, 0),
            (answers.bad_request(), 400, 0),
            (answers.unauthorized(), 401, 0),
            (answers.out_of_credit(), 402, 0),
            (answers.permission_denied(), 403, 0),
            (answers.not_found(), 404, 0),
            (answers.rate_limited(), 429, 0),
            (answers.server_error(), 500, 1),
        ],
        ids=lambda value: value.name if isinstance(value, faults.Answer) else None,
    )
    def test_an_error_has_its_shape_and_its_place_on_the_bill(
        self, standin: StabilityV1StandIn, answer: faults.Answer, status: int, billed: float
    ) -> None:
        standin.when("", answer)
        assert fault(ask(standin)) == (status, answer.name)
        assert standin.bill == billed


class TestAsides:
    @pytest.mark.parametrize(
        ("path", "schema"),
        [
            ("/v1/engines/list", ENGINES),
            ("/v1/user/balance", exactly(credits={"type": "number"})),
            ("/v1/user/account", ACCOUNT),
        ],
    )
    def test_what_is_free_has_its_shape_and_wants_the_key(
        self, standin: StabilityV1StandIn, path: str, schema: dict[str, Any]
    ) -> None:
        headers = {"authorization": "Bearer sk-test"}
        jsonschema.validate(requests.get(standin.url + path, headers=headers, timeout=10).json(), schema)
        assert fault(requests.get(standin.url + path, timeout=10)) == (401, "unauthorized")
        assert standin.calls == []

    def test_what_is_free_is_only_to_be_got(self, standin: StabilityV1StandIn) -> None:
        headers = {"authorization": "Bearer sk-test"}
        assert fault(requests.post(standin.url + "/v1/user/balance", headers=headers, timeout=10)) == (404, "not_found")
