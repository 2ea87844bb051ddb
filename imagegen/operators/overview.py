"""How everything is, on one page: what is asked of other modules, put side by side."""

from dataclasses import dataclass

from imagegen import metrics, queries, readiness, usage
from imagegen.metrics import Queue
from imagegen.states import State
from imagegen.usage import Today


@dataclass(frozen=True)
class Overview:
    """`jobs` gives each state with its name and how many are in it; `faults` are sentences about parts that do not work."""

    jobs: list[tuple[State, str, int]]
    queues: list[Queue]
    today: Today
    faults: list[str]
    workers: int
    threads: int
    calls_in_flight: int


def now() -> Overview:
    return Overview(
        jobs=_jobs_by_state(),
        queues=metrics.queues(),
        today=usage.today(),
        faults=[fault for fault in readiness.faults().values() if fault],
        workers=readiness.alive().count(),
        threads=readiness.live_threads(),
        calls_in_flight=readiness.calls_in_flight(),
    )


def _jobs_by_state() -> list[tuple[State, str, int]]:
    """Return every state with its name and how many jobs are in it."""
    counts = dict(metrics.jobs_by("state"))
    return [(state, queries.LABELS[state], counts.get(state, 0)) for state in State]
