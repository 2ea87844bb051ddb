"""OpenAI's own SDK against the running product, and what it does not say by itself."""

import base64
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import psutil
import pytest
import requests
from openai import OpenAI
from PIL import Image

from tests.product import Product
from tests.waiting import wait_until

PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    with Product(STOP_SECONDS=2) as running:
        yield running


@pytest.fixture(scope="module")
def sdk(product: Product) -> OpenAI:
    """The SDK as it comes: it tries twice more by itself."""
    return OpenAI(base_url=f"{product.url}/v1", api_key="unused")


def post(product: Product, body: dict[str, Any], **headers: str) -> requests.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.post(f"{product.url}/v1/images/generations", json=body, headers=names, timeout=60)


def drawn(sdk: OpenAI, **options: Any) -> list[Any]:
    return list(sdk.images.generate(model="demo", **options).data or [])


def pixels(picture: Any) -> bytes:
    return Image.open(io.BytesIO(base64.b64decode(picture.b64_json))).tobytes()


def batches(product: Product) -> int:
    [(count,)] = product.rows("SELECT COUNT(*) FROM imagegen_batch")
    return int(count)


def states(product: Product, prompt: str) -> list[str]:
    return [state for (state,) in product.rows(f"SELECT state FROM imagegen_job WHERE prompt = '{prompt}'")]


def leave(product: Product, prompt: str) -> None:
    """Ask for a picture that takes a while, and do not wait for it."""
    with pytest.raises(requests.Timeout):
        requests.post(f"{product.url}/v1/images/generations", json={"prompt": prompt, "size": "64x64"}, timeout=1)
    wait_until(lambda: bool(states(product, prompt)), seconds=30, what="the job of who went away")


def error_of(answer: requests.Response) -> dict[str, Any]:
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


def test_pictures_come_in_both_formats_where_none_was_named(sdk: OpenAI) -> None:
    made = drawn(sdk, prompt="A red flying dog", n=2, extra_body={"size": "64x64"})
    assert len(made) == 2
    for picture in made:
        body = base64.b64decode(picture.b64_json)
        assert body.startswith(PNG)
        assert requests.get(picture.url, timeout=30).content == body


@pytest.mark.parametrize(("wanted", "other"), [("b64_json", "url"), ("url", "b64_json")])
def test_a_format_that_was_named_comes_alone(sdk: OpenAI, wanted: Any, other: str) -> None:
    [picture] = sdk.images.generate(prompt="A piano ninja", model="demo/demo", response_format=wanted).data or []
    assert getattr(picture, wanted)
    assert getattr(picture, other) is None


def test_a_seed_travels_in_the_extra_body(sdk: OpenAI) -> None:
    seeds = (7, 7, 8)
    first, again, other = (
        pixels(drawn(sdk, prompt="A kite", extra_body={"seed": seed, "size": "64x64"})[0]) for seed in seeds
    )
    assert first == again != other


@pytest.mark.parametrize("harmless", [{"user": "ada"}, {"quality": "auto"}, {"style": "vivid"}, {"output_format": "png"}])
def test_what_other_clients_send_beside_it_is_no_matter(product: Product, harmless: dict[str, str]) -> None:
    assert post(product, {"prompt": "A kite", "size": "64x64", **harmless}).status_code == 200


def test_a_refusal_is_a_bad_request_with_openai_s_own_code(sdk: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.images.generate(prompt="A thief [demo: refuse]", model="demo")
    assert caught.value.code == "moderation_blocked"


def test_an_unknown_outcome_is_said_once_and_never_bought_again(product: Product, sdk: OpenAI) -> None:
    before = batches(product)
    with pytest.raises(openai.InternalServerError) as caught:
        sdk.images.generate(prompt="A kite [demo: unknown]", model="demo")
    assert caught.value.code == "outcome_unknown"
    assert batches(product) == before + 1


def test_what_an_sdk_sends_again_joins_the_first(product: Product) -> None:
    before, body = batches(product), {"prompt": "A kite sent twice", "size": "64x64"}
    first = post(product, body)
    again = post(product, body, x_stainless_retry_count="1")
    assert first.json() == again.json()
    assert batches(product) == before + 1


def test_the_same_asked_anew_is_drawn_anew(product: Product) -> None:
    before, body = batches(product), {"prompt": "A kite asked for twice", "size": "64x64"}
    assert [post(product, body).status_code for _ in range(2)] == [200, 200]
    assert batches(product) == before + 2


def test_an_sdk_that_gives_up_after_hours_and_sends_it_again_joins_the_first(product: Product) -> None:
    prompt = "A kite in a long queue [demo: slow 4]"
    leave(product, prompt)
    product.change("UPDATE imagegen_batch SET created = '2026-01-01 00:00:00'")
    assert post(product, {"prompt": prompt, "size": "64x64"}, x_stainless_retry_count="1").status_code == 200
    assert states(product, prompt) == ["succeeded"]


@pytest.mark.parametrize(
    ("state", "status", "code"),
    [("unknown", 502, "outcome_unknown"), ("failed", 502, "failed"), ("canceled", 409, "canceled")],
)
def test_what_got_no_picture_is_not_made_anew_for_who_asks_again_at_once(
    product: Product, state: str, status: int, code: str
) -> None:
    before, prompt = batches(product), f"A kite that is {state} [demo: unknown]"
    post(product, {"prompt": prompt, "size": "64x64"})
    product.change(f"UPDATE imagegen_job SET state = '{state}' WHERE prompt = '{prompt}'")
    again = post(product, {"prompt": prompt, "size": "64x64"})
    assert (again.status_code, error_of(again)["code"]) == (status, code)
    assert batches(product) == before + 1


def test_later_what_got_no_picture_is_made_anew(product: Product) -> None:
    before, body = batches(product), {"prompt": "A kite asked for the next day [demo: unknown]", "size": "64x64"}
    post(product, body)
    product.change("UPDATE imagegen_job SET ended_at = '2026-01-01 00:00:00' WHERE state = 'unknown'")
    post(product, body)
    assert batches(product) == before + 2


def test_an_sdk_that_says_it_asks_for_the_first_time_is_believed(product: Product) -> None:
    before, body = batches(product), {"prompt": "A kite asked for anew [demo: unknown]", "size": "64x64"}
    for _ in range(2):
        post(product, body, x_stainless_retry_count="0")
    assert batches(product) == before + 2


def test_who_goes_away_loses_nothing(product: Product) -> None:
    prompt = "A slow kite [demo: slow 3]"
    leave(product, prompt)
    wait_until(lambda: states(product, prompt) == ["succeeded"], seconds=30, what="the picture of who went away")


def test_who_comes_back_is_given_what_it_left_and_then_a_new_one(product: Product) -> None:
    prompt = "A kite left behind [demo: slow 3]"
    leave(product, prompt)
    wait_until(lambda: bool(product.redis().keys(product.key("left:*"))), seconds=30, what="the note of who went away")
    assert post(product, {"prompt": prompt, "size": "64x64"}).status_code == 200
    assert states(product, prompt) == ["succeeded"]
    assert post(product, {"prompt": prompt, "size": "64x64"}).status_code == 200
    assert states(product, prompt) == ["succeeded", "succeeded"]


def test_requests_that_wait_hold_no_thread(product: Product) -> None:
    web = psutil.Process(next(pid for words, pid in product.parts() if "uvicorn" in words))
    before, asked = web.num_threads(), batches(product)
    product.manage("pause")
    with ThreadPoolExecutor(40) as people:
        answers = [people.submit(post, product, {"prompt": f"Kite {number}", "size": "64x64"}) for number in range(40)]
        try:
            wait_until(lambda: batches(product) == asked + 40, seconds=60, what="forty requests that wait")
            assert web.num_threads() < before + 20
        finally:
            product.manage("resume")
        assert {answer.result().status_code for answer in answers} == {200}


def test_the_models_are_those_that_can_draw(sdk: OpenAI) -> None:
    assert {"demo", "demo/demo"} <= {model.id for model in sdk.models.list()}


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({}, 400, "prompt"),
        ({"prompt": ""}, 400, "prompt"),
        ({"prompt": "A kite", "n": 11}, 400, "n"),
        ({"prompt": "A kite", "n": 0}, 400, "n"),
        ({"prompt": "A kite", "size": "huge"}, 400, "size"),
        ({"prompt": "A kite", "quality": "hd"}, 400, "quality"),
        ({"prompt": "A kite", "stream": True}, 400, "stream"),
        ({"prompt": "A kite", "response_format": "xml"}, 400, "response_format"),
        ({"prompt": "A kite", "steps": 30}, 400, "steps"),
        ({"prompt": "A kite", "model": 7}, 400, "model"),
        ({"prompt": "A kite", "model": "dall-e-3"}, 404, None),
    ],
)
def test_what_is_wrong_is_named_in_openai_s_shape_and_nothing_is_made(
    product: Product, body: dict[str, Any], status: int, param: str | None
) -> None:
    before = batches(product)
    answer = post(product, body)
    assert (answer.status_code, error_of(answer)["param"], answer.headers["x-should-retry"]) == (status, param, "false")
    assert batches(product) == before


@pytest.mark.parametrize("raw", [b"{", b"[]", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_object_is_a_bad_request(product: Product, raw: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = requests.post(f"{product.url}/v1/images/generations", data=raw, headers=headers, timeout=30)
    assert (answer.status_code, error_of(answer)["type"]) == (400, "invalid_request_error")


def test_a_form_of_another_site_is_not_understood(product: Product) -> None:
    answer = requests.post(f"{product.url}/v1/images/generations", data={"prompt": "A kite"}, timeout=30)
    assert answer.status_code == 415
