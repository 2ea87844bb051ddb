"""What changes, told to whoever in this process wants to hear it: one reader of the stream of events serves them all."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from uuid import UUID

from imagegen import events, redis

log = logging.getLogger(__name__)
Listener = Callable[[set[UUID]], Awaitable[None]]
RETRY_SECONDS = 2.0


class Newsroom:
    """The listeners of this process, and the reader that there is while there are any."""

    def __init__(self) -> None:
        self._listeners: Counter[Listener] = Counter()
        self._reader: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def telling(self, listener: Listener) -> Iterator[None]:
        """Tell the listener of jobs that change, once however often it is given, for as long as the block runs."""
        self._listeners[listener] += 1
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read())
        try:
            yield
        finally:
            self._listeners[listener] -= 1
            # What is counted down to nothing stays in a Counter.
            self._listeners = +self._listeners

    async def _read(self) -> None:
        """Read for as long as somebody listens."""
        while self._is_wanted():
            try:
                await self._hear()
            except redis.Error as error:
                log.warning("open pages catch up from the database alone: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:
                log.exception("the reader of events starts again")
                await asyncio.sleep(RETRY_SECONDS)

    async def _hear(self) -> None:
        """Tell what comes until nobody listens; somebody may again while the connection is being closed."""
        async with contextlib.aclosing(events.listen()) as news:
            async for jobs in news:
                for listener in list(self._listeners):
                    await listener(jobs)
                if not self._is_wanted():
                    break

    def _is_wanted(self) -> bool:
        """Whether somebody listens and nobody has ended this task: in the Redis client a cancellation can get lost."""
        task = asyncio.current_task()
        return bool(self._listeners) and not (task and task.cancelling())


newsroom = Newsroom()
