"""One part of the product as a child process that cannot outlive its parent."""

import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from django.conf import settings

_PR_SET_PDEATHSIG = 1
# A part that lives this long is well again, and its next death is not counted with the earlier ones.
WELL_SECONDS = 60.0
MAX_REST_SECONDS = 30.0


@dataclass
class Part:
    """A command that runs until it is stopped, in a session of its own so that a Ctrl-C reaches the supervisor alone."""

    name: str
    command: Sequence[str]
    deaths: int = 0
    _started: float = 0.0
    _process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    def start(self) -> None:
        self._started = time.monotonic()
        self._process = subprocess.Popen(
            self.command,
            cwd=settings.BASE_DIR,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            preexec_fn=_death_with_parent(),
        )

    @property
    def exit_code(self) -> int | None:
        """None while it runs or was never started."""
        return self._process.poll() if self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def rest(self) -> float:
        """Note a death and return how many seconds to wait before the next start: 1, 2, 4 … up to half a minute."""
        self.deaths = 1 if time.monotonic() - self._started > WELL_SECONDS else self.deaths + 1
        return min(2.0 ** (self.deaths - 1), MAX_REST_SECONDS)

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def wait(self, seconds: float) -> bool:
        """Return whether it ended within so many seconds."""
        try:
            if self._process:
                self._process.wait(timeout=max(seconds, 0))
        except subprocess.TimeoutExpired:
            return False
        return True

    def _send(self, number: signal.Signals) -> None:
        if self._process and self.running:
            self._process.send_signal(number)


def flags(options: dict[str, str]) -> list[str]:
    """Return options as a command line spells them."""
    return [word for name, value in options.items() for word in (f"--{name}", value)]


def _death_with_parent() -> Callable[[], None] | None:
    """Return what makes a child on Linux die with its parent, even when that is killed with SIGKILL."""
    if not sys.platform.startswith("linux"):
        return None
    # Loaded before the fork: a child must not wait for a lock that another thread of the parent held.
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
