"""GET /api/events: one's own jobs as they change, as server-sent events that go on where a client was cut off."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Iterable
from functools import partial
from typing import TypedDict
from uuid import UUID

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from imagegen import accounts, addresses, queries
from imagegen.accounts import Viewer
from imagegen.api import problems
from imagegen.asking import Askers, hold_no_thread
from imagegen.errors import NotAllowed
from imagegen.news import newsroom
from imagegen.queries import Card

CATCH_UP_SECONDS = 15.0
# A change may be committed after a later one.
MARGIN_SECONDS = 10.0
# So many jobs are read at once.
AT_ONCE = 500
# So many jobs whose versions were told are kept in mind, for each stream.
MOST_KNOWN = 5000
_database = Askers("events", 2)


class EventShape(TypedDict):
    """A job that has changed, and why it is where it is."""

    id: str
    state: str
    why: str | None
    prompt: str | None
    image_url: str | None
    thumbnail_url: str | None


class _Stream:
    """One client: which jobs have changed since it was last told, and which versions it knows."""

    def __init__(self, viewer: Viewer, base_url: str, since: str) -> None:
        self._viewer = viewer
        self._base_url = base_url
        self._since = since
        self._changed: set[UUID] = set()
        self._rung = asyncio.Event()
        self._known: dict[str, str] = {}

    async def hear(self, jobs: set[UUID]) -> None:
        self._changed |= jobs
        self._rung.set()

    async def events(self) -> AsyncIterator[str]:
        await hold_no_thread()
        yield "retry: 2000\n\n"
        with newsroom.telling(self.hear):
            while True:
                while cards := await _database.ask(self._catch_up):
                    for card in cards:
                        yield self._event(card)
                async for event in self._live(until=time.monotonic() + CATCH_UP_SECONDS):
                    yield event
                yield ": nothing new\n\n"

    async def _live(self, *, until: float) -> AsyncIterator[str]:
        """Yield what Redis tells of, until it is time to ask the database what it did not."""
        while (left := until - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._rung.wait()
            self._rung.clear()
            jobs, self._changed = self._changed, set()
            for card in await _database.ask(partial(self._heard_of, jobs)):
                yield self._event(card)

    def _catch_up(self) -> list[Card]:
        """Return the first of the jobs that changed unheard; the next question brings the next."""
        changed = queries.own_since(self._viewer, queries.earlier(self._since, MARGIN_SECONDS))
        new = [job for job, glance in changed.items() if glance.version > self._known.get(str(job), "")]
        return self._cards(sorted(new, key=lambda job: changed[job].version)[:AT_ONCE])

    def _heard_of(self, jobs: set[UUID]) -> list[Card]:
        return self._cards(queries.own(self._viewer, jobs))

    def _cards(self, jobs: Iterable[UUID]) -> list[Card]:
        """Return those of these jobs that the client knows no such version of, the one that changed first the first."""
        cards = queries.cards([str(job) for job in jobs], self._viewer, base_url=self._base_url)
        new = [card for card in cards if card.version > self._known.get(card.task_id, "")]
        return sorted(new, key=lambda card: card.version)

    def _event(self, card: Card) -> str:
        self._since = max(self._since, card.version)
        self._known[card.task_id] = card.version
        if len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]
        return f"id: {self._since}\nevent: job\ndata: {json.dumps(_entry(card))}\n\n"


@csrf_exempt
@require_safe
async def stream(request: HttpRequest) -> HttpResponseBase:
    """Answer with what changes from now on, or since the event that `Last-Event-ID` names.

    204, which tells a browser not to come back, under a server that cannot stream.
    """
    viewer = await request.auser()
    try:
        accounts.check_may_read(viewer)
    except NotAllowed as error:
        return problems.of_error(error)
    if not isinstance(request, ASGIRequest):
        return HttpResponse(status=204)
    if request.method == "HEAD":
        return HttpResponse(content_type="text/event-stream")
    since = queries.earlier(request.headers.get("Last-Event-ID", ""), 0) or queries.now()
    client = _Stream(viewer, addresses.base_url(request), since)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingHttpResponse(client.events(), content_type="text/event-stream", headers=headers)


def _entry(card: Card) -> EventShape:
    return {
        "id": card.task_id,
        "state": card.state,
        "why": card.why,
        "prompt": card.prompt,
        "image_url": card.image_url,
        "thumbnail_url": card.thumbnail_url,
    }
