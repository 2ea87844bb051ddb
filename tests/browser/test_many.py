"""A page of a thousand cards opens, fills in, and stays usable; what it costs is compared with a page of ten."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import Visitor, results
from tests.product import Product
from tests.waiting import wait_until

COUNT = 1000
# The first frames show what changed while the page lay behind another one.
COUNT_FRAMES = """() => new Promise((resolve) => {
    let frames = -2;
    let begun = 0;
    const next = () => {
        frames += 1;
        if (frames === 0) begun = performance.now();
        frames > 0 && performance.now() - begun > 1000 ? resolve(frames) : requestAnimationFrame(next);
    };
    next();
})"""
# The part of the frames that a page of ten has.
SMOOTH = 0.4
UNFINISHED = "li.card:is([data-state=queued], [data-state=running])"


@dataclass
class Thousand:
    """A page that was opened while its pictures came, beside one with ten; `is_smooth` tells of its best second then."""

    ids: list[str]
    page: Page
    ten: Page
    is_smooth: bool

    def wait(self) -> None:
        expect(self.page.locator(UNFINISHED)).to_have_count(0, timeout=120_000)


@pytest.fixture(scope="module")
def thousand(product: Product, chromium: Browser) -> Iterator[Thousand]:
    visitor = Visitor(chromium, product.url)
    ten = visitor.open(results(product.generate(*(f"Kite {number}" for number in range(10)), size="64x64")))
    ids = product.generate(*(f"Kite {number}" for number in range(COUNT)), size="64x64")
    page = visitor.open(results(ids))
    yield Thousand(
        ids, page, ten, is_smooth=any(mine > SMOOTH * tens for mine, tens in seconds_while_pictures_come(page, ten))
    )
    visitor.leave()
    assert visitor.complaints() == []


def frames_in_a_second(page: Page) -> int:
    page.bring_to_front()
    return int(page.evaluate(COUNT_FRAMES))


def seconds_while_pictures_come(page: Page, ten: Page) -> Iterator[tuple[int, int]]:
    """Give the frames of both in one second after the other: whatever else runs on the machine takes its share of each."""
    while page.locator(UNFINISHED).count():
        yield frames_in_a_second(page), frames_in_a_second(ten)


def is_at_the_end(page: Page) -> bool:
    """Press the key, and tell whether that was the end: cards that were never shown may be larger than they were thought."""
    page.keyboard.press("End")
    page.wait_for_timeout(200)
    return bool(page.evaluate("() => scrollY + innerHeight >= document.scrollingElement.scrollHeight - 2"))


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


# How smoothly a browser paints has nothing to do with where pictures are kept, and the servers take its time.
@pytest.mark.laptop
def test_the_page_moves_smoothly_while_pictures_come(thousand: Thousand) -> None:
    assert thousand.is_smooth


def test_a_thousand_cards_fill_in(thousand: Thousand) -> None:
    thousand.wait()
    assert thousand.page.locator("li.card:not([data-state=succeeded])").all_text_contents() == []
    expect(thousand.page).to_have_title("Done: Your pictures – Chaotix")


def test_the_last_picture_is_shown_when_somebody_gets_there(thousand: Thousand) -> None:
    thousand.wait()
    thousand.page.bring_to_front()
    last = thousand.page.locator("li.card").last
    wait_until(lambda: is_at_the_end(thousand.page), seconds=60, what="the end of the page")
    expect(last).to_be_in_viewport()
    expect(last.locator("img")).not_to_have_js_property("naturalWidth", 0)


def test_cards_that_were_replaced_are_forgotten(thousand: Thousand) -> None:
    thousand.wait()
    ratio = memory(thousand.page)["Nodes"] / memory(thousand.ten)["Nodes"]
    assert ratio < COUNT / 10 * 1.5


def test_the_script_keeps_next_to_nothing_for_a_card(thousand: Thousand) -> None:
    thousand.wait()
    assert memory(thousand.page)["JSHeapUsedSize"] < 10 * memory(thousand.ten)["JSHeapUsedSize"]
