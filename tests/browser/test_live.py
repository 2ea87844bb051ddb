"""A page fills in by itself: pictures come in without a reload, whatever happens to the server or the stream."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser import EXAMPLES, KEEP_STREAMS, Visitor, expect_pictures, has_stayed, paused, results, send, stay
from tests.browser.conftest import Visit
from tests.product import START_SECONDS, Product
from tests.waiting import wait_until

RECORD_TITLES = """window.titles = [document.title];
    new MutationObserver(() => titles.push(document.title)).observe(document.querySelector("title"), {childList: true});"""


def no_content(route: Route) -> None:
    route.fulfill(status=204)


def broken(route: Route) -> None:
    route.abort()


def held_back(route: Route) -> None:
    """Leave the request without an answer."""


def hide(page: Page, hidden: bool) -> None:
    """Make a page believe that its tab went to the back or came to the front, which a browser without a window cannot."""
    page.evaluate("""(hidden) => {
        Object.defineProperty(document, "hidden", {configurable: true, get: () => hidden});
        document.dispatchEvent(new Event("visibilitychange"));
    }""", hidden)  # fmt: skip


def test_pictures_appear_without_a_reload_in_the_order_asked(visitor: Visitor) -> None:
    page = visitor.open("/")
    first, *others = EXAMPLES
    send(page, f"{first} [demo: slow 1]", *others)
    page.wait_for_url("**/batches/*")
    visited = stay(page)
    expect_pictures(page, 3)
    expect(page.locator("li.card .prompt")).to_have_text([f"{first} [demo: slow 1]", *others])
    assert has_stayed(page)
    assert visited == []


def test_the_title_counts_up_and_ends_in_done(product: Product, visitor: Visitor) -> None:
    with paused(product):
        page = visitor.open(results(product.generate(*(f"A kite [demo: slow {seconds}]" for seconds in (1, 2, 3)))))
        page.evaluate(RECORD_TITLES)
    expect(page).to_have_title("Done: Your pictures – Chaotix")
    *counts, _ = page.evaluate("titles")
    assert len(set(counts)) > 1
    assert counts == sorted(counts)
    assert all(re.fullmatch(r"[012] of 3: Your pictures – Chaotix", count) for count in counts)


def test_the_line_of_progress_ends_full_and_is_said_aloud(product: Product, visitor: Visitor) -> None:
    page = visitor.open(results(product.generate("A kite [demo: slow 1]", "A kite [demo: refuse]")))
    expect(page.locator(".progress p")).to_have_text("2 of 2 done, 1 with a picture")
    expect(page.get_by_role("progressbar")).to_have_js_property("value", 2)
    expect(page.get_by_role("status")).to_have_text("2 of 2 done, 1 with a picture")


def test_a_picture_that_does_not_come_says_why(product: Product, visitor: Visitor) -> None:
    wishes = ("slow 1", "refuse", "blur", "unknown")
    with paused(product):
        page = visitor.open(results(product.generate(*(f"A kite [demo: {wish}]" for wish in wishes))))
    expect(page).to_have_title("Done: Your pictures – Chaotix")
    expect(page.locator("li.card .state")).to_have_text(["Done", "Refused", "Refused", "Outcome unknown"])
    expect(page.locator("li.card .why")).to_contain_text(["refused the prompt", "counts as paid", "broke the connection"])


def test_a_picture_that_was_tried_in_vain_says_why(ended: list[str], visitor: Visitor) -> None:
    failed = visitor.open(results(ended)).locator("li.card[data-state=failed]")
    expect(failed.locator(".state")).to_have_text("Failed")
    expect(failed.locator(".why")).to_contain_text("Nothing was charged")


def test_two_pages_on_the_same_batch_both_fill_in(product: Product, visit: Visit) -> None:
    ids = product.generate(*(f"{prompt} [demo: slow 2]" for prompt in EXAMPLES))
    pages = [visit().open(results(ids)) for _ in range(2)]
    for page in pages:
        stay(page)
    for page in pages:
        expect_pictures(page, 3)
        assert has_stayed(page)


def test_a_page_whose_tasks_have_all_ended_opens_no_stream(ended: list[str], visitor: Visitor) -> None:
    page = visitor.open(results(ended))
    expect(page.locator("li.card")).to_have_count(len(ended))
    assert visitor.streams == []


def test_a_page_that_is_done_listens_no_more(product: Product, visitor: Visitor) -> None:
    page = visitor.new_page()
    page.add_init_script(KEEP_STREAMS)
    with paused(product):
        page.goto(results(product.generate("A kite")))
    expect(page).to_have_title("Done: Your pictures – Chaotix")
    page.wait_for_function("() => streams.every((stream) => stream.readyState === EventSource.CLOSED)")
    assert len(visitor.streams) == 1


def test_a_server_that_stops_and_starts_again_is_caught_up_with(chromium: Browser) -> None:
    with Product() as product:
        with paused(product):
            ids = product.generate(*["A kite [demo: slow 1]"] * 20, size="64x64")
            page = Visitor(chromium, product.url).open(results(ids))
            visited = stay(page)
        product.stop()
        product.lines.clear()
        product.start()
        wait_until(lambda: product.is_ready, seconds=START_SECONDS, what="the line `ready`")
        expect(page).to_have_title("Done: Your pictures – Chaotix")
        expect(page.locator("li.card[data-state=succeeded]")).to_have_count(20)
        assert has_stayed(page)
        assert visited == []
        page.context.close()


@pytest.mark.parametrize("stream", [no_content, broken, held_back])
def test_without_a_stream_a_page_asks_now_and_again(
    product: Product, visitor: Visitor, stream: Callable[[Route], None]
) -> None:
    page = visitor.new_page()
    page.route("**/events?*", stream)
    page.clock.install()
    with paused(product):
        ids = product.generate(*EXAMPLES)
        page.goto(results(ids))
        visited = stay(page)
    product.finished(ids)
    page.clock.run_for(10_000)
    expect_pictures(page, 3)
    expect(page).to_have_title("Done: Your pictures – Chaotix")
    assert visited == []
    visitor.forgive("/events?")


def test_tabs_that_nobody_sees_leave_the_connections_to_the_others(unending: list[str], visitor: Visitor) -> None:
    pages = [visitor.open(results(unending)) for _ in range(6)]
    for page in pages:
        hide(page, True)
    seventh = visitor.open("/")
    expect(seventh.get_by_role("heading", level=1)).to_be_visible()


def test_a_tab_that_comes_to_the_front_again_fills_in(product: Product, visitor: Visitor) -> None:
    with paused(product):
        ids = product.generate("A kite")
        page = visitor.open(results(ids))
        hide(page, True)
    product.finished(ids)
    hide(page, False)
    expect_pictures(page, 1)
    assert len(visitor.streams) == 2


def test_an_id_that_no_task_has_is_counted_all_the_time(unending: list[str], visitor: Visitor) -> None:
    page = visitor.new_page()
    page.add_init_script(KEEP_STREAMS)
    page.goto(results(unending))
    page.wait_for_function("() => streams.some((stream) => stream.hasTold)")
    expect(page.locator(".progress p")).to_contain_text("of 5 done")


class TestWithoutScripts:
    def test_prompts_are_sent_and_their_page_refreshes_itself_until_all_is_done(self, visit: Visit) -> None:
        page = visit(java_script_enabled=False).open("/")
        send(page, *EXAMPLES, "A thief [demo: refuse]", "A snail [demo: slow 1]")
        visited: list[str] = []
        page.on("framenavigated", lambda frame: visited.append(frame.url))
        expect(page.locator("li.card img")).to_have_count(4)
        expect(page.locator("li.card .prompt")).to_have_text([*EXAMPLES, "A thief [demo: refuse]", "A snail [demo: slow 1]"])
        expect(page.locator("li.card .why")).to_contain_text("refused the prompt")
        assert visited
        expect(page.locator("meta[http-equiv=refresh]")).to_have_count(0)

    def test_refreshing_can_be_stopped_and_taken_up_again(self, unending: list[str], visit: Visit) -> None:
        page = visit(java_script_enabled=False).open(results(unending))
        expect(page.locator("meta[http-equiv=refresh]")).to_have_count(1)
        page.get_by_role("link", name="Stop refreshing").click()
        expect(page.locator("meta[http-equiv=refresh]")).to_have_count(0)
        page.get_by_role("link", name="Refresh by itself again").click()
        expect(page.locator("meta[http-equiv=refresh]")).to_have_count(1)
