"""What open pages cost, and whether and how soon they hear of every picture.

The product draws pictures at an uneven pace, as providers answer, while 50 pages are open on them. One more job never ends,
so the pages stay open.
"""

import asyncio
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from bench.figures import Figure
from bench.ground import ground
from bench.processes import core_share, cpu_seconds, megabytes, parts
from bench.provider import Provider
from tests.product import Product

WEB_SERVER = "uvicorn"
PAGES = 50
JOBS = 400
# Longer than a catch-up, so that an idle page's whole life is in it.
IDLE_SECONDS = 32.0
MOST_SECONDS = 300.0
# Twenty pictures a second, from two processes.
PROCESSES, THREADS = 2, 20
CALL_SECONDS, JITTER_SECONDS = 1.0, 0.5
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
class Found:
    heard: float
    memory: float
    opening: float
    idle_none: float
    idle_open: float
    delays: list[float]


def measure(repeat: int) -> list[Figure]:
    """Open the pages once: half a minute of events is thousands of them."""
    provider = Provider(delay=CALL_SECONDS, jitter=JITTER_SECONDS)
    with ground(provider, processes=PROCESSES, at_once=THREADS + PROCESSES) as product:
        found = asyncio.run(_watch(product, provider, PAGES, JOBS))
    cut = statistics.quantiles(found.delays, n=100)
    return [
        Figure(f"events heard over expected, {PAGES} pages", found.heard, 1.0, more_is_better=True, unit=""),
        Figure(
            f"from the provider's answer to the card, 95 % of {len(found.delays)}", cut[94] * 1000, 150, unit="ms",
            beside=f"half within {cut[49] * 1000:.0f} ms",
        ),
        Figure(f"web server's memory after {JOBS} pictures over after {JOBS // 10}", found.memory, 1.2),
        Figure(f"web server's CPU to bring a new page up to {JOBS + 1} cards", found.opening * 1000, unit="ms"),
        Figure("web server's share of a core, idle, no page", found.idle_none, 0.01, unit=""),
        Figure(f"web server's share of a core, idle, {PAGES} pages open", found.idle_open, unit=""),
    ]  # fmt: skip


async def _watch(product: Product, provider: Provider, pages: int, jobs: int) -> Found:
    [server] = parts(product, WEB_SERVER)
    idle_none = await asyncio.to_thread(core_share, [server], IDLE_SECONDS)
    # Nothing is drawn until every page is open: what opening costs is a figure of its own.
    product.manage("pause")
    ids = product.generate(f"a never-ending kite {NEVER}", provider="demo")
    ids += await asyncio.to_thread(product.generate, *(f"kite {number}" for number in range(jobs)))
    opened = [Page() for _ in range(pages)]
    before = cpu_seconds([server])
    streams = [asyncio.create_task(page.listen(product, f"/events?task_ids={','.join(ids)}")) for page in opened]
    await _until(lambda: all(len(page.known) > jobs for page in opened))
    opening = (cpu_seconds([server]) - before) / pages
    await asyncio.to_thread(product.manage, "resume")
    await _until(lambda: all(len(page.arrived) >= jobs // 10 for page in opened))
    first = megabytes(server)
    await _until(lambda: all(len(page.arrived) >= jobs for page in opened))
    await _until(lambda: product.rows(UNDECODED) == [(0,)])
    memory = megabytes(server) / first
    idle_open = await asyncio.to_thread(core_share, [server], IDLE_SECONDS)
    for stream in streams:
        stream.cancel()
    await asyncio.gather(*streams, return_exceptions=True)
    heard = sum(len(page.arrived) for page in opened) / (pages * jobs)
    return Found(heard, memory, opening, idle_none, idle_open, _delays(product, provider, opened))


async def _until(holds: Callable[[], bool]) -> None:
    """Wait for something, or give up: the figures then tell."""
    deadline = time.monotonic() + MOST_SECONDS
    while not holds() and time.monotonic() < deadline:
        await asyncio.sleep(0.05)


def _delays(product: Product, provider: Provider, pages: list[Page]) -> list[float]:
    """Return the seconds from each answer to its picture's arrival at each page."""
    jobs = dict(product.rows("SELECT id, job_id FROM imagegen_attempt WHERE provider = 'stability'"))
    answered = {UUID(jobs[UUID(call).hex]): at for call, at in provider.answered().items()}
    return [at - answered[job] for page in pages for job, at in page.arrived.items()]
