"""The live page: cards that fill in by themselves, over server-sent events.

One reader per web process listens to the stream of events. Each changed card is rendered once and handed to every open page
that shows it. Whatever was missed, a page gets from the database when it connects, when it comes back, and every 15 s.
"""

import asyncio
import contextlib
import json
import logging
import random
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable
from typing import Any
from uuid import UUID

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from imagegen import queries, statements, texts
from imagegen.asking import Askers, hold_no_thread
from imagegen.news import Newsroom, newsroom
from imagegen.progress import Progress, progress_of
from imagegen.queries import Card, Glance
from imagegen.statements import Cost
from imagegen.states import State

log = logging.getLogger(__name__)
CATCH_UP_SECONDS = 15.0
# The line of progress is rendered for each page, so not oftener than this.
PROGRESS_SECONDS = 0.5
# A page may have been rendered just before a change was committed that carries an earlier time.
MARGIN_SECONDS = 10.0
RETRY_MILLISECONDS = 2000
# Some 2 KB each.
MOST_RENDERED = 3000

# Two threads ask the database for all open pages: a thread and a connection for each of them would not scale. News have one
# more to themselves, and never wait until fifty pages have caught up.
_database = Askers("live", 2)
_renderers = Askers("news", 1)


class Page:
    """One open page: which jobs it shows, which version of each it has, and what is new for it.

    `number` is the version up to which it has everything, whatever events were lost; it comes back as Last-Event-ID.
    """

    def __init__(
        self, glances: dict[UUID, Glance], seen: str, *, missing: int = 0, batch: str = "", is_told_cost: bool = False
    ) -> None:
        self.glances = glances
        self.batch = batch
        self.cost: Cost | None = None
        self._is_told_cost = is_told_cost
        self.number = seen
        self._missing = missing
        self._has = {job: glance.version if glance.version <= seen else "" for job, glance in glances.items()}
        self._news: dict[UUID, tuple[Card, str]] = {}
        self._waits: dict[UUID, str] = {}
        self._rung = asyncio.Event()

    def push(self, job: UUID, card: Card, html: str) -> None:
        """Take a card to hand on, unless the page has it or a newer one: two threads render, and either may be late."""
        known = self._news[job][0].version if job in self._news else self._has[job]
        if card.version > known:
            self._news[job] = (card, html)
            self._rung.set()

    def progress(self) -> Progress:
        """Count as the page does, which shows a card for every id, known or not."""
        return progress_of(self.glances.values(), missing=self._missing)

    def outdated(self, glances: dict[UUID, Glance]) -> list[UUID]:
        """Return the jobs of which the page has another version than the database."""
        return [job for job, glance in glances.items() if glance.version != self._has.get(job)]

    async def look_at_cost(self) -> None:
        """Ask what the batch has cost until now, where whoever looks at the page may know."""
        if self._is_told_cost:
            self.cost = await _database.ask(lambda: statements.of_batch_so_far(UUID(self.batch)))

    @property
    def waiting(self) -> list[UUID]:
        return [job for job, glance in self.glances.items() if glance.state == State.QUEUED]

    def new_waits(self, waits: dict[UUID, str]) -> dict[str, str]:
        """Return what is new of why jobs wait: that changes although the jobs do not."""
        new = {str(job): why for job, why in waits.items() if self._waits.get(job) != why}
        self._waits = waits
        return new

    async def news(self, seconds: float) -> list[str]:
        """Return what is new, the latest version of each card once; nothing when so many seconds pass without."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, 0)):
                await self._rung.wait()
        self._rung.clear()
        news, self._news = self._news, {}
        for job, (card, _) in news.items():
            self._has[job] = card.version
            self.glances[job] = queries.glance(card, self.glances[job].created)
        return [html for _, html in news.values()]


class Hub:
    """All open pages of this process, which hear of news as long as there are any."""

    def __init__(self, newsroom: Newsroom) -> None:
        self._pages: defaultdict[UUID, set[Page]] = defaultdict(set)
        self._newsroom = newsroom

    @contextlib.contextmanager
    def showing(self, page: Page) -> Any:
        for job in page.glances:
            self._pages[job].add(page)
        try:
            with self._newsroom.telling(self.deliver):
                yield
        finally:
            self._forget(page)

    async def deliver(self, jobs: Iterable[UUID]) -> None:
        """Render the cards of these jobs once each, and push them to every page that shows them."""
        shown = [job for job in jobs if job in self._pages]
        if not shown:
            return
        for job, card, html in await _renderers.ask(lambda: _render(shown)):
            for page in self._pages.get(job, ()):
                page.push(job, card, html)

    def _forget(self, page: Page) -> None:
        for job in page.glances:
            self._pages[job].discard(page)
            if not self._pages[job]:
                del self._pages[job]


hub = Hub(newsroom)


@require_safe
async def stream(request: HttpRequest) -> HttpResponseBase:
    """Answer with the changes of the cards of a batch (`batch=`) or of tasks (`task_ids=`), from `since` on.

    204, which tells a browser not to come back, under a server that cannot stream; the page then asks now and again.
    """
    if not isinstance(request, ASGIRequest):
        return HttpResponse(status=204)
    if request.method == "HEAD":
        return HttpResponse(content_type="text/event-stream")
    task_ids = {text for part in request.GET.getlist("task_ids") for text in part.split(",") if text}
    glances = await _database.ask(lambda: _glances(request, task_ids))
    seen = request.headers.get("Last-Event-ID") or request.GET.get("since", "")
    missing = max(len(task_ids) - len(glances), 0)
    batch = request.GET.get("batch", "") if glances else ""
    is_told_cost = bool(batch) and await _database.ask(lambda: queries.is_told_cost(UUID(batch), request.user))
    page = Page(glances, queries.earlier(seen, MARGIN_SECONDS), missing=missing, batch=batch, is_told_cost=is_told_cost)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingHttpResponse(_events(page), content_type="text/event-stream", headers=headers)


async def _events(page: Page) -> AsyncIterator[str]:
    """Yield cards as they change and the progress with them, until everything has ended."""
    await hold_no_thread()
    yield f"retry: {RETRY_MILLISECONDS}\n\n"
    with hub.showing(page):
        while True:
            newest = await _catch_up(page)
            for html in await page.news(0):
                yield _event("card", html, page.number)
            page.number = newest
            if page.waiting and (waits := page.new_waits(await _database.ask(lambda: queries.waits(page.waiting)))):
                yield _event("waits", json.dumps(waits))
            async for text in _news(page, until=time.monotonic() + _until_catching_up()):
                yield text
            if not page.progress().unfinished:
                yield _event("done", "")
                return
            yield ": nothing new\n\n"


async def _catch_up(page: Page) -> str:
    """Push what the page missed, whoever should have said so; return the version up to which it then has everything."""
    since = queries.earlier(page.number, MARGIN_SECONDS)
    glances = await _database.ask(lambda: queries.glances(list(page.glances), since=since))
    outdated = {job: glances[job].version for job in page.outdated(glances)}
    await page.look_at_cost()
    for job, card, html in await _database.ask(lambda: _known_or_rendered(outdated)):
        page.push(job, card, html)
    return max((glance.version for glance in glances.values()), default=page.number)


async def _news(page: Page, *, until: float) -> AsyncIterator[str]:
    told, owed = 0.0, True
    while (now := time.monotonic()) < until:
        wake = min(until, told + PROGRESS_SECONDS) if owed else until
        for html in await page.news(wake - now):
            owed = True
            yield _event("card", html, page.number)
        if owed and time.monotonic() >= told + PROGRESS_SECONDS:
            progress = page.progress()
            told, owed = time.monotonic(), False
            if not progress.unfinished:
                await page.look_at_cost()
            context = {"progress": progress, "batch_id": page.batch, "cost": page.cost}
            html = render_to_string("imagegen/partials/progress.html", context)
            yield _event("progress", html, page.number)
            if not progress.unfinished:
                return


def _event(name: str, text: str, number: str = "") -> str:
    lines = [f"event: {name}", *(f"data: {line}" for line in texts.lines(text))]
    return "\n".join([*([f"id: {number}"] if number else []), *lines, "", ""])


def _glances(request: HttpRequest, task_ids: Collection[str]) -> dict[UUID, Glance]:
    return queries.visible_glances(request.user, batch=request.GET.get("batch", ""), task_ids=task_ids)


class _Rendered:
    """The cards that were rendered last: fifty pages that open at once cost hardly more than one."""

    def __init__(self) -> None:
        self._cards: dict[UUID, tuple[Card, str]] = {}
        self._lock = threading.Lock()

    def get(self, job: UUID, version: str) -> tuple[Card, str] | None:
        found = self._cards.get(job)
        return found if found and found[0].version == version else None

    def put(self, job: UUID, card: Card, html: str) -> None:
        with self._lock:
            self._cards[job] = card, html
            if len(self._cards) > MOST_RENDERED:
                del self._cards[next(iter(self._cards))]


_rendered = _Rendered()


def _known_or_rendered(versions: dict[UUID, str]) -> list[tuple[UUID, Card, str]]:
    known = {job: found for job, version in versions.items() if (found := _rendered.get(job, version))}
    return [*((job, *found) for job, found in known.items()), *_render([job for job in versions if job not in known])]


def _render(jobs: list[UUID]) -> list[tuple[UUID, Card, str]]:
    news: list[tuple[UUID, Card, str]] = []
    for job, card in queries.cards_of(jobs).items():
        html = render_to_string("imagegen/partials/card.html", {"card": card})
        _rendered.put(job, card, html)
        news.append((job, card, html))
    return news


def _until_catching_up() -> float:
    """Return after how many seconds a page catches up: not the same for all that were opened at the same moment."""
    return CATCH_UP_SECONDS * random.uniform(0.8, 1.0)
