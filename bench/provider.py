"""A provider that costs next to nothing: `python -m bench.provider` answers every POST with one picture after a while.

It looks at no request; the stand-in of the tests does that. What it measures is when each answer had left, by the attempt's
id: GET /log tells.
"""

import argparse
import asyncio
import io
import json
import os
import random
import subprocess
import sys
import time
from typing import Self

import requests
from PIL import Image

# About what Stability's core sends for 1024 x 1024 pixels: noise does not compress.
SIDE = 700


class Provider:
    """The provider in a process of its own; use it as a context manager. Times in seconds."""

    def __init__(self, *, delay: float = 0.0, jitter: float = 0.0) -> None:
        self._words = [sys.executable, "-m", "bench.provider", "--delay", str(delay), "--jitter", str(jitter)]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._words, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def answered(self) -> dict[str, float]:
        """Return when each answer had left, in seconds since 1970, by the attempt's id; calls without one are left out."""
        log: dict[str, float] = requests.get(f"{self.url}/log", timeout=30).json()
        return log


class _Line(asyncio.Protocol):
    """One connection, with one request at a time."""

    def __init__(self, options: argparse.Namespace, picture: bytes, log: dict[str, float]) -> None:
        self._options, self._picture, self._log = options, picture, log
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(high=1 << 25)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        fields = _fields(head)
        if len(body) < int(fields.get("content-length", "0")):
            return
        self._received = b""
        if head.startswith(b"GET"):
            self._send(json.dumps(self._log).encode(), "application/json", "")
        else:
            delay = self._options.delay + random.uniform(-1, 1) * self._options.jitter
            name = fields.get("x-chaotix-attempt", "")
            asyncio.get_running_loop().call_later(delay, self._send, self._picture, "image/png", name)

    def _send(self, body: bytes, kind: str, name: str) -> None:
        fields = {"content-type": kind, "content-length": len(body), "finish-reason": "SUCCESS", "seed": 7}
        lines = ["HTTP/1.1 200 OK", *(f"{field}: {value}" for field, value in fields.items()), "", ""]
        self._transport.write("\r\n".join(lines).encode())
        self._transport.write(body)
        if name:
            self._log[name] = time.time()


def _fields(head: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:])
    return {name.strip().lower(): value.strip() for name, _, value in lines}


def picture() -> bytes:
    """Return a PNG of noise, of 1.47 MB."""
    file = io.BytesIO()
    Image.frombytes("RGB", (SIDE, SIDE), os.urandom(SIDE * SIDE * 3)).save(file, "PNG", compress_level=1)
    return file.getvalue()


async def serve(options: argparse.Namespace) -> None:
    body, log = picture(), dict[str, float]()
    server = await asyncio.get_running_loop().create_server(lambda: _Line(options, body, log), "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--jitter", type=float, default=0.0)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
