"""Worker processes that a storm may kill, stop and freeze, beside a product that has none of its own."""

import random
import re
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from imagegen.management.commands.up import _worker
from tests.product import PROJECT, Product
from tests.waiting import wait_until

SECONDS = 60
INTRODUCTION = re.compile(r"process (\d+) is worker (\w+)")


@dataclass(frozen=True)
class Strike:
    """One signal that was sent: when, in seconds since 1970, and to whom; `worker` is its id in the ledger."""

    at: float
    signal: signal.Signals
    pid: int
    worker: str


class Crew:
    """So many worker processes in the environment of a product; use it as a context manager.

        with Product(WORKER_PROCESSES=0) as product, Crew(product, processes=4, seed=7) as crew:
            crew.strike(signal.SIGKILL)

    `names` are variables that these processes see otherwise than the product does.
    """

    def __init__(self, product: Product, *, processes: int = 4, seed: int = 0, **names: object) -> None:
        self.strikes: list[Strike] = []
        self.random = random.Random(seed)
        self._size = processes
        self._environment = {**product.environment, **{name: str(value) for name, value in names.items()}}
        self._started = 0
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self._log = tempfile.NamedTemporaryFile(prefix="chaotix-crew-")
        try:
            self.start_all()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait(SECONDS)
        self._log.close()

    def strike(self, number: signal.Signals) -> float:
        """End a process that is at work, chosen by chance, with this signal; start another in its place; return when."""
        victim = self._choose()
        at = self._send(victim, number)
        victim.wait(SECONDS)
        self._processes.remove(victim)
        self._start()
        return at

    def freeze(self, seconds: float) -> float:
        """Let a process that is at work, chosen by chance, stand still for so long; return since when."""
        victim = self._choose()
        at = self._send(victim, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            self._send(victim, signal.SIGCONT)
        return at

    def all_at_once(self, number: signal.Signals) -> None:
        """Send this signal to every process, as when the whole machine is struck; nobody takes the place of who dies."""
        for process in self._processes:
            self._send(process, number)
        if number == signal.SIGKILL:
            for process in self._processes:
                process.wait(SECONDS)
            self._processes.clear()

    def start_all(self) -> None:
        """Start the whole crew, and return when they are at work."""
        for _ in range(self._size):
            self._start()
        wait_until(lambda: len(self._at_work()) == self._size, seconds=SECONDS, what="the crew")

    def wait_for_two(self) -> None:
        """Wait until a struck process would leave another one at work, while some just start.

        A crew without anybody at work keeps no promise about recovery: a new process needs some seconds until it listens.
        """
        least = min(2, self._size)
        wait_until(lambda: len(self._at_work()) >= least, seconds=SECONDS, what="a process at work beside the victim")

    def log(self) -> str:
        """Return what all processes said so far."""
        return Path(self._log.name).read_text(encoding="utf-8", errors="replace")

    def _start(self) -> None:
        self._started += 1
        process = subprocess.Popen(
            [*_worker(self._started).command, "--include", "tests.chaos.introduction"],
            cwd=PROJECT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._processes.append(process)

    def _choose(self) -> "subprocess.Popen[bytes]":
        self.wait_for_two()
        return self.random.choice(self._at_work())

    def _at_work(self) -> "list[subprocess.Popen[bytes]]":
        for process in self._processes:
            assert process.poll() is None, (
                f"a worker ended by itself with status {process.returncode}:\n{self.log()[-3000:]}"
            )
        workers = self._workers()
        return [process for process in self._processes if process.pid in workers]

    def _workers(self) -> dict[int, str]:
        """Return by process id which worker of the ledger each process said it is."""
        return {int(pid): worker for pid, worker in INTRODUCTION.findall(self.log())}

    def _send(self, process: "subprocess.Popen[bytes]", number: signal.Signals) -> float:
        """Send the signal and record it."""
        at = time.time()
        process.send_signal(number)
        self.strikes.append(Strike(at, number, process.pid, self._workers()[process.pid]))
        return at
