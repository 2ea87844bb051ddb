"""What a live page costs a browser with few cards and with many: to open it, to keep it, and for each card that comes in.

Its jobs wait, so that cards come only when they are brought in. Processor time is that of the page's main thread.
"""

import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass

import psutil
from playwright.sync_api import CDPSession, Page, Playwright, sync_playwright

from bench.figures import Figure
from tests import needs
from tests.browser import results
from tests.browser.conftest import FLAGS
from tests.browser.effort import LivePage, as_pictures
from tests.product import Product

FEWEST, *MORE = SIZES = (10, 100, 1000)
MOST_BROUGHT_IN = 100
# A grid of ten times as many cards takes longer to lay out; what looked at every card for each would take ten times as long.
MOST_FOR_A_CARD = 6
PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


@dataclass(frozen=True)
class Cost:
    """Milliseconds until something is seen, and of processor time; megabytes of the page's process."""

    paint: float
    script: float
    layout: float
    memory: float
    card: float


NAMES = {
    "paint": ("first contentful paint", "ms"),
    "script": ("script until it listens", "ms"),
    "layout": ("style and layout until it listens", "ms"),
    "memory": ("memory of its process", "MB"),
    "card": ("main thread for a card that comes in", "ms"),
}


def measure(repeat: int) -> list[Figure]:
    with Product(STOP_SECONDS=1) as product, sync_playwright() as playwright:
        done = product.generate("kite", size="64x64")
        product.finished(done)
        product.manage("pause")
        ids = product.generate(*(f"kite {number}" for number in range(max(SIZES))), size="64x64")
        with _opened(playwright, product) as page:
            page.goto(results(done))
            cards = as_pictures(page, ids[:MOST_BROUGHT_IN])
        found = [[_cost(playwright, product, ids[:size], cards) for size in SIZES] for _ in range(repeat)]
    return list(_figures([_median(costs) for costs in zip(*found, strict=True)]))


def _figures(costs: Sequence[Cost]) -> Iterator[Figure]:
    fewest, *others = costs
    for field, (name, unit) in NAMES.items():
        for size, cost in zip(MORE, others, strict=True):
            value, beside = getattr(cost, field), getattr(fewest, field)
            words = f"{name}, {size} cards over {FEWEST}"
            yield Figure(words, value / beside, beside=f"{value:.1f} and {beside:.1f} {unit}")
    hundred, thousand = others
    name = f"main thread for a card that comes in, {MORE[1]} cards over {MORE[0]}"
    yield Figure(name, thousand.card / hundred.card, MOST_FOR_A_CARD)


def _cost(playwright: Playwright, product: Product, ids: Sequence[str], cards: Sequence[str]) -> Cost:
    with _opened(playwright, product) as page:
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        live = LivePage(page, results(ids))
        page.wait_for_function(PAINT)
        opened = _seconds(session)
        memory, paint, some = _memory(page), float(page.evaluate(PAINT)), cards[: len(ids)]
        begun = _seconds(session)["TaskDuration"]
        live.bring_in(some)
        card = (_seconds(session)["TaskDuration"] - begun) / len(some)
        layout = opened["RecalcStyleDuration"] + opened["LayoutDuration"]
        return Cost(paint, opened["ScriptDuration"] * 1000, layout * 1000, memory, card * 1000)


@contextmanager
def _opened(playwright: Playwright, product: Product) -> Iterator[Page]:
    """Open a page in a browser of its own, which knows nothing of the site."""
    browser = playwright.chromium.launch(executable_path=needs.chromium(), args=FLAGS)
    try:
        yield browser.new_context(base_url=product.url).new_page()
    finally:
        browser.close()


def _memory(page: Page) -> float:
    """Return the megabytes of the process that shows the only page; others stand by with nothing in them."""
    assert page.context.browser
    session = page.context.browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    shown = [psutil.Process(process["id"]) for process in processes if process["type"] == "renderer"]
    return float(max(process.memory_full_info().uss for process in shown)) / 2**20


def _seconds(session: CDPSession) -> dict[str, float]:
    return {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(*map(statistics.median, zip(*map(astuple, costs), strict=True)))
