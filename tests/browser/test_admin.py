"""The operators' pages in a browser: signed in where everybody does, without a mouse, and without a word in the console."""

from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.browser import Visitor
from tests.browser.test_keyboard import tab_to
from tests.browser.views import sign_in
from tests.product import Product

JOBS = "/admin/imagegen/job/"


@pytest.fixture
def page(visitor: Visitor, operator: str) -> Page:
    """Sign in as somebody of the staff, on the way to the first page."""
    page = visitor.open("/admin/")
    sign_in(page, operator)
    expect(page.get_by_role("heading", name="Operations")).to_be_visible()
    return page


def failed(product: Product, prompt: str) -> list[str]:
    """Make pictures that failed for a reason that is gone by now."""
    ids = product.generate(prompt, prompt)
    product.finished(ids)
    product.change(f"UPDATE imagegen_job SET state = 'failed', picture = '' WHERE prompt = '{prompt}'")
    return ids


def test_failed_ones_are_found_and_tried_again_in_bulk_without_a_mouse(page: Page, product: Product) -> None:
    prompt = f"A piano ninja {uuid4().hex[:12]}"
    ids = failed(product, prompt)
    page.goto(f"{JOBS}?q={prompt.split()[-1]}")
    page.get_by_role("link", name="Failed", exact=True).press("Enter")
    expect(page.get_by_text("0 of 2 selected")).to_be_visible()
    tab_to(page, page.get_by_label("Select all objects on this page for an action"))
    page.keyboard.press("Space")
    expect(page.get_by_text("2 of 2 selected")).to_be_visible()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.type("Try")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("That may cost: free.")).to_be_visible()
    tab_to(page, page.get_by_role("button", name="Try 2 pictures again"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 pictures will be tried again.")).to_be_visible()
    product.finished(ids)
    page.get_by_role("link", name="Done", exact=True).click()
    expect(page.get_by_text("0 of 2 selected")).to_be_visible()


def test_a_paused_provider_is_resumed_without_a_mouse(page: Page, product: Product) -> None:
    values = "'plain', 'no_credit', 'The account is empty.', CURRENT_TIMESTAMP, 1, 0"
    product.change(
        f"INSERT INTO imagegen_providerpause (provider, reason, sentence, since, rests, successes) VALUES ({values})"
    )
    page.goto("/admin/")
    tab_to(page, page.get_by_role("link", name="See and resume"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("button", name="Resume plain"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("Plain goes on within seconds.")).to_be_visible()
    expect(page.get_by_role("button", name="Resume plain")).to_have_count(0)


def test_every_page_is_quiet_in_the_dark_on_a_phone_too(page: Page, product: Product) -> None:
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 800})
    [job] = product.generate("A red flying dog")
    lists = [f"/admin/imagegen/{name}/" for name in ("job", "batch", "attempt", "worker", "providerpause", "apitoken")]
    for path in ("/admin/", *lists, f"{JOBS}{job}/change/", f"{JOBS}{job}/history/"):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") == 390, path
