"""From a picture on a page to the same again, to others like it, and to a form that is filled in with it."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser import Visitor, expect_pictures, results
from tests.browser.test_compose import choose
from tests.product import Product

PROMPT = "A lighthouse {red|blue} in a storm"


@pytest.fixture(scope="module")
def lighthouse(product: Product) -> str:
    [task] = product.generate(PROMPT, seed=4711, aspect_ratio="3:2", negative_prompt="people")
    product.finished([task])
    return task


@pytest.fixture
def page(visitor: Visitor, lighthouse: str) -> Page:
    page = visitor.open(results([lighthouse]))
    page.locator("li.card a.frame").click()
    page.get_by_role("link", name="Details").click()
    page.wait_for_url(f"**/images/{lighthouse}")
    return page


def seed_of(page: Page) -> str:
    # What nobody has scrolled to is not drawn, and has no inner text.
    return (page.locator("li.card .facts li", has_text="Seed").first.text_content() or "").strip()


def test_it_is_made_again_as_it_was(page: Page) -> None:
    page.get_by_role("button", name="Make again").click()
    expect_pictures(page, 1)
    assert seed_of(page) == "Seed 4711"
    assert page.locator("li.card p.prompt").text_content() == PROMPT


def test_it_is_varied_by_other_seeds(page: Page) -> None:
    page.get_by_role("button", name="Vary").click()
    expect_pictures(page, 4)
    assert seed_of(page) != "Seed 4711"


def expect_settings(page: Page) -> None:
    for label, value in {
        "Prompts": PROMPT,
        "Seed": "4711",
        "Size or ratio": "3:2",
        "Not in the picture": "people",
        "Templates": "off",
    }.items():
        expect(page.get_by_label(label, exact=True)).to_have_value(value)


def test_its_settings_fill_in_the_form(page: Page) -> None:
    page.get_by_role("link", name="Use these settings").click()
    expect_settings(page)
    page.get_by_role("button", name="Make pictures").click()
    expect_pictures(page, 1)
    assert page.locator("li.card p.prompt").text_content() == PROMPT


def test_its_file_fills_in_the_form(page: Page, lighthouse: str) -> None:
    with page.expect_download() as begun:
        page.get_by_role("link", name="Download", exact=True).click()
    name, body = begun.value.suggested_filename, begun.value.path().read_bytes()
    assert name == "0001-a-lighthouse-red-blue-in-a-storm-4711.png"
    page.goto("/")
    choose(page, name, body)
    expect_settings(page)


def test_a_file_without_metadata_says_nothing(page: Page) -> None:
    with page.expect_download() as begun:
        page.get_by_role("link", name="Download without metadata").click()
    assert begun.value.suggested_filename == "0001-a-lighthouse-red-blue-in-a-storm-4711-plain.png"
    page.goto("/")
    choose(page, "plain.png", begun.value.path().read_bytes())
    expect(page.get_by_role("alert")).to_contain_text("does not say how it was made")
