"""Telling workers about jobs, off the request: a slow or absent Redis never holds up whoever asked for them."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from django.db import transaction

from imagegen import tasks
from imagegen.lifecycle import Hint

log = logging.getLogger(__name__)
_announcer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="announce")


def after_commit(jobs: Sequence[UUID], *, ahead: int = 0) -> None:
    """Tell workers about these jobs once they are committed, from a thread of its own.

    `ahead` is how many of the same lane wait before them.
    """
    hints = [Hint(job, ahead + place) for place, job in enumerate(jobs)]
    transaction.on_commit(lambda: _announcer.submit(_announce, hints))


def wait_until_idle() -> None:
    """Return when everything that was to be told has been told, or given up."""
    _announcer.submit(lambda: None).result()


def _announce(hints: Sequence[Hint]) -> None:
    try:
        tasks.publish(hints)
    except tasks.Unreachable as error:
        log.warning("the workers were not told about %d jobs (%s); the sweep will", len(hints), error)
    except Exception:
        log.exception("the workers were not told about %d jobs; the sweep will", len(hints))
