"""Telling workers about jobs, off the request: a slow or absent Redis never holds up whoever asked for them."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from django.db import transaction

from imagegen import tasks

log = logging.getLogger(__name__)
_announcer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="announce")


def after_commit(jobs: Sequence[UUID]) -> None:
    """Tell workers about these jobs once they are committed, from a thread of its own."""
    transaction.on_commit(lambda: _announcer.submit(_announce, jobs))


def wait_until_idle() -> None:
    """Return when everything that was to be told has been told, or given up."""
    _announcer.submit(lambda: None).result()


def _announce(jobs: Sequence[UUID]) -> None:
    try:
        tasks.publish(jobs)
    except tasks.Unreachable as error:
        log.warning("the workers were not told about %d jobs (%s); the sweep will", len(jobs), error)
    except Exception:
        log.exception("the workers were not told about %d jobs; the sweep will", len(jobs))
