"""The stand-in for Automatic1111's API keeps its protocol, bills what it made, and takes a client that others wrote."""

import base64
import io
import json
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
import requests
from PIL import Image

from tests.standins import automatic1111 as answers
from tests.standins.automatic1111 import SAMPLERS, Automatic1111StandIn
from tests.standins.faults import Answer as Said


@pytest.fixture
def webui() -> Iterator[Automatic1111StandIn]:
    with Automatic1111StandIn() as standin:
        yield standin


def ask(webui: Automatic1111StandIn, **fields: Any) -> requests.Response:
    return requests.post(f"{webui.url}/sdapi/v1/txt2img", json={"prompt": "a fox", **fields}, timeout=10)


def decode(picture: str) -> Image.Image:
    decoded = Image.open(io.BytesIO(base64.b64decode(picture)))
    decoded.load()
    return decoded


class TestProtocol:
    def test_a_picture_comes_with_what_is_known_of_it(self, webui: Automatic1111StandIn) -> None:
        answer = ask(webui, seed=7, width=512, height=256).json()
        assert set(answer) == {"images", "parameters", "info"}
        assert decode(answer["images"][0]).size == (128, 64)
        assert json.loads(answer["info"])["seed"] == 7
        assert webui.bill == 1

    @pytest.mark.parametrize("seed", [None, -1])
    def test_a_seed_is_drawn_where_none_is_given(self, webui: Automatic1111StandIn, seed: int | None) -> None:
        assert json.loads(ask(webui, seed=seed).json()["info"])["seed"] >= 0

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("width", 513),
            ("height", 4096),
            ("width", "512"),
            ("steps", True),
            ("seed", 1.5),
            ("prompt", 7),
            ("styles", "anime"),
            ("enable_hr", "yes"),
            ("negativ_prompt", "rain"),
            ("override_settings", []),
        ],
    )
    def test_a_broken_field_is_named_and_free(self, webui: Automatic1111StandIn, field: str, value: object) -> None:
        response = ask(webui, **{field: value})
        assert response.status_code == 422
        assert response.json()["detail"][0]["loc"] == ["body", field]
        assert (webui.bill, len(webui.calls)) == (0, 1)

    @pytest.mark.parametrize("body", [b"", b"[]", b"{"])
    def test_what_is_no_json_is_refused(self, webui: Automatic1111StandIn, body: bytes) -> None:
        headers = {"content-type": "application/json"}
        response = requests.post(f"{webui.url}/sdapi/v1/txt2img", headers=headers, data=body, timeout=10)
        assert response.status_code == 422

    @pytest.mark.parametrize(
        ("fields", "told"),
        [
            ({"sampler_name": "Abacus"}, "Sampler not found"),
            ({"override_settings": {"sd_model_checkpoint": "lost"}}, "Model not found"),
        ],
    )
    def test_what_is_not_there_is_not_found(self, webui: Automatic1111StandIn, fields: dict[str, Any], told: str) -> None:
        response = ask(webui, **fields)
        assert (response.status_code, response.json()["detail"]) == (404, told)
        assert set(response.json()) == {"error", "detail", "body", "errors"}

    def test_a_stranger_gets_nothing(self, webui: Automatic1111StandIn) -> None:
        webui.user = "artist"
        assert ask(webui).json() == {"detail": "Not authenticated"}
        for path in ("txt2img", "sd-models"):
            response = requests.get(f"{webui.url}/sdapi/v1/{path}", auth=("artist", "wrong"), timeout=10)
            assert response.status_code in (401, 405)

    def test_another_path_is_not_found(self, webui: Automatic1111StandIn) -> None:
        assert requests.get(f"{webui.url}/sdapi/v1/img2img", timeout=10).json() == {"detail": "Not Found"}


@pytest.fixture(scope="module")
def webuiapi() -> ModuleType:
    """A client we did not write."""
    module: ModuleType = pytest.importorskip("webuiapi")
    return module


@pytest.mark.filterwarnings("ignore")
class TestWebUIApi:
    """A third party's client drives the stand-in unchanged."""

    def client(self, webuiapi: ModuleType, webui: Automatic1111StandIn, **options: str) -> Any:
        return webuiapi.WebUIApi(baseurl=f"{webui.url}/sdapi/v1", **options)

    def test_it_receives_a_picture(self, webuiapi: ModuleType, webui: Automatic1111StandIn) -> None:
        result = self.client(webuiapi, webui).txt2img(prompt="a fox", seed=7, steps=4, width=256, height=256)
        assert (result.image.size, result.info["seed"]) == ((64, 64), 7)
        assert webui.bill == 1

    def test_its_user_and_password_are_taken(self, webuiapi: ModuleType, webui: Automatic1111StandIn) -> None:
        webui.user = "artist"
        client = self.client(webuiapi, webui, username="artist", password="sk-test")
        assert client.txt2img(prompt="a fox").image

    def test_it_may_choose_a_checkpoint(self, webuiapi: ModuleType, webui: Automatic1111StandIn) -> None:
        result = self.client(webuiapi, webui).txt2img(prompt="x", override_settings={"sd_model_checkpoint": "old.ckpt"})
        assert result.info["sd_model_name"] == "old.ckpt"

    def test_it_learns_what_there_is(self, webuiapi: ModuleType, webui: Automatic1111StandIn) -> None:
        client = self.client(webuiapi, webui)
        assert [sampler["name"] for sampler in client.get_samplers()] == list(SAMPLERS)
        assert [model["title"] for model in client.get_sd_models()] == ["dream_xl.safetensors [31e35c80fc]", "old.ckpt"]
        assert client.get_options()["samples_format"] == "png"
        assert client.get_progress()["progress"] == 0
        assert webui.calls == []

    @pytest.mark.parametrize(
        ("scripted", "status"),
        [
            (answers.out_of_memory(), 500),
            (answers.sampler_not_found(), 404),
            (answers.invalid(), 422),
            (answers.unauthorized(), 401),
        ],
    )
    def test_an_error_becomes_its_own_exception_after_one_call(
        self, webuiapi: ModuleType, webui: Automatic1111StandIn, scripted: Said, status: int
    ) -> None:
        webui.always("", scripted)
        with pytest.raises(RuntimeError) as caught:
            self.client(webuiapi, webui).txt2img(prompt="a fox")
        assert caught.value.args[0] == status
        assert len(webui.calls) == 1
