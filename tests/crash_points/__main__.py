"""python -m tests.crash_points: die everywhere under the policy of the settings, and write a Report to standard output."""

import gc
import pickle
import sys

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402

from imagegen import generation, workers  # noqa: E402
from imagegen.providers import registry  # noqa: E402
from tests.crash_points.play import Play  # noqa: E402
from tests.crash_points.processes import Companion  # noqa: E402
from tests.rows import make_job  # noqa: E402


def main() -> None:
    call_command("migrate", verbosity=0)
    _warm_up()
    with Companion() as survivors:
        report = Play(survivors).all()
    pickle.dump(report, sys.stdout.buffer)


def _warm_up() -> None:
    """Do what a process does only the first time, and touch no memory later that children would have to copy."""
    workers.machine()
    registry.get("stability")
    generation.run(make_job(size="64x64").pk)
    connections.close_all()
    gc.collect()
    gc.disable()
    gc.freeze()


if __name__ == "__main__":
    main()
