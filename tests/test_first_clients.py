"""What the documents of the five programs tell people to send, sent to the product as it is written there."""

import base64
import io
import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from PIL import Image

from tests import needs
from tests.product import Product
from tests.waiting import wait_until

TEXTS = ["A red flying dog", "A piano ninja", "A footballer kid"]
TEXT_PROMPTS = ["A red flying dog", "A husky ninja", "A footballer kid", "A wizard on Mars", "Baby Dragon"]
HEADER = "Content-Type: application/json"


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    with Product(STOP_SECONDS=2) as running:
        yield running


def curl(*words: str) -> str:
    command = [needs.curl(), "--silent", "--show-error", "--location", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def is_a_picture(body: bytes, size: tuple[int, int] = (640, 640)) -> bool:
    return Image.open(io.BytesIO(body)).size == size


@pytest.fixture(scope="module")
def ids(product: Product) -> list[str]:
    """What the first program's curl is answered."""
    sent = '{\n    "text":["A red flying dog","A piano ninja", "A footballer kid"]\n}'
    ids: list[str] = json.loads(curl(f"{product.url}/generate-images", "--header", HEADER, "--data", sent))["task_ids"]
    return ids


class TestChaotixAssignment:
    def test_one_gets_a_list_of_task_ids(self, ids: list[str]) -> None:
        assert len({*ids}) == len(TEXTS)

    def test_one_sees_the_pictures_by_their_ids(self, product: Product, ids: list[str]) -> None:
        product.finished(ids)
        sent = json.dumps({"task_ids": ids}, indent=4)
        page = curl("--request", "GET", f"{product.url}/show-images", "--header", HEADER, "--data", sent)
        assert [page.index(text) for text in TEXTS] == sorted(page.index(text) for text in TEXTS)
        assert page.count("<img") >= len(TEXTS)


class TestDjangoTextToImage:
    def test_what_was_posted_is_got_as_pictures(self, product: Product) -> None:
        url = f"{product.url}/api/generate_image/"
        sent = requests.post(url, json={"text_prompts": TEXT_PROMPTS, "image_size": "1024x1024"}, timeout=30)
        product.finished(sent.json()["task_ids"])
        pictures: list[Any] = requests.get(url, timeout=30).json()
        assert [picture["text_prompt"] for picture in pictures[:5]] == TEXT_PROMPTS[::-1]
        assert all(is_a_picture(base64.b64decode(picture["image_data"]), (1024, 1024)) for picture in pictures[:5])

    def test_the_web_api_is_a_page_with_a_form(self, product: Product) -> None:
        page = requests.get(f"{product.url}/api/generate_image/", headers={"Accept": "text/html"}, timeout=30).text
        assert "<form" in page
        assert "text_prompts" in page


class TestDjangoRestServer:
    def test_a_starting_prompt_is_written_on_and_drawn(self, product: Product) -> None:
        told = requests.get(f"{product.url}/apis/generate-image/", timeout=90).json()
        assert told["prompt"].startswith(told["starting_prompt"])
        assert is_a_picture(requests.get(told["image_url"], timeout=30).content)


class TestFastAPIWithCelery:
    def test_a_job_goes_from_pending_to_success_and_its_picture_is_at_its_address(self, product: Product) -> None:
        body = {"prompt": "A knight", "negative_prompt": "", "style_id": "pixel_art", "seed": -1}
        job = requests.post(f"{product.url}/v1/generate", json=body, timeout=30).json()["job_id"]
        wait_until(lambda: self.status(product, job)["status"] == "SUCCESS", seconds=60, what="the job's SUCCESS")
        [url] = self.status(product, job)["result_urls"]
        assert is_a_picture(requests.get(f"{product.url}{url}", timeout=30).content)

    def status(self, product: Product, job: str) -> dict[str, Any]:
        return product.get(f"/v1/jobs/{job}")
