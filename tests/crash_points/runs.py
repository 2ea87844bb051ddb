"""One run of everything under one policy: the helper process, and the provider that it calls, with its bill."""

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from tests.crash_points.outcomes import Outcome, Report
from tests.crash_points.stories import Stability
from tests.product import PROJECT, clean_environment
from tests.standins.stability import Call

# Only ends a run that would hang.
SECONDS = 600
# No lease runs out by itself, however slow this machine is: time passes when somebody makes it pass.
LEASE_SECONDS = 3600


@dataclass(frozen=True)
class Run:
    """What became of every job under one policy, and every call that the provider saw."""

    policy: str
    report: Report
    calls: dict[str, list[Call]]

    def calls_for(self, outcome: Outcome) -> list[Call]:
        return self.calls.get(outcome.prompt, [])

    def undisturbed(self, outcome: Outcome) -> Outcome:
        """Return what became of the job over which nobody died on the same road, whoever had died before."""
        return next(other for other in self.report.outcomes if other.road == outcome.road)

    def check(self, promise: Callable[[Outcome], bool]) -> None:
        """Fail, and name the deaths after which it was so, where a promise is not kept."""
        broken = [outcome for outcome in self.report.outcomes if not promise(outcome)]
        lines = [f"{outcome}; {len(self.calls_for(outcome))} calls" for outcome in broken]
        assert not broken, "\n".join([f"{len(broken)} of {len(self.report.outcomes)} with {self.policy}:", *lines])


@contextlib.contextmanager
def running(policy: str) -> Iterator[Callable[[], Run]]:
    """Start a run, and yield the function that waits for its end."""
    with (
        Stability() as stability,
        tempfile.TemporaryDirectory(prefix="chaotix-crash-") as folder,
        _helper(_environment(policy, stability, Path(folder))) as process,
    ):
        try:
            yield lambda: _ended(policy, process, stability)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def _helper(environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    """Start the helper in a session of its own, so that it can be ended with all its children."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.crash_points"],
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


def _ended(policy: str, process: "subprocess.Popen[bytes]", stability: Stability) -> Run:
    said, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, "the helper failed; its log says why"
    assert stability.wait_until_idle()
    calls: dict[str, list[Call]] = {}
    for call in stability.calls:
        calls.setdefault(call.prompt, []).append(call)
    return Run(policy, pickle.loads(said), calls)


def _environment(policy: str, stability: Stability, folder: Path) -> dict[str, str]:
    return clean_environment(
        DJANGO_SETTINGS_MODULE="chaotix.settings",
        DATA_DIR=folder / "var",
        MEDIA_ROOT=folder / "media",
        REDIS_URL=settings.REDIS_URL,
        STABILITY_API_KEY=stability.key,
        STABILITY_API_HOST=stability.url,
        # Counted, and never so many that anybody waits.
        STABILITY_RATE_LIMIT=10_000,
        ON_UNKNOWN=policy,
        LEASE_SECONDS=LEASE_SECONDS,
        LOG_LEVEL="ERROR",
    )
