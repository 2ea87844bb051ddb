"""Imported by a worker process: sends it SIGQUIT while its main thread holds the lock of the pool that it hands a job to."""

import os
import signal
from typing import Any

from celery.signals import worker_ready


@worker_ready.connect
def _arrange(sender: Any, **_: Any) -> None:
    executor = sender.controller.pool.executor
    start_a_thread = executor._adjust_thread_count

    def struck() -> None:
        os.kill(os.getpid(), signal.SIGQUIT)
        start_a_thread()

    executor._adjust_thread_count = struck
