"""Everything can be done without a mouse, and what is focused stays focused."""

import os
import re
import signal
from contextlib import suppress

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import LONG_PROMPT, PATIENCE, Visitor, results
from tests.product import Product
from tests.waiting import wait_until

LEFT_TO_DO = "SELECT COUNT(*) FROM imagegen_job WHERE picture <> '' AND thumbnail = '' AND defect = ''"


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until this element has the focus, as somebody without a mouse would."""
    for _ in range(20):
        page.keyboard.press("Tab")
        if target.evaluate("(element) => element === document.activeElement"):
            return
    pytest.fail(f"Tab does not lead to {target}")


def thumbnailer(product: Product) -> int:
    [found] = [number for words, number in product.parts() if "manage.py thumbnails" in words]
    return found


def test_the_first_tab_leads_to_a_link_that_skips_to_the_content(visitor: Visitor) -> None:
    page = visitor.open("/")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_have_css("clip-path", "none")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Prompts", exact=True)).to_be_focused()


def test_prompts_are_written_and_sent_without_a_mouse(visitor: Visitor) -> None:
    page = visitor.open("/")
    tab_to(page, page.get_by_label("Prompts", exact=True))
    page.keyboard.type("A red flying dog")
    page.keyboard.press("Enter")
    page.keyboard.type("A piano ninja")
    tab_to(page, page.get_by_role("button", name="Make pictures"))
    page.keyboard.press("Enter")
    expect(page.locator("li.card .prompt")).to_have_text(["A red flying dog", "A piano ninja"])


def test_options_open_and_count_without_a_mouse(visitor: Visitor) -> None:
    page = visitor.open("/")
    tab_to(page, page.get_by_label("Prompts", exact=True))
    page.keyboard.type("A red flying dog")
    tab_to(page, page.locator("summary", has_text="Options"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_label("Seed", exact=True))
    page.keyboard.type("77")
    page.keyboard.press("Enter")
    expect(page.locator("#preview h2")).to_be_focused()
    tab_to(page, page.get_by_role("button", name="Make this picture"))
    page.keyboard.press("Enter")
    expect(page.locator("li.card .facts")).to_contain_text("Seed 77")


def test_faults_are_announced_and_lead_to_their_fields(visitor: Visitor) -> None:
    page = visitor.open("/")
    page.get_by_role("button", name="Make pictures").press("Enter")
    expect(page.get_by_label("Prompts", exact=True)).to_be_focused()  # The browser itself asks for it.
    page.keyboard.type("A red flying dog")
    page.locator("summary", has_text="Options").press("Enter")
    page.get_by_label("Seed", exact=True).fill("-9")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Nothing was started")
    page.get_by_role("alert").get_by_role("link", name="Seed").press("Enter")
    expect(page.get_by_label("Seed", exact=True)).to_be_focused()
    expect(page.get_by_label("Seed", exact=True)).to_have_accessible_description(re.compile("-9 is out of range"))


def test_somebody_reading_a_whole_prompt_is_not_disturbed_when_the_picture_comes(product: Product, visitor: Visitor) -> None:
    page = visitor.open(results(product.generate(f"{LONG_PROMPT} [demo: slow 2]")))
    summary = page.locator("li.card summary")
    tab_to(page, summary)
    page.keyboard.press("Enter")
    expect(page.get_by_role("group", name="Whole prompt")).to_be_visible()
    expect(page.locator("li.card img")).to_have_count(1)
    expect(summary).to_be_focused()
    expect(page.get_by_role("group", name="Whole prompt")).to_be_visible()


def test_the_focus_stays_on_a_picture_when_its_card_is_replaced(product: Product, visitor: Visitor) -> None:
    # It works when nothing else wants the processor, which beside other tests may take minutes; and what other tests of this
    # product left to it comes first.
    with suppress(AttributeError, PermissionError):
        os.sched_setscheduler(thumbnailer(product), os.SCHED_OTHER, os.sched_param(0))
    wait_until(lambda: product.rows(LEFT_TO_DO) == [(0,)], seconds=300, what="the thumbnails of other tests")
    os.kill(thumbnailer(product), signal.SIGSTOP)
    try:
        page = visitor.open(results(product.generate("A red flying dog", "A piano ninja [demo: slow 5]")))
        picture = page.locator("li.card a.frame").first
        tab_to(page, picture)
        expect(picture.locator("img[src$='.png']")).to_have_count(1)
    finally:
        os.kill(thumbnailer(product), signal.SIGCONT)
    expect(picture.locator("img[src$='.thumb.webp']")).to_have_count(1, timeout=3 * PATIENCE)
    expect(picture).to_be_focused()
