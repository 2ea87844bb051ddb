"""Clients that others wrote, unmodified, against the running product: pictures arrive, and nothing is bought twice."""

import base64
import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
import requests

from tests.clients.client import NAMES, Client, Said
from tests.clients.road import BreakingRoad
from tests.product import Product

PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def running() -> Iterator[Callable[[str], Client]]:
    """Start each client once, all before the product, because some take seconds to start."""
    with ExitStack() as started:
        start = functools.cache(lambda name: started.enter_context(Client(name)))
        for name in NAMES:
            # Where one cannot be had, its own tests are skipped.
            with suppress(pytest.skip.Exception):
                start(name)
        yield start


@pytest.fixture(scope="module")
def product(running: object) -> Iterator[Product]:
    with Product(STOP_SECONDS=2) as product:
        yield product


@pytest.fixture(params=NAMES)
def client(request: pytest.FixtureRequest, running: Callable[[str], Client]) -> Client:
    """Each client in turn."""
    return running(request.param)


@pytest.fixture
def sdk(running: Callable[[str], Client]) -> Client:
    """OpenAI's own, for JavaScript."""
    return running("openai")


@pytest.fixture
def prompt(request: pytest.FixtureRequest) -> str:
    """Return words that no other test uses."""
    return str(request.node.name)


def calls(product: Product, prompt: str) -> int:
    """Return how often a provider was asked to draw this."""
    jobs = "imagegen_attempt JOIN imagegen_job ON imagegen_job.id = imagegen_attempt.job_id"
    [(count,)] = product.rows(f"SELECT COUNT(*) FROM {jobs} WHERE prompt = '{prompt}'")
    return int(count)


def draw(client: Client, address: str, prompt: str, **options: object) -> Said:
    return client.ask(address, **{"model": "demo", "prompt": prompt, "size": "64x64", **options})


def content(picture: dict[str, Any]) -> bytes:
    if encoded := picture.get("b64_json"):
        return base64.b64decode(encoded)
    return requests.get(picture["url"], timeout=30).content


def test_two_pictures_arrive(product: Product, client: Client) -> None:
    one, two = (content(picture) for picture in draw(client, product.url, "A kite", n=2)["pictures"])
    assert one.startswith(PNG)
    assert two.startswith(PNG)
    assert one != two


def test_a_model_that_does_not_exist_is_named(product: Product, client: Client) -> None:
    error = draw(client, product.url, "A kite", model="nobody")["error"]
    assert error["status"] == 404
    assert "The model 'nobody' does not exist" in error["message"]


def test_a_refusal_says_why_and_is_not_tried_again(product: Product, client: Client, prompt: str) -> None:
    asked = f"{prompt} [demo: refuse]"
    error = draw(client, product.url, asked)["error"]
    assert error["status"] == 400
    assert "The demo refused the prompt" in error["message"]
    assert calls(product, asked) == 1


def test_an_unknown_outcome_is_not_bought_again(product: Product, client: Client, prompt: str) -> None:
    asked = f"{prompt} [demo: unknown]"
    error = draw(client, product.url, asked)["error"]
    assert error["status"] == 502
    assert "The demo broke the connection" in error["message"]
    assert calls(product, asked) == 1


def test_a_picture_whose_connection_broke_is_not_bought_again(product: Product, client: Client, prompt: str) -> None:
    asked = f"{prompt} [demo: slow 1]"
    with BreakingRoad(product.port, breaks_when=lambda: calls(product, asked) > 0) as road:
        [picture] = draw(client, road.url, asked)["pictures"]
        assert content(picture).startswith(PNG)
    assert calls(product, asked) == 1


@pytest.mark.parametrize(("wanted", "other"), [("b64_json", "url"), ("url", "b64_json")])
def test_a_format_that_was_named_comes_alone(product: Product, sdk: Client, wanted: str, other: str) -> None:
    [picture] = draw(sdk, product.url, "A kite", response_format=wanted)["pictures"]
    assert content(picture).startswith(PNG)
    assert other not in picture


def test_without_a_format_the_same_picture_comes_in_both(product: Product, sdk: Client) -> None:
    [picture] = draw(sdk, product.url, "A kite", model="demo/demo")["pictures"]
    assert base64.b64decode(picture["b64_json"]) == requests.get(picture["url"], timeout=30).content


@pytest.mark.parametrize(
    ("fields", "kind", "code"),
    [
        ({"model": "nobody"}, "NotFoundError", "model_not_found"),
        ({"prompt": "A thief [demo: refuse]"}, "BadRequestError", "moderation_blocked"),
        ({"prompt": "A kite in the fog [demo: unknown]"}, "InternalServerError", "outcome_unknown"),
    ],
)
def test_an_error_becomes_the_sdk_s_own(product: Product, sdk: Client, fields: dict[str, str], kind: str, code: str) -> None:
    error = draw(sdk, product.url, **{"prompt": "A kite", **fields})["error"]
    assert (error["kind"], error["code"]) == (kind, code)


def test_the_models_are_those_that_can_draw(product: Product, sdk: Client) -> None:
    assert {"demo", "demo/demo"} <= set(sdk.ask(product.url)["models"])
