"""Free ports, and waiting for what is sure to come. It knows nothing of the product, whose settings need it too."""

import itertools
import random
import socket
import time
from collections.abc import Callable

# Below those that Linux (from 32768) and macOS (from 49152) give to connections that go out: one of these could take a
# port after it was found free here and before its server listens, which takes some servers seconds.
PORTS = range(20_000, 32_768)
# Not the generator that everybody shares: pytest-randomly begins it alike in all processes, which would take the same ports.
chance = random.SystemRandom()
_every_port = itertools.cycle(chance.sample(PORTS, len(PORTS)))


def unused_port() -> int:
    """Return a port of 127.0.0.1 that nobody has, and that this process has not been given before."""
    return next(port for port in _every_port if is_free(port))


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def wait_until(holds: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Wait for something that is sure to come; `seconds` only ends a test that would hang."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(0.05)
