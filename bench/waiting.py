"""What a look at the queue costs: prints the seconds of a claim and of a sweep of this environment's data, as JSON."""

import json
import sys
import time
import uuid
from datetime import timedelta

import django

django.setup()

from django.db import transaction  # noqa: E402

from bench.figures import median  # noqa: E402
from imagegen import lifecycle  # noqa: E402
from imagegen.models import Job  # noqa: E402
from imagegen.states import State  # noqa: E402

HINTS = 640


def claim() -> float:
    """Claim one job, and undo it: the next measurement finds as many that wait."""
    job = Job.objects.filter(state=State.QUEUED).values_list("pk", flat=True)[0]
    begun = time.perf_counter()
    with transaction.atomic():
        held = lifecycle.claim(job, worker=uuid.uuid4(), machine=uuid.uuid4())
        transaction.set_rollback(True)
    assert held is not None
    return time.perf_counter() - begun


def sweep() -> float:
    begun = time.perf_counter()
    for provider in lifecycle.waiting_providers():
        assert lifecycle.due(provider, HINTS, told_before=timedelta())
    return time.perf_counter() - begun


def main() -> None:
    times = int(sys.argv[1])
    claim(), sweep()
    found = {"a claim": median(claim() for _ in range(times)), "a sweep": median(sweep() for _ in range(times))}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
