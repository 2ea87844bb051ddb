"""How long many slow pictures take, and how many quick ones are drawn a second, beside a bare client."""

from statistics import median

from bench import bare
from bench.figures import Figure, spread
from bench.ground import draw, ground
from bench.provider import Provider
from tests.postgresql import PostgresServer

AT_ONCE = 100
PROCESSES = 2
SLOW_CALLS, SLOW_SECONDS, JITTER_SECONDS = 400, 2.0, 0.4
QUICK_CALLS = 800
MOST = 1.12
LEAST = 0.6


def measure(repeat: int) -> list[Figure]:
    figures = _slow("SQLite", 0.0, repeat) + _slow("SQLite", JITTER_SECONDS, repeat)
    with PostgresServer() as server:
        figures += _slow("PostgreSQL", 0.0, repeat, DATABASE_URL=server.url)
    return figures + _quick(repeat)


def _slow(where: str, jitter: float, repeat: int, **names: object) -> list[Figure]:
    ideal = SLOW_CALLS / AT_ONCE * SLOW_SECONDS
    provider = Provider(delay=SLOW_SECONDS, jitter=jitter)
    with ground(provider, processes=PROCESSES, at_once=AT_ONCE, **names) as product:
        draw(product, AT_ONCE)
        ours, theirs = [], []
        for _ in range(repeat):
            theirs.append(bare.seconds(provider.url, calls=SLOW_CALLS, at_once=AT_ONCE) / ideal)
            ours.append(draw(product, SLOW_CALLS) / ideal)
    latency = f"{SLOW_SECONDS:g} s" + (f" ± {jitter:g} s" if jitter else "")
    name = f"makespan of {SLOW_CALLS} pictures of {latency}, {AT_ONCE} at once, over the ideal ({where})"
    return [Figure(name, median(ours), None if jitter else MOST, beside=f"{spread(ours)}; bare {median(theirs):.2f}")]


def _quick(repeat: int) -> list[Figure]:
    provider = Provider()
    with ground(provider, processes=PROCESSES, at_once=AT_ONCE) as product:
        draw(product, AT_ONCE)
        shares, rates = [], []
        for _ in range(repeat):
            theirs = bare.seconds(provider.url, calls=QUICK_CALLS, at_once=AT_ONCE)
            ours = draw(product, QUICK_CALLS)
            shares.append(theirs / ours)
            rates.append(QUICK_CALLS / ours)
    name = "pictures a second from a provider that takes no time, over a bare client's"
    return [
        Figure(name, median(shares), LEAST, more_is_better=True, beside=f"{spread(shares)}; {median(rates):.0f} a second")
    ]
