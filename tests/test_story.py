"""The whole story with real processes: broker, worker, web server, and Stability's stand-in."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from PIL import Image

from tests.product import Product
from tests.standins import stability as answers
from tests.standins.stability import StabilityStandIn

SLOW, REFUSED, FILTERED, FAILING, PATH = (
    "a slow snail",
    "a refused prompt",
    "a blurred prompt",
    "a failing prompt",
    "../../x",
)
TEXTS = [SLOW, REFUSED, FILTERED, FAILING, PATH, "twins", "twins", *(f"picture number {number}" for number in range(13))]


class Story:
    """Twenty prompts sent once, and what became of them."""

    def __init__(self, product: Product, standin: StabilityStandIn) -> None:
        self.product = product
        self.standin = standin
        self.ids = product.generate(*TEXTS)
        self.images = product.finished(self.ids)
        self.by_text: dict[str, dict[str, Any]] = {image["prompt"]: image for image in self.images}

    def files(self) -> set[str]:
        return {name.rpartition("/")[2] for name in self.product.pictures.names() if name.endswith(".png")}


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    with StabilityStandIn(key="sk-story") as standin:
        standin.when(SLOW, answers.success().after(4))
        standin.when(REFUSED, answers.refused())
        standin.when(FILTERED, answers.filtered())
        standin.always(FAILING, answers.internal_error())
        with Product(WORKER_PROCESSES=2, STABILITY_API_KEY="sk-story", STABILITY_API_HOST=standin.url) as product:
            yield Story(product, standin)


def test_twenty_prompts_are_twenty_jobs_in_the_order_asked(story: Story) -> None:
    assert [image["prompt"] for image in story.images] == TEXTS
    assert [image["task_id"] for image in story.images] == story.ids


def test_each_job_ends_in_the_right_state(story: Story) -> None:
    ends = {REFUSED: "refused", FILTERED: "refused", FAILING: "failed"}
    assert [image["state"] for image in story.images] == [ends.get(text, "succeeded") for text in TEXTS]


def test_failures_and_refusals_say_why(story: Story) -> None:
    assert "denied the prompt" in story.by_text[REFUSED]["why"]
    assert "blurred" in story.by_text[FILTERED]["why"]
    assert "internal_error" in story.by_text[FAILING]["why"]


def test_a_documented_500_is_tried_five_times_and_never_charged(story: Story) -> None:
    calls = [call for call in story.standin.calls if call.prompt == FAILING]
    assert len(calls) == 5
    assert {call.credits for call in calls} == {0}


def test_there_are_seventeen_distinct_files_inside_media(story: Story) -> None:
    assert len(story.files()) == 17
    assert {path.name for path in story.product.folder.iterdir()} == {"media", "var"}


def test_every_picture_decodes_and_distinct_ones_differ(story: Story) -> None:
    bodies = [requests.get(image["image_url"], timeout=10).content for image in story.images if image["image_url"]]
    for body in bodies:
        Image.open(io.BytesIO(body)).load()
    assert len(set(bodies)) == 17


def test_the_ledger_counts_the_credits_that_were_billed(story: Story) -> None:
    [(amount,)] = story.product.rows("SELECT SUM(amount) FROM imagegen_attempt WHERE charged = 'yes'")
    assert amount == story.standin.bill == 18 * 3


def test_nothing_is_left_in_the_spool(story: Story) -> None:
    assert list((story.product.folder / "var" / "spool").iterdir()) == []


def test_the_page_shows_every_prompt_in_order(story: Story) -> None:
    page = requests.get(f"{story.product.url}/show-images", params={"task_ids": ",".join(story.ids)}, timeout=10).text
    places = [page.index(f"card-{task}") for task in story.ids]
    assert places == sorted(places)


def test_the_key_is_nowhere_in_what_the_product_said_or_kept(story: Story) -> None:
    assert "sk-story" not in "\n".join(story.product.lines)
    for path in story.product.folder.rglob("*"):
        assert not path.is_file() or b"sk-story" not in path.read_bytes()
