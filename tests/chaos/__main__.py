"""Blow storms over the product at full size: `python -m tests.chaos`, or with their names, `--jobs 10000 --kills 200`.

Prints what each left, with its seed, and exits with 1 where a promise is broken.
"""

import argparse
import importlib
import importlib.util
import os
import random
import sys
import time
from collections.abc import Callable

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
django.setup()

from tests.chaos.report import Options, Outcome, Storms  # noqa: E402

MODULES = ("worker_storms", "redis_storms", "disk_storms", "provider_storms", "store_storms", "request_storms")


def main() -> int:
    storms = _storms()
    chosen = _arguments(sorted(storms))
    options = Options(seed=chosen.seed, jobs=chosen.jobs, kills=chosen.kills)
    failed = [name for name in chosen.names or storms if _blow(name, storms[name], options)]
    return 1 if failed else 0


def _storms() -> Storms:
    """Return every storm by name."""
    found: Storms = {}
    for name in MODULES:
        if importlib.util.find_spec(f"tests.chaos.{name}"):
            found |= getattr(importlib.import_module(f"tests.chaos.{name}"), "STORMS", {})
    return found


def _arguments(names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Storms over a running product.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"which storms (all): {', '.join(names)}")
    parser.add_argument("--jobs", type=int, help="how many pictures are asked for in a storm")
    parser.add_argument("--kills", type=int, help="how often it strikes")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="the one of an earlier run, to repeat it")
    chosen = parser.parse_args()
    if unknown := [name for name in chosen.names if name not in names]:
        parser.error(f"no such storm: {', '.join(unknown)}; there are {', '.join(names)}")
    return chosen


def _blow(name: str, storm: Callable[[Options], Outcome], options: Options) -> bool:
    """Run a storm, print its report, and return whether a promise is broken."""
    print(f"{name}, seed {options.seed}", flush=True)
    begun = time.monotonic()
    outcome = storm(options)
    faults = outcome.faults()
    print(f"{outcome}\n{name}: {len(faults)} faults after {time.monotonic() - begun:.0f} s\n", flush=True)
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
