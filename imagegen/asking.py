"""Questions to the database from asynchronous code, in a few threads: one for each who asks would not scale."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from asgiref.sync import SyncToAsync, sync_to_async
from django.db import connection, connections

T = TypeVar("T")


async def hold_no_thread() -> None:
    """Give back the thread that Django keeps for this request until it ends: who waits for minutes needs none."""
    await sync_to_async(connections.close_all)()
    request = SyncToAsync.thread_sensitive_context.get(None)
    if request and (thread := SyncToAsync.context_to_thread_executor.pop(request, None)):
        thread.shutdown(wait=False)


class Askers:
    """So many threads that ask, in turn, whatever they are given; `name` is theirs in a stack trace."""

    def __init__(self, name: str, threads: int) -> None:
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix=name)

    async def ask(self, question: Callable[[], T]) -> T:
        """Return the answer, and leave no connection behind."""

        def asked() -> T:
            try:
                return question()
            finally:
                connection.close()

        return await asyncio.get_running_loop().run_in_executor(self._threads, asked)
