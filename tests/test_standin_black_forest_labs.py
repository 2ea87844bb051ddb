"""The stand-in for Black Forest Labs keeps its protocol, bills what it made, and takes a client that others wrote."""

import io
import os
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import httpx
import pytest
import requests
from PIL import Image

from tests.standins import black_forest_labs as answers
from tests.standins import faults
from tests.standins.black_forest_labs import BlackForestLabsStandIn
from tests.standins.black_forest_labs_rules import MODELS
from tests.standins.faults import Answer as Said

KEY = {"x-key": "sk-test"}


@pytest.fixture
def bfl() -> Iterator[BlackForestLabsStandIn]:
    with BlackForestLabsStandIn() as standin:
        yield standin


def ask(bfl: BlackForestLabsStandIn, model: str = "flux-2-pro", key: str = "sk-test", **fields: Any) -> requests.Response:
    content = {"prompt": "a fox", **fields}
    return requests.post(f"{bfl.url}/v1/{model}", headers={"x-key": key}, json=content, timeout=10)


def poll(address: str) -> Any:
    return requests.get(address, headers=KEY, timeout=10).json()


def detail(response: requests.Response) -> Any:
    body = response.json()
    assert set(body) == {"detail"}
    return body["detail"]


def decode(picture: bytes) -> Image.Image:
    decoded = Image.open(io.BytesIO(picture))
    decoded.load()
    return decoded


class TestProtocol:
    @pytest.mark.parametrize("model", MODELS)
    def test_every_model_draws_and_is_billed(self, bfl: BlackForestLabsStandIn, model: str) -> None:
        accepted = ask(bfl, model).json()
        found = poll(accepted["polling_url"])
        assert found["status"] == "Ready"
        assert decode(requests.get(found["result"]["sample"], timeout=10).content)
        assert bfl.bill == accepted["cost"] == MODELS[model].credits

    @pytest.mark.parametrize(
        ("model", "fields"),
        [
            ("flux-2-pro", {"width": 65}),
            ("flux-2-pro", {"width": 48}),
            ("flux-2-pro", {"width": "1024"}),
            ("flux-2-pro", {"width": True}),
            ("flux-2-pro", {"safety_tolerance": 6}),
            ("flux-2-pro", {"aspect_ratio": "1:1"}),
            ("flux-2-pro", {"negative_prompt": "rain"}),
            ("flux-2-pro", {"prompt": None}),
            ("flux-2-pro", {"seed": 1.5}),
            ("flux-2-pro", {"output_format": "gif"}),
            ("flux-pro-1.1", {"width": 1024, "height": 240}),
            ("flux-pro-1.1", {"height": 1456}),
            ("flux-pro-1.1", {"safety_tolerance": 7}),
            ("flux-pro-1.1-ultra", {"width": 1024}),
            ("flux-pro-1.1-ultra", {"aspect_ratio": "22:9"}),
            ("flux-pro-1.1-ultra", {"aspect_ratio": "wide"}),
            ("flux-pro-1.1-ultra", {"raw": 1}),
        ],
    )
    def test_a_broken_field_is_named_and_free(self, bfl: BlackForestLabsStandIn, model: str, fields: dict[str, Any]) -> None:
        response = ask(bfl, model, **fields)
        assert response.status_code == 422
        assert detail(response)[0]["loc"] == ["body", list(fields)[-1]]
        assert (bfl.bill, len(bfl.calls)) == (0, 1)

    def test_flux_2_needs_a_prompt(self, bfl: BlackForestLabsStandIn) -> None:
        response = requests.post(f"{bfl.url}/v1/flux-2-pro", headers=KEY, json={}, timeout=10)
        assert detail(response)[0]["msg"] == "Field required"

    @pytest.mark.parametrize("body", [b"", b"[]", b"{", b"prompt=a+fox"])
    def test_what_is_no_json_is_refused(self, bfl: BlackForestLabsStandIn, body: bytes) -> None:
        headers = {**KEY, "content-type": "application/json"}
        assert requests.post(f"{bfl.url}/v1/flux-2-pro", headers=headers, data=body, timeout=10).status_code == 422

    def test_a_stranger_gets_nothing(self, bfl: BlackForestLabsStandIn) -> None:
        polling_url = ask(bfl).json()["polling_url"]
        assert ask(bfl, key="sk-other").status_code == 403
        assert requests.get(polling_url, timeout=10).status_code == 403
        assert requests.get(f"{bfl.url}/v1/credits", timeout=10).status_code == 403

    def test_another_path_is_not_found(self, bfl: BlackForestLabsStandIn) -> None:
        assert ask(bfl, "flux-9").status_code == 404
        assert requests.get(f"{bfl.url}/v1/flux-2-pro", headers=KEY, timeout=10).status_code == 405

    def test_a_task_that_nobody_began_is_not_found(self, bfl: BlackForestLabsStandIn) -> None:
        assert poll(f"{bfl.url}/v1/get_result?id=7")["status"] == "Task not found"

    def test_credits_are_told_for_nothing(self, bfl: BlackForestLabsStandIn) -> None:
        assert poll(f"{bfl.url}/v1/credits") == {"credits": 1000.0}
        assert bfl.calls == []

    def test_a_picture_is_the_one_of_its_prompt_and_seed(self, bfl: BlackForestLabsStandIn) -> None:
        samples = [poll(ask(bfl, seed=seed).json()["polling_url"])["result"]["sample"] for seed in (1, 1, 2)]
        first, again, other = (requests.get(sample, timeout=10).content for sample in samples)
        assert first == again != other


class TestScript:
    def test_a_task_may_take_its_time(self, bfl: BlackForestLabsStandIn) -> None:
        bfl.pending = 2
        polling_url = ask(bfl).json()["polling_url"]
        assert [poll(polling_url)["status"] for _ in range(3)] == ["Pending", "Pending", "Ready"]

    def test_no_task_is_finished_until_a_test_says_so(self, bfl: BlackForestLabsStandIn) -> None:
        bfl.finishing.clear()
        polling_url = ask(bfl).json()["polling_url"]
        assert poll(polling_url)["status"] == "Pending"
        bfl.finishing.set()
        assert poll(polling_url)["status"] == "Ready"

    @pytest.mark.parametrize(
        ("answer", "status", "bill"),
        [
            (answers.request_moderated(), "Request Moderated", 0),
            (answers.content_moderated(), "Content Moderated", 0),
            (answers.failed(), "Error", 3),
            (answers.lost(), "Task not found", 3),
        ],
    )
    def test_a_task_may_end_without_a_picture(
        self, bfl: BlackForestLabsStandIn, answer: Said, status: str, bill: float
    ) -> None:
        bfl.when("fox", answer)
        assert poll(ask(bfl).json()["polling_url"])["status"] == status
        assert bfl.bill == bill

    def test_a_damaged_picture_is_found_at_its_download(self, bfl: BlackForestLabsStandIn) -> None:
        bfl.when("fox", faults.wrong_type())
        sample = poll(ask(bfl).json()["polling_url"])["result"]["sample"]
        assert requests.get(sample, timeout=10).content == b"this is not a picture"

    def test_a_fault_of_a_poll_passes(self, bfl: BlackForestLabsStandIn) -> None:
        polling_url = ask(bfl).json()["polling_url"]
        bfl.on_poll(faults.html(503), faults.hang_up())
        assert requests.get(polling_url, headers=KEY, timeout=10).status_code == 503
        with pytest.raises(requests.ConnectionError):
            poll(polling_url)
        assert poll(polling_url)["status"] == "Ready"


@pytest.fixture(scope="module")
def litellm() -> ModuleType:
    """A client we did not write; told to look up no price list on the network."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    module: ModuleType = pytest.importorskip("litellm")
    return module


class Detour(httpx.BaseTransport):
    """Takes requests for a host on the Internet to the stand-in: litellm polls at no address outside https://*.bfl.ai."""

    def __init__(self, bfl: BlackForestLabsStandIn) -> None:
        self._address = httpx.URL(bfl.url)
        self._wire = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert request.url.host.endswith(".bfl.ai")
        address = request.url.copy_with(scheme="http", host=self._address.host, port=self._address.port)
        return self._wire.handle_request(
            httpx.Request(request.method, address, headers=request.headers, stream=request.stream)
        )

    def close(self) -> None:
        self._wire.close()


@pytest.mark.filterwarnings("ignore")
class TestLiteLLM:
    """A third party's client drives the stand-in unchanged, over a transport that leads its addresses here.

    Key and address stand in the environment: its `api_key` and `api_base` do not reach this part of it in 1.106.
    """

    @pytest.fixture(autouse=True)
    def _environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("BFL_API_KEY", "sk-test")

    def generate(self, litellm: ModuleType, bfl: BlackForestLabsStandIn, **changes: Any) -> str:
        from litellm.llms.custom_httpx.http_handler import HTTPHandler

        bfl.public_url = "https://api.eu4.bfl.ai"
        arguments = {"model": "black_forest_labs/flux-pro-1.1", "prompt": "a fox"} | changes
        with httpx.Client(transport=Detour(bfl)) as client:
            response = litellm.image_generation(**arguments, client=HTTPHandler(client=client), num_retries=0)
        return str(response.data[0].url)

    def test_it_is_led_to_a_picture(self, litellm: ModuleType, bfl: BlackForestLabsStandIn) -> None:
        address = httpx.URL(self.generate(litellm, bfl, size="512x256"))
        assert decode(requests.get(f"{bfl.url}{address.raw_path.decode()}", timeout=10).content).size == (128, 64)
        assert bfl.bill == 4

    @pytest.mark.parametrize("model", ["flux-dev", "flux-pro-1.1-ultra"])
    def test_it_drives_the_other_endpoints(self, litellm: ModuleType, bfl: BlackForestLabsStandIn, model: str) -> None:
        assert self.generate(litellm, bfl, model=f"black_forest_labs/{model}")

    def test_without_the_transport_it_pays_and_polls_nowhere(
        self, litellm: ModuleType, bfl: BlackForestLabsStandIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BFL_API_BASE", bfl.url)
        with pytest.raises(litellm.BadGatewayError, match="scheme must be https"):
            litellm.image_generation(model="black_forest_labs/flux-pro-1.1", prompt="a fox", num_retries=0)
        assert (bfl.bill, bfl.polls) == (4, [])

    def test_a_wrong_key_is_not_taken(
        self, litellm: ModuleType, bfl: BlackForestLabsStandIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BFL_API_KEY", "sk-other")
        with pytest.raises(litellm.InternalServerError, match="403 Forbidden"):
            self.generate(litellm, bfl)

    # It makes a 500 of its own of whatever refuses the call, and tells the true status in words.
    @pytest.mark.parametrize(
        ("scripted", "error", "words"),
        [
            (answers.rate_limited(), "InternalServerError", "429 Too Many Requests"),
            (answers.invalid(), "InternalServerError", "422 Unprocessable"),
            (answers.internal_error(), "InternalServerError", "500 Internal Server Error"),
            (answers.request_moderated(), "BadRequestError", "Request Moderated"),
            (answers.content_moderated(), "BadRequestError", "Content Moderated"),
            (answers.failed(), "BadRequestError", "Error"),
        ],
    )
    def test_an_error_becomes_its_own_exception_after_one_call(
        self, litellm: ModuleType, bfl: BlackForestLabsStandIn, scripted: Said, error: str, words: str
    ) -> None:
        bfl.always("fox", scripted)
        with pytest.raises(getattr(litellm, error), match=words):
            self.generate(litellm, bfl)
        assert len(bfl.calls) == 1
