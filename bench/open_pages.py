"""What open pages cost, and whether they hear everything: `python -m bench.open_pages`.

Starts the product, lets it draw small demo pictures at a steady pace, and opens 50 pages on them. One more job never ends,
so the pages stay open. Most figures are ratios within one run, so that runs on different machines compare.
"""

import argparse
import asyncio
import os
import re
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from tests import settings as test_settings
from tests.product import Product

PAGES = 50
JOBS = 400
# Longer than a catch-up, so that an idle page's whole life is in it.
IDLE_SECONDS = 32.0
MOST_SECONDS = 300.0
# Twenty pictures a second.
PACE, THREADS = "[demo: slow 1]", 20
NEVER = "[demo: slow 600]"
UNDECODED = "SELECT COUNT(*) FROM imagegen_job WHERE state = 'succeeded' AND thumbnail = '' AND defect = ''"
CARD = re.compile(r'^data: <li [^>]*?id="card-(?P<task>[^"]+)" data-state="(?P<state>[^"]+)"')


@dataclass
class Page:
    """One open page: when it first heard of each job, and of each picture that is there."""

    known: dict[UUID, float] = field(default_factory=dict)
    arrived: dict[UUID, float] = field(default_factory=dict)

    async def listen(self, product: Product, address: str) -> None:
        # Of HTTP/1.0, because its body comes as it is.
        reader, writer = await asyncio.open_connection("127.0.0.1", product.port)
        writer.write(f"GET {address} HTTP/1.0\r\nHost: 127.0.0.1:{product.port}\r\n\r\n".encode())
        try:
            while line := await reader.readline():
                if not (card := CARD.match(line.decode())):
                    continue
                self.known.setdefault(UUID(card["task"]), time.time())
                if card["state"] == "succeeded":
                    self.arrived.setdefault(UUID(card["task"]), time.time())
        finally:
            writer.close()


@dataclass(frozen=True)
class Figures:
    heard: float
    memory: float
    opening: float
    idle_none: float
    idle_open: float
    delays: list[float]


class Server:
    """The web server's process as the operating system sees it."""

    def __init__(self, product: Product) -> None:
        [self._pid] = [pid for words, pid in product.parts() if "uvicorn" in words]

    def megabytes(self) -> float:
        return float(self._ps("rss")) / 1024

    def cpu_seconds(self) -> float:
        """Return what it used so far; to a hundredth where /proc is, else to what ps says."""
        with suppress(FileNotFoundError), open(f"/proc/{self._pid}/stat") as stat:
            facts = stat.read().rpartition(")")[2].split()
            return (int(facts[11]) + int(facts[12])) / os.sysconf("SC_CLK_TCK")
        minutes, _, seconds = self._ps("time").rpartition(":")
        return float(minutes.rpartition(":")[2] or 0) * 60 + float(seconds)

    async def idle_share(self) -> float:
        """Return the share of one core that it uses while nothing happens."""
        before, begun = self.cpu_seconds(), time.monotonic()
        await asyncio.sleep(IDLE_SECONDS)
        return (self.cpu_seconds() - before) / (time.monotonic() - begun)

    def _ps(self, column: str) -> str:
        command = ["ps", "-o", f"{column}=", "-p", str(self._pid)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


async def measure(product: Product, pages: int, jobs: int) -> Figures:
    server = Server(product)
    idle_none = await server.idle_share()
    texts = [f"a never-ending kite {NEVER}", *(f"kite {number} {PACE}" for number in range(jobs))]
    ids = await asyncio.to_thread(product.generate, *texts, size="64x64")
    opened = [Page() for _ in range(pages)]
    before = server.cpu_seconds()
    streams = [asyncio.create_task(page.listen(product, f"/events?task_ids={','.join(ids)}")) for page in opened]
    await _until(lambda: all(len(page.known) > jobs for page in opened))
    opening = (server.cpu_seconds() - before) / pages
    await _until(lambda: all(len(page.arrived) >= jobs // 10 for page in opened))
    first = server.megabytes()
    await _until(lambda: all(len(page.arrived) >= jobs for page in opened))
    await _until(lambda: product.rows(UNDECODED) == [(0,)])
    memory = server.megabytes() / first
    idle_open = await server.idle_share()
    for stream in streams:
        stream.cancel()
    await asyncio.gather(*streams, return_exceptions=True)
    heard = sum(len(page.arrived) for page in opened) / (pages * jobs)
    return Figures(heard, memory, opening, idle_none, idle_open, _delays(product, opened))


async def _until(holds: Callable[[], bool]) -> None:
    """Wait for something, or give up: the figures then tell."""
    deadline = time.monotonic() + MOST_SECONDS
    while not holds() and time.monotonic() < deadline:
        await asyncio.sleep(0.05)


def _delays(product: Product, pages: list[Page]) -> list[float]:
    """Return the seconds from each picture's end to its arrival, for pictures that ended while every page was open."""
    rows = product.rows("SELECT id, ended_at FROM imagegen_job WHERE state = 'succeeded'")
    ended = {UUID(job): datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp() for job, at in rows}
    begun = max(max(page.known.values()) for page in pages)
    return [at - ended[job] for page in pages for job, at in page.arrived.items() if ended[job] > begun]


def report(figures: Figures, pages: int, jobs: int) -> str:
    cut = statistics.quantiles(figures.delays, n=100)
    rows = {
        f"events heard / expected ({pages} pages x {jobs} pictures)": f"{figures.heard:.4f}",
        f"web server's memory after {jobs} / after {jobs // 10} pictures": f"{figures.memory:.3f}",
        f"web server's CPU to bring a new page up to {jobs + 1} cards": f"{figures.opening * 1000:.0f} ms",
        "web server's share of a core, idle, no page": f"{figures.idle_none:.2%}",
        f"web server's share of a core, idle, {pages} pages": f"{figures.idle_open:.2%}",
        f"from end to arrival, half ({len(figures.delays)} events)": f"{cut[49] * 1000:.0f} ms",
        "from end to arrival, 95 %": f"{cut[94] * 1000:.0f} ms",
    }
    return "\n".join(f"{name:<60}{value:>10}" for name, value in rows.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=PAGES)
    parser.add_argument("--jobs", type=int, default=JOBS)
    asked = parser.parse_args()
    with Product(STOP_SECONDS=1, WORKER_PROCESSES=1, WORKER_CONCURRENCY=THREADS + 1) as product:
        figures = asyncio.run(measure(product, asked.pages, asked.jobs))
    shutil.rmtree(test_settings.ROOT, ignore_errors=True)
    print(report(figures, asked.pages, asked.jobs))


if __name__ == "__main__":
    main()
