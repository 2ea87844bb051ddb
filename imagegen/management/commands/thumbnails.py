"""`manage.py thumbnails`: decode new pictures and make their thumbnails, when nothing else wants the processor."""

import logging
import os
import signal
import sys
from typing import Any

from django.core.management import BaseCommand
from django.db import DatabaseError, connection

from imagegen import errors, events, memory, thumbnails

log = logging.getLogger(__name__)
NICENESS = 15
# New pictures are announced; this is for those whose announcement was lost.
LOOK_SECONDS = 15.0


class Command(BaseCommand):
    help = "Decode new pictures and make their thumbnails until stopped; `manage.py up` starts one of these."
    # They would load all pages and what those need, of which it uses nothing.
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        memory.stop_searching_what_stays()
        _stand_back()
        while True:
            if not _make_some():
                events.wait(LOOK_SECONDS)


def _stand_back() -> None:
    """Take only time that nobody else wants: where the system knows idle work (Linux), nobody waits for a turn of it."""
    try:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    except (AttributeError, OSError):
        os.nice(NICENESS)


def _make_some() -> int:
    try:
        return thumbnails.make_some()
    except (DatabaseError, errors.StorageUnavailable) as error:
        log.warning("thumbnails are put off: %s", error)
        return 0
    finally:
        connection.close()
