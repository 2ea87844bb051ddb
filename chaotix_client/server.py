"""What a server of Chaotix is asked, over HTTP."""

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

SECONDS = 60
# A server that starts anew is back within this time; nothing is lost by asking again, because everything has a key.
PATIENCE_SECONDS = 120.0


class Refused(Exception):
    """The server does not do what it was asked; the message is its own."""


class Server:
    """One installation, by its address; CHAOTIX_TOKEN says who asks, where that is needed."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        token = os.environ.get("CHAOTIX_TOKEN", "")
        self._who = {"Authorization": f"Bearer {token}"} if token else {}

    def make(self, body: dict[str, Any], *, key: str) -> dict[str, Any]:
        """Ask for a batch and return it; the same key brings the same batch and buys nothing."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        return self._json("/api/batches", json.dumps(body).encode(), headers)

    def estimate(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return what a batch would cost, and make nothing."""
        headers = {"Content-Type": "application/json"}
        found: dict[str, Any] = self._json("/api/batches?dry_run=1", json.dumps(body).encode(), headers)["estimate"]
        return found

    def states(self, batch: str) -> dict[str, int]:
        """Return how many jobs of a batch are in which state."""
        found: dict[str, int] = self._json(f"/api/batches/{batch}")["states"]
        return found

    def images(self, batch: str) -> Iterator[dict[str, Any]]:
        """Yield what has become of every job of a batch."""
        url: str | None = f"/api/images?batch={batch}&state=any&limit=100"
        while url:
            page = self._json(url)
            yield from page["results"]
            url = page["next"]

    def picture(self, url: str) -> bytes:
        return self._ask(url)

    def _json(self, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._ask(path, body, headers))
        return found

    def _ask(self, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> bytes:
        """Return what the server answers, asking again while it is away. Raises Refused."""
        url = path if "://" in path else self._address + path
        request = urllib.request.Request(url, data=body, headers=headers or {})
        for name, value in self._who.items():
            # Not for a store to which the server sends on.
            request.add_unredirected_header(name, value)
        until, pause = time.monotonic() + PATIENCE_SECONDS, 0.5
        while True:
            try:
                with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                    return bytes(answer.read())
            except urllib.error.HTTPError as error:
                if error.code < 500 or time.monotonic() > until:
                    raise Refused(_detail(error)) from error
            except OSError as error:
                if time.monotonic() > until:
                    raise Refused(f"{self._address} cannot be reached ({error}).") from error
            time.sleep(pause)
            pause = min(pause * 2, 8.0)


def _detail(error: urllib.error.HTTPError) -> str:
    """Return the sentence of an error as the server writes them."""
    try:
        return str(json.loads(error.read())["detail"])
    except (OSError, ValueError, KeyError, TypeError):
        return f"The server answered {error.code}."
