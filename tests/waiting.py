"""Free ports, and waiting for what is sure to come. It knows nothing of the product, whose settings need it too."""

import socket
import time
from collections.abc import Callable


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(holds: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Wait for something that is sure to come; `seconds` only ends a test that would hang."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(0.05)
