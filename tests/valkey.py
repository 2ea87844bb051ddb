"""A Valkey for tests that want one of their own: on TCP, with a password, behind TLS where asked."""

import asyncio
import contextlib
import ssl
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Self

import redis
import trustme

from imagegen.management import preflight
from tests.waiting import unused_port, wait_until

PASSWORD = "a-password-of-the-tests"


class ValkeyServer:
    """A server that wants a password; use it as a context manager."""

    def __init__(self) -> None:
        self.port = unused_port()
        self.url = f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"

    def __enter__(self) -> Self:
        here = ["--bind", "127.0.0.1", "--port", str(self.port), "--requirepass", PASSWORD, "--save", ""]
        self._process = subprocess.Popen([str(preflight.valkey_program()), *here], stdout=subprocess.DEVNULL)
        self.client = redis.Redis.from_url(self.url, decode_responses=True)
        wait_until(self._answers, seconds=20, what="Valkey")
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self._process.terminate()
        self._process.wait()

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False


class TlsDoor:
    """A door with TLS before a server that has none; `authority` is the file with which its certificate is checked."""

    def __init__(self, server: ValkeyServer) -> None:
        self._server = server
        self._folder = tempfile.TemporaryDirectory(prefix="chaotix-tls-")
        self.authority = Path(self._folder.name) / "authority.pem"
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.authority))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", "127.0.0.1").configure_cert(self._context)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        starting = asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self._door = asyncio.run_coroutine_threadsafe(starting, self._loop).result()
        self.url = f"rediss://:{PASSWORD}@127.0.0.1:{self._door.sockets[0].getsockname()[1]}/0"
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._folder.cleanup()

    async def _close(self) -> None:
        self._door.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, before = await asyncio.open_connection("127.0.0.1", self._server.port)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(_pass_on(reader, before), _pass_on(behind, writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, asyncio.CancelledError):
        while block := await reader.read(65536):
            writer.write(block)
            await writer.drain()
    writer.close()
