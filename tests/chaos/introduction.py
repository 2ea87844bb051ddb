"""Imported by each worker process of a crew: says once, as soon as it listens, which worker of the ledger it is."""

import os
import sys
from typing import Any

from celery.signals import worker_ready

from imagegen import workers


@worker_ready.connect
def _introduce(**_: Any) -> None:
    print(f"process {os.getpid()} is worker {workers.ID.hex}", file=sys.__stderr__, flush=True)
