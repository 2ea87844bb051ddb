"""What a look at the queue costs: prints the seconds of a claim and of a sweep of this environment's data, as JSON."""

import json
import sys
import uuid
from datetime import timedelta

import django

django.setup()

from django.db import transaction  # noqa: E402

from bench.figures import median_seconds  # noqa: E402
from imagegen import claims, lanes  # noqa: E402
from imagegen.models import Job  # noqa: E402
from imagegen.states import State  # noqa: E402

HINTS = 640


def claim(job: uuid.UUID) -> None:
    """Claim a job, and undo it: the next measurement finds as many that wait."""
    with transaction.atomic():
        assert claims.claim(job, worker=uuid.uuid4(), machine=uuid.uuid4())
        transaction.set_rollback(True)


def sweep() -> None:
    for provider in lanes.waiting_providers():
        assert lanes.due(provider, HINTS, told_before=timedelta())


def main() -> None:
    times = int(sys.argv[1])
    job = Job.objects.filter(state=State.QUEUED).values_list("pk", flat=True)[0]
    print(json.dumps({"a claim": median_seconds(lambda: claim(job), times), "a sweep": median_seconds(sweep, times)}))


if __name__ == "__main__":
    main()
