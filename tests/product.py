"""The whole product as its users run it: `manage.py up` in a folder of its own, with real processes and sockets."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Self
from uuid import UUID

import psycopg
import requests
from redis import Redis

from tests import settings as test_settings
from tests import stores
from tests.kept import Pictures
from tests.waiting import unused_port, wait_until

PROJECT = Path(__file__).parent.parent
START_SECONDS = 60


def clean_environment(**names: object) -> dict[str, str]:
    """Return this environment with every variable of the product absent but those given."""
    blank = dict.fromkeys([*test_settings.NAMES, *(f"{name}_FILE" for name in test_settings.NAMES)], "")
    given = {name: str(value) for name, value in names.items()}
    # Where bytecode is not kept, each of a thousand processes compiles everything anew.
    dropped = ("DJANGO_SETTINGS_MODULE", "PYTHONDONTWRITEBYTECODE")
    own = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**own, **blank, **given}


class Product:
    """A running product; use it as a context manager."""

    # For the audit of ledgers after each test.
    started: ClassVar[list["Product"]] = []

    def __init__(self, **names: object) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="chaotix-up-")
        self.folder = Path(self._folder.name)
        self.port = unused_port()
        self.url = f"http://127.0.0.1:{self.port}"
        folders = {"DATA_DIR": self.folder / "var", "MEDIA_ROOT": self.folder / "media"}
        own = {**folders, "PORT": self.port, **stores.installation()}
        # Nothing is limited but what a test is about, and no process more is started than it needs.
        usual = {"WORKER_PROCESSES": 1, "SWEEP_SECONDS": 1, "STABILITY_RATE_LIMIT": 0}
        self.environment = clean_environment(**{**own, **usual, **names})
        self.lines: list[str] = []
        self.ended = False
        self._ledger: list[tuple[str, str, str]] = []

    def __enter__(self) -> Self:
        self.start()
        self.started.append(self)
        try:
            wait_until(lambda: self.is_ready or not self.running, seconds=START_SECONDS, what="the line `ready`")
            assert self.is_ready, "\n".join(self.lines)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
            if self.is_ready:
                self._ledger = self._charges()
        finally:
            self.ended = True
            self._folder.cleanup()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            cwd=PROJECT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit status; whatever hangs is killed."""
        if self.running:
            self.process.send_signal(number)
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self._reader.join(timeout=10)
        return self.process.returncode

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    @property
    def is_ready(self) -> bool:
        return f"ready {self.url}" in self.lines

    def parts(self) -> list[tuple[str, int]]:
        """Return command line and process id of broker, web server, thumbnailer and workers."""
        command = ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(self.process.pid)]
        listing = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        rows = (line.split(None, 1) for line in listing.splitlines())
        return [(words, int(pid)) for pid, words in rows]

    def generate(self, *texts: object, **options: object) -> list[str]:
        """POST texts and return the task ids."""
        answer = requests.post(f"{self.url}/generate-images", json={"text": list(texts), **options}, timeout=30)
        assert answer.status_code == 202, answer.text
        ids: list[str] = answer.json()["task_ids"]
        return ids

    def manage(self, *words: str) -> None:
        """Run a command of manage.py on this product's data."""
        command = [sys.executable, "manage.py", *words]
        subprocess.run(command, cwd=PROJECT, env=self.environment, check=True, capture_output=True)

    def images(self, ids: list[str]) -> list[dict[str, Any]]:
        headers = {"Accept": "application/json"}
        answer = requests.get(f"{self.url}/show-images", json={"task_ids": ids}, headers=headers, timeout=30)
        images: list[dict[str, Any]] = answer.json()["images"]
        return images

    def get(self, path: str) -> dict[str, Any]:
        answer = requests.get(f"{self.url}{path}", timeout=30)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def finished(self, ids: list[str], *, seconds: float = 120) -> list[dict[str, Any]]:
        """Wait until every one of these tasks has ended, and return their entries."""

        def done() -> bool:
            return all(image["state"] not in ("queued", "running") for image in self.images(ids))

        wait_until(done, seconds=seconds, what="the end of every task")
        return self.images(ids)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Read the product's own database, in the types that its driver gives: an id is text from SQLite, else a UUID."""
        with self._database() as database:
            found: list[tuple[Any, ...]] = database.execute(query).fetchall()
            return found

    def change(self, statement: str) -> None:
        """Change the product's own database, of which it learns nothing."""
        with self._database() as database:
            database.execute(statement)
            database.commit()

    def redis(self) -> Redis:
        """Return a client of the product's Redis; `key` says what it calls something there."""
        own = f"unix://{self.folder / 'var' / 'broker' / 'valkey.sock'}"
        # An address has no retries of its own; a path as an argument would have three.
        return Redis.from_url(self.environment["REDIS_URL"] or own, socket_timeout=5)

    def key(self, name: str) -> str:
        return f"{self.environment['REDIS_PREFIX'] or 'chaotix'}:{name}"

    @property
    def pictures(self) -> Pictures:
        return Pictures(self.environment)

    def ledger(self, provider: str) -> dict[str, str]:
        """Return the charge of each attempt at this provider by the attempt's id in hex, also after the end."""
        charges = self._ledger if self.ended else self._charges()
        return {attempt: charged for name, attempt, charged in charges if name == provider}

    def _charges(self) -> list[tuple[str, str, str]]:
        rows = self.rows("SELECT provider, id, charged FROM imagegen_attempt")
        return [(provider, UUID(str(attempt)).hex, charged) for provider, attempt, charged in rows]

    @contextlib.contextmanager
    def _database(self) -> Iterator[Any]:
        if (url := self.environment["DATABASE_URL"]).startswith("postgres"):
            opened: Any = psycopg.connect(url)
        else:
            opened = sqlite3.connect(self.folder / "var" / "chaotix.sqlite3", timeout=20)
        with contextlib.closing(opened) as database:
            yield database

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.lines.append(line.rstrip("\n"))
