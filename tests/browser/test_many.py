"""A page of a thousand cards opens, fills in and stays usable; what a card costs there is compared with one of a hundred."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import Visitor, paused, results
from tests.browser.effort import CountedPage, Effort, as_pictures
from tests.product import Product
from tests.waiting import wait_until

COUNT = 1000
FEW = 100
# Both are the same where each card is on its own. A placeholder that shimmers meanwhile may add something to either.
SAME = 2
# A page that was replaced card by card, beside one that came at once; one that forgets nothing would have twice as much.
FORGETFUL = 1.3
LITTLE = 5
UNFINISHED = "li.card:is([data-state=queued], [data-state=running])"


@dataclass
class Thousand:
    """A page that was opened before its pictures came, and what one card cost beforehand there and on a page of fewer."""

    visitor: Visitor
    ids: list[str]
    page: Page
    effort: Effort
    usual: Effort

    def wait(self) -> None:
        # No machine takes that long; it only ends a test that would hang.
        expect(self.page.locator(UNFINISHED)).to_have_count(0, timeout=600_000)

    def opened_anew(self) -> Page:
        self.wait()
        page = self.visitor.open(results(self.ids))
        # Whoever looks at a page through Playwright leaves something there, which both should have.
        expect(page.locator("li.card")).to_have_count(COUNT)
        return page


@pytest.fixture(scope="module")
def thousand(product: Product, chromium: Browser) -> Iterator[Thousand]:
    visitor = Visitor(chromium, product.url)
    done = product.generate("Kite", size="64x64")
    product.finished(done)
    with paused(product):
        ids = product.generate(*(f"Kite {number}" for number in range(COUNT)), size="64x64")
        cards = as_pictures(visitor.open(results(done)), ids[:FEW])
        usual, effort = (effort_of(visitor.new_page(), shown, cards) for shown in (ids[:FEW], ids))
        page = visitor.open(results(ids))
    yield Thousand(visitor, ids, page, effort, usual)
    visitor.leave()
    assert visitor.complaints() == []


def effort_of(page: Page, ids: list[str], cards: list[str]) -> Effort:
    found = CountedPage(page, results(ids)).effort(cards)
    page.close()
    return found


def shows_its_end(page: Page) -> bool:
    """Press the key, and tell whether that was the end: cards that were never shown may be larger than they were thought."""
    page.keyboard.press("End")
    page.wait_for_timeout(200)
    is_end = page.evaluate("() => scrollY + innerHeight >= document.scrollingElement.scrollHeight - 2")
    return bool(is_end and page.locator("li.card").last.evaluate("(card) => card.getBoundingClientRect().top < innerHeight"))


def memory(page: Page) -> dict[str, float]:
    """Return what a page holds after the browser has thrown away what nobody needs."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    found = session.send("Performance.getMetrics")["metrics"]
    session.detach()
    return {metric["name"]: metric["value"] for metric in found}


def test_a_thousand_cards_stand_in_the_order_asked(thousand: Thousand) -> None:
    cards = thousand.page.locator("li.card").evaluate_all("(cards) => cards.map((card) => card.id)")
    assert cards == [f"card-{task}" for task in thousand.ids]


def test_a_card_that_comes_lets_the_browser_style_no_other(thousand: Thousand) -> None:
    assert 1 < thousand.effort.elements < SAME * thousand.usual.elements


def test_a_card_that_comes_lets_the_browser_lay_out_no_other(thousand: Thousand) -> None:
    assert 1 < thousand.effort.boxes < SAME * thousand.usual.boxes


def test_the_script_does_no_more_for_a_card_where_there_are_many(thousand: Thousand) -> None:
    assert 1 < thousand.effort.steps < SAME * thousand.usual.steps


def test_a_thousand_cards_fill_in(thousand: Thousand) -> None:
    thousand.wait()
    assert thousand.page.locator("li.card:not([data-state=succeeded])").all_text_contents() == []
    expect(thousand.page).to_have_title("Done: Your pictures – Chaotix")


def test_the_last_picture_is_shown_when_somebody_gets_there(thousand: Thousand) -> None:
    thousand.wait()
    thousand.page.bring_to_front()
    wait_until(lambda: shows_its_end(thousand.page), seconds=60, what="the end of the page")
    expect(thousand.page.locator("li.card img").last).not_to_have_js_property("naturalWidth", 0)


def test_cards_that_were_replaced_are_forgotten(thousand: Thousand) -> None:
    anew = memory(thousand.opened_anew())["Nodes"]
    assert memory(thousand.page)["Nodes"] < FORGETFUL * anew


def test_the_script_keeps_next_to_nothing_for_a_card(thousand: Thousand) -> None:
    anew = memory(thousand.opened_anew())["JSHeapUsedSize"]
    assert memory(thousand.page)["JSHeapUsedSize"] < LITTLE * anew
