"""The operators' pages in a browser: signed in where everybody does, without a mouse, and without a word in the console."""

from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.browser import Visitor
from tests.browser.test_keyboard import tab_to
from tests.product import Product

JOBS = "/admin/imagegen/job/"
PASSWORD = "correct horse battery"


@pytest.fixture
def operator(visitor: Visitor, product: Product) -> Page:
    """Sign in as somebody of the staff, on the way to the first page."""
    name = f"grace-{uuid4().hex}"
    make = f"User.objects.create_user('{name}', password='{PASSWORD}', is_staff=True)"
    product.manage("shell", "-c", f"from django.contrib.auth.models import User; {make}")
    page = visitor.open("/admin/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Operations")).to_be_visible()
    return page


def failed(product: Product, prompt: str) -> list[str]:
    """Make pictures that failed for a reason that is gone by now."""
    ids = product.generate(prompt, prompt)
    product.finished(ids)
    product.change(f"UPDATE imagegen_job SET state = 'failed', picture = '' WHERE prompt = '{prompt}'")
    return ids


def test_failed_ones_are_found_and_tried_again_in_bulk_without_a_mouse(operator: Page, product: Product) -> None:
    prompt = f"A piano ninja {uuid4().hex[:12]}"
    ids = failed(product, prompt)
    operator.goto(f"{JOBS}?q={prompt.split()[-1]}")
    operator.get_by_role("link", name="Failed", exact=True).press("Enter")
    expect(operator.get_by_text("0 of 2 selected")).to_be_visible()
    tab_to(operator, operator.get_by_label("Select all objects on this page for an action"))
    operator.keyboard.press("Space")
    expect(operator.get_by_text("2 of 2 selected")).to_be_visible()
    operator.keyboard.press("Shift+Tab")
    operator.keyboard.press("Shift+Tab")
    operator.keyboard.type("Try")
    operator.keyboard.press("Tab")
    operator.keyboard.press("Enter")
    expect(operator.get_by_text("That may cost: free.")).to_be_visible()
    tab_to(operator, operator.get_by_role("button", name="Try 2 pictures again"))
    operator.keyboard.press("Enter")
    expect(operator.get_by_text("2 pictures will be tried again.")).to_be_visible()
    product.finished(ids)
    operator.get_by_role("link", name="Done", exact=True).click()
    expect(operator.get_by_text("0 of 2 selected")).to_be_visible()


def test_a_paused_provider_is_resumed_without_a_mouse(operator: Page, product: Product) -> None:
    values = "'plain', 'no_credit', 'The account is empty.', CURRENT_TIMESTAMP, 1, 0"
    product.change(
        f"INSERT INTO imagegen_providerpause (provider, reason, sentence, since, rests, successes) VALUES ({values})"
    )
    operator.goto("/admin/")
    tab_to(operator, operator.get_by_role("link", name="See and resume"))
    operator.keyboard.press("Enter")
    tab_to(operator, operator.get_by_role("button", name="Resume plain"))
    operator.keyboard.press("Enter")
    expect(operator.get_by_text("Plain goes on within seconds.")).to_be_visible()
    expect(operator.get_by_role("button", name="Resume plain")).to_have_count(0)


def test_every_page_is_quiet_in_the_dark_on_a_phone_too(operator: Page, product: Product) -> None:
    operator.emulate_media(color_scheme="dark")
    operator.set_viewport_size({"width": 390, "height": 800})
    [job] = product.generate("A red flying dog")
    lists = [f"/admin/imagegen/{name}/" for name in ("job", "batch", "attempt", "worker", "providerpause", "apitoken")]
    for path in ("/admin/", *lists, f"{JOBS}{job}/change/", f"{JOBS}{job}/history/"):
        operator.goto(path)
        operator.wait_for_load_state("networkidle")
        assert operator.evaluate("document.documentElement.scrollWidth") == 390, path
