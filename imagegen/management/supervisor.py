"""Starts the parts in order, starts again what dies, and stops everything: workers, web, broker."""

import signal
import time
from collections.abc import Callable, Sequence
from types import FrameType

from imagegen.management.parts import Part
from imagegen.management.preflight import CannotStart

TICK_SECONDS = 0.1
# Seldomer, because it goes on for ever.
WATCH_SECONDS = 0.25
START_SECONDS = 60.0
# uvicorn itself gives open streams three seconds.
WEB_STOP_SECONDS = 6.0
BROKER_STOP_SECONDS = 10.0


class Supervisor:
    """Runs until SIGINT or SIGTERM. A second signal stops waiting for calls in flight."""

    def __init__(
        self,
        *,
        broker: Part | None,
        serving: Sequence[Part],
        workers: Sequence[Part],
        say: Callable[[str], None],
        calls_in_flight: Callable[[], int],
        stop_seconds: float,
    ) -> None:
        self._broker = broker
        self._serving = serving
        self._workers = workers
        self._say = say
        self._calls_in_flight = calls_in_flight
        self._stop_seconds = stop_seconds
        self._signals = 0
        self._resting: dict[str, float] = {}

    def __enter__(self) -> "Supervisor":
        signal.signal(signal.SIGINT, self._note)
        signal.signal(signal.SIGTERM, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def start_broker(self, *, until: Callable[[], bool]) -> None:
        if self._broker:
            self._start([self._broker], until)

    def start_serving(self, *, until: Callable[[], bool]) -> None:
        self._start([*self._serving, *self._workers], until)

    def serve(self) -> None:
        """Start again what dies, until a signal comes."""
        while not self.stopping:
            for part in self._parts():
                self._revive(part)
            time.sleep(WATCH_SECONDS)

    @property
    def stopping(self) -> bool:
        return self._signals > 0

    def _start(self, parts: Sequence[Part], until: Callable[[], bool]) -> None:
        """Start parts and wait until they work. Raises CannotStart when one dies or a minute passes meanwhile."""
        if self.stopping:
            return
        for part in parts:
            part.start()
        deadline = time.monotonic() + START_SECONDS
        while not self.stopping and not until():
            for part in self._parts():
                if part.exit_code is not None:
                    raise CannotStart(f"The {part.name} ended with status {part.exit_code} while it was started.")
            if time.monotonic() > deadline:
                raise CannotStart(f"It was not ready after {START_SECONDS:.0f} seconds; set LOG_LEVEL=INFO to see more.")
            time.sleep(TICK_SECONDS)

    def _parts(self) -> list[Part]:
        return [*([self._broker] if self._broker else []), *self._serving, *self._workers]

    def _revive(self, part: Part) -> None:
        if part.exit_code is None:
            return
        if part.name not in self._resting:
            rest = part.rest()
            self._resting[part.name] = time.monotonic() + rest
            self._say(f"The {part.name} ended with status {part.exit_code}; it starts again in {rest:.0f} s.")
        elif time.monotonic() >= self._resting[part.name]:
            del self._resting[part.name]
            part.start()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._signals += 1

    def _stop(self) -> None:
        """Stop workers, web and broker, in this order: a worker that ends its call still needs the other two."""
        self._stop_workers()
        _end(self._serving, WEB_STOP_SECONDS)
        if self._broker:
            _end([self._broker], BROKER_STOP_SECONDS)

    def _stop_workers(self) -> None:
        """Let calls in flight end for STOP_SECONDS, or until a second signal; what is left then becomes `unknown`."""
        for worker in self._workers:
            worker.terminate()
        asked, deadline, said = self._signals, time.monotonic() + self._stop_seconds, False
        while any(worker.running for worker in self._workers):
            calls = self._calls_in_flight()
            if calls and not said:
                self._say(f"Waiting up to {self._stop_seconds:.0f} s for {_counted(calls)}; Ctrl-C again leaves them.")
                said = True
            if time.monotonic() > deadline or self._signals > asked:
                self._say(f"Leaving {_counted(calls)}: whether they were paid is not known.")
                break
            time.sleep(TICK_SECONDS)
        for worker in self._workers:
            worker.kill()
            worker.wait(BROKER_STOP_SECONDS)


def _end(parts: Sequence[Part], seconds: float) -> None:
    """Ask parts to stop, wait that long for all of them together, and kill what is left."""
    for part in parts:
        part.terminate()
    deadline = time.monotonic() + seconds
    for part in parts:
        if not part.wait(deadline - time.monotonic()):
            part.kill()
            part.wait(seconds)


def _counted(calls: int) -> str:
    return f"{calls} call{'' if calls == 1 else 's'} in flight"
