"""The product in a real browser, and a visitor who notes whatever a page should not do.

Playwright keeps an event loop running in the thread of the tests, where Django's ORM refuses to work: these tests know the
product by HTTP alone.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request, Response, expect

from tests.product import Product

# What `make thorough` asks for: each test on each look, and every text of strangers through every place.
THOROUGH = bool(os.environ.get("THOROUGH"))
# No wait should ever be that long; it only ends a test that would hang.
PATIENCE = 20_000
EXAMPLES = ["A red flying dog", "A piano ninja", "A footballer kid"]
LONG_PROMPT = "An enormous library inside a whale, with lamps of glass and a reader on every stair. " * 4
# What the browser blocks it tells the page alone.
REPORT_VIOLATIONS = """addEventListener("securitypolicyviolation", (event) =>
    console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));"""
# For tests that look at what a page hears, or speak in the stream's place.
KEEP_STREAMS = """window.streams = [];
    window.EventSource = class extends EventSource {
        constructor(address) {
            super(address);
            streams.push(this);
            this.addEventListener("progress", () => { this.hasTold = true; });
        }
    };"""

expect.set_options(timeout=PATIENCE)


def waiting(product: Product, *prompts: str) -> list[str]:
    """Ask for pictures that will wait for longer than any test takes."""
    return product.generate(*(f"{prompt} [demo: busy 600]" for prompt in prompts), provider="crowded")


@contextmanager
def paused(product: Product) -> Iterator[None]:
    """Let no picture be begun until the test has its page open, however slow the machine is."""
    product.manage("pause")
    try:
        yield
    finally:
        product.manage("resume")


class Visitor:
    """A person with a browser of their own, who notes all that a good page gives no reason for."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.asked: list[str] = []
        self.answers: list[Response] = []
        self._url = url
        self._said: list[tuple[str, str]] = []
        self._troubles: list[str] = []
        self._context = browser.new_context(base_url=url, **options)
        self._context.set_default_timeout(PATIENCE)
        self._context.add_init_script(REPORT_VIOLATIONS)
        self._context.on("console", self._note_console)
        self._context.on("dialog", self._note_dialog)
        self._context.on("weberror", lambda error: self._troubles.append(f"script: {error.error}"))
        self._context.on("request", self._note_request)
        self._context.on("requestfailed", self._note_failure)
        self._context.on("response", self._note_answer)

    def new_page(self) -> Page:
        return self._context.new_page()

    def open(self, path: str) -> Page:
        page = self.new_page()
        page.goto(path)
        return page

    def lose_cookies(self) -> None:
        self._context.clear_cookies()

    def leave(self) -> None:
        self._context.close()

    def complaints(self) -> list[str]:
        said = [(text, url) for text, url in self._said if not self._is_an_error_page(text, url)]
        return [*self._troubles, *(f"console: {text} ({url})" for text, url in said)]

    def forgive(self, part: str) -> None:
        """Forget what was noted of addresses with this part."""
        self._said = [(text, url) for text, url in self._said if part not in url]
        self._troubles = [trouble for trouble in self._troubles if part not in trouble]

    @property
    def streams(self) -> list[str]:
        return [url for url in self.asked if url.startswith(f"{self._url}/events")]

    def _is_an_error_page(self, text: str, url: str) -> bool:
        """Return whether the browser itself says no more than that it shows a page with a status like 404."""
        return text.startswith("Failed to load resource") and url in {answer.url for answer in self.answers}

    def _note_console(self, message: ConsoleMessage) -> None:
        self._said.append((message.text, message.location.get("url", "")))

    def _note_dialog(self, dialog: Dialog) -> None:
        self._troubles.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _note_request(self, request: Request) -> None:
        self.asked.append(request.url)
        if not request.url.startswith(f"{self._url}/"):
            self._troubles.append(f"another host: {request.url}")

    def _note_failure(self, request: Request) -> None:
        # A request that the page itself gave up, such as the stream at its end, is no failure.
        if request.failure != "net::ERR_ABORTED":
            self._troubles.append(f"failed: {request.url} {request.failure}")

    def _note_answer(self, answer: Response) -> None:
        if answer.request.is_navigation_request():
            self.answers.append(answer)
        elif answer.status >= 400:
            self._troubles.append(f"status {answer.status}: {answer.url}")


def results(ids: Sequence[str]) -> str:
    return f"/show-images?task_ids={','.join(ids)}"


def send(page: Page, *prompts: str) -> None:
    """Fill in the form of an open compose page and send it."""
    page.get_by_label("Prompts", exact=True).fill("\n".join(prompts))
    page.get_by_role("button", name="Make pictures").click()


def expect_pictures(page: Page, count: int) -> None:
    """Wait for so many pictures, each of them drawn by the browser and not only named."""
    expect(page.locator("li.card[data-state=succeeded]")).to_have_count(count)
    page.wait_for_function(
        "() => [...document.querySelectorAll('li.card img')].every((picture) => picture.naturalWidth > 0)"
    )


def stay(page: Page) -> list[str]:
    """Mark the page, so that `has_stayed` can tell whether it was ever left; return where it goes from now on."""
    page.evaluate("window.stayed = true")
    visited: list[str] = []
    page.on("framenavigated", lambda frame: visited.append(frame.url))
    return visited


def has_stayed(page: Page) -> bool:
    return bool(page.evaluate("window.stayed === true"))
