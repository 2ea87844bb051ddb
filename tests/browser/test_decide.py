"""Buttons: cancel, buy again, try again, and the brake; with a mouse, with a keyboard, and on a page that listens."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import Visitor, expect_pictures, paused, results, waiting
from tests.browser.test_keyboard import tab_to
from tests.product import Product


def send(visitor: Visitor, *prompts: str) -> Page:
    page = visitor.open("/")
    page.get_by_label("Prompts", exact=True).fill("\n".join(prompts))
    page.get_by_role("button", name="Make pictures").click()
    expect(page.locator("li.card")).to_have_count(len(prompts))
    return page


def test_a_waiting_picture_is_canceled_with_a_click(visitor: Visitor, product: Product) -> None:
    page = visitor.open(results(waiting(product, "A footballer kid")))
    page.get_by_role("button", name=re.compile("^Cancel:")).click()
    expect(page.locator("li.card")).to_contain_text("Canceled before it was drawn")
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)


def test_a_picture_that_is_being_drawn_is_kept_though_it_was_canceled(visitor: Visitor) -> None:
    page = send(visitor, "A piano ninja [demo: slow 8]")
    expect(page.locator("li.card")).to_have_attribute("data-state", "running")
    page.get_by_role("button", name=re.compile("^Cancel:")).click()
    expect(page.locator("li.card")).to_contain_text("Canceling")
    expect(page.locator("li.card img")).to_have_count(1)
    expect(page.locator("li.card")).to_contain_text("Canceled while it was drawn: its picture is kept.")


def test_an_unknown_picture_is_bought_again_with_the_keyboard_alone(visitor: Visitor) -> None:
    page = send(visitor, "A thief [demo: unknown]")
    button = page.get_by_role("button", name=re.compile("^Buy again:"))
    expect(button).to_be_visible()
    tab_to(page, button)
    before = page.locator("li.card").get_attribute("data-version")
    page.keyboard.press("Enter")
    expect(page.locator("li.card")).not_to_have_attribute("data-version", str(before))
    expect(page.locator("li.card")).to_have_attribute("data-state", "unknown")


def test_a_whole_batch_is_canceled_with_one_click(visitor: Visitor, product: Product) -> None:
    job, *_ = waiting(product, "One", "Two", "Three")
    page = visitor.open(f"/batches/{product.get(f'/api/jobs/{job}')['batch']}")
    page.get_by_role("button", name="Cancel all").click()
    expect(page.locator("li.card[data-state=canceled]")).to_have_count(3)
    expect(page.get_by_text("3 of 3 done")).to_be_visible()


def test_a_batch_is_paused_and_goes_on(visitor: Visitor, product: Product) -> None:
    with paused(product):
        page = send(visitor, "A kite", "A hill", "A lake")
        page.get_by_role("button", name="Pause all").click()
        expect(page.get_by_text("0 of 3 done, 3 paused")).to_be_visible()
    expect(page.locator("li.card .why").last).to_have_text("Paused until it is told to go on.")
    page.get_by_role("button", name="Go on").click()
    expect_pictures(page, 3)


def test_a_button_keeps_the_focus_when_its_card_is_replaced(visitor: Visitor) -> None:
    page = send(visitor, "A kite [demo: slow 2]", "A hill [demo: slow 600]", "A lake [demo: slow 5]")
    button = page.get_by_role("button", name="Cancel all")
    button.focus()
    expect(page.get_by_text("1 of 3 done")).to_be_visible()
    expect(button).to_be_focused()


@pytest.fixture
def braked(chromium: Browser) -> Iterator[Visitor]:
    """Visit a product of one's own, because the brake stops everybody."""
    with Product(STOP_SECONDS=1) as product:
        visitor = Visitor(chromium, product.url)
        yield visitor
        visitor.leave()


def test_everything_is_paused_and_resumed_with_a_click_each(braked: Visitor) -> None:
    page = braked.open("/spending")
    page.get_by_role("button", name="Pause everything").click()
    asked = send(braked, "A red flying dog")
    expect(asked.locator("li.card")).to_contain_text("Everything was paused by a visitor")
    asked.get_by_role("link", name="See and resume").click()
    asked.get_by_role("button", name="Resume everything").click()
    expect(asked.get_by_role("button", name="Pause everything")).to_be_visible()
    asked.go_back()
    asked.go_back()
    expect(asked.locator("li.card[data-state=succeeded]")).to_have_count(1)
