"""The one reader of events that a process has for all who listen."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from imagegen import events
from imagegen.news import Newsroom


async def deaf() -> AsyncIterator[set[UUID]]:
    """Tell of nothing again and again, and lose the cancellation that comes meanwhile, as the Redis client may."""
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.01)
        yield set()


async def hear(jobs: set[UUID]) -> None:
    """Listen."""


def test_a_reader_whose_cancellation_was_lost_ends_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "listen", deaf)

    # Held, as by a page that nobody has closed yet.
    page = Newsroom().telling(hear)

    async def leave_without_a_word() -> None:
        page.__enter__()
        await asyncio.sleep(0.05)

    listening = threading.Thread(target=lambda: asyncio.run(leave_without_a_word()), daemon=True)
    listening.start()
    listening.join(timeout=20)
    assert not listening.is_alive()
