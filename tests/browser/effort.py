"""What a live page does for a card that comes in, counted by the browser: a busy machine changes nothing about it."""

import json
import re
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from playwright.sync_api import Page

from tests.browser import KEEP_STREAMS

# Each card with its line of progress comes as the stream brings them, and is on the screen before the next one comes.
BRING_IN = """async ([cards, progress]) => {
    for (const card of cards) {
        streams[0].dispatchEvent(new MessageEvent("card", {data: card}));
        streams[0].dispatchEvent(new MessageEvent("progress", {data: progress}));
        await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    }
}"""
HTML = "(element) => element.outerHTML"
ROUNDS = 5


@dataclass(frozen=True)
class Effort:
    """What one card costs: elements styled, boxes laid out, and steps of script, which are blocks of code that were run."""

    elements: float
    boxes: float
    steps: float


class LivePage:
    """A page whose jobs wait, so that cards come only when a test brings them in."""

    def __init__(self, page: Page, path: str) -> None:
        self._page = page
        page.add_init_script(KEEP_STREAMS)
        page.goto(path)
        page.wait_for_function("() => streams.some((stream) => stream.hasTold)")

    def bring_in(self, cards: Sequence[str]) -> None:
        self._page.bring_to_front()
        progress = self._page.locator(".progress").evaluate(HTML)
        self._page.evaluate(BRING_IN, [list(cards), progress])


class CountedPage(LivePage):
    """A live page whose browser counts."""

    def __init__(self, page: Page, path: str) -> None:
        self._session = page.context.new_cdp_session(page)
        self._session.send("Profiler.enable")
        # Code that was compiled before would be counted less finely.
        self._session.send("Profiler.startPreciseCoverage", {"callCount": True, "detailed": True})
        super().__init__(page, path)

    def effort(self, cards: Sequence[str]) -> Effort:
        """Bring cards in, in several rounds, and return what one costs in the middle one of these."""
        size = len(cards) // ROUNDS
        rounds = [astuple(self._round(cards[first : first + size])) for first in range(0, size * ROUNDS, size)]
        return Effort(*map(statistics.median, zip(*rounds, strict=True)))

    def _round(self, cards: Sequence[str]) -> Effort:
        browser = self._page.context.browser
        assert browser
        self._coverage()
        browser.start_tracing(page=self._page, categories=["devtools.timeline"])
        self.bring_in(cards)
        traced = json.loads(browser.stop_tracing())["traceEvents"]
        counts = (_elements(traced), _boxes(traced), sum(_steps(self._coverage())))
        return Effort(*(count / len(cards) for count in counts))

    def _coverage(self) -> list[dict[str, Any]]:
        """Return what was run of each script since the last time."""
        found: list[dict[str, Any]] = self._session.send("Profiler.takePreciseCoverage")["result"]
        return [script for script in found if "/static/" in script["url"]]


def _elements(traced: list[dict[str, Any]]) -> int:
    return sum(event["args"].get("elementCount", 0) for event in traced if event["name"] == "UpdateLayoutTree")


def _boxes(traced: list[dict[str, Any]]) -> int:
    begun = [event["args"].get("beginData", {}) for event in traced if event["name"] == "Layout"]
    return sum(layout.get("dirtyObjects", 0) for layout in begun)


def _steps(scripts: list[dict[str, Any]]) -> Iterator[int]:
    for script in scripts:
        for function in script["functions"]:
            yield from (block["count"] for block in function["ranges"])


def as_pictures(page: Page, tasks: Sequence[str]) -> list[str]:
    """Return the first card of a page, which has its picture, as if it were the newest of each of these tasks."""
    html = re.sub('data-version="[^"]*"', 'data-version="later"', page.locator("li.card").first.evaluate(HTML))
    return [re.sub('id="card-[^"]*"', f'id="card-{task}"', html) for task in tasks]
