"""A small disk that a storm can fill to the last byte."""

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

MEGABYTE = 1024 * 1024
# Less than this is as good as nothing.
CRUMBS = 64 * 1024
PIECE = MEGABYTE
TOP_UP_SECONDS = 0.02
HOW = "run the tests as root, or within `unshare --map-root-user --mount`, on a Linux that lets you mount a tmpfs"


class Disk:
    """A disk in memory under a folder of its own; use it as a context manager. Raises OSError where it cannot be mounted."""

    def __init__(self, megabytes: int) -> None:
        self._megabytes = megabytes

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="chaotix-disk-")
        self.folder = Path(self._folder.name)
        try:
            _run("mount", "-t", "tmpfs", "-o", f"size={self._megabytes}m", "tmpfs", str(self.folder))
        except BaseException:
            self._folder.cleanup()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        # Lazily: a process that is just ending may still have a file open there.
        _run("umount", "--lazy", str(self.folder))
        self._folder.cleanup()

    @contextmanager
    def full(self, *, leaving: int = 0) -> Iterator[None]:
        """Keep it full up to so many bytes, whatever others delete meanwhile."""
        over = threading.Event()
        self._top_up(leaving)
        thread = threading.Thread(target=self._keep_full, args=(leaving, over))
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self._ballast.unlink(missing_ok=True)

    @property
    def _ballast(self) -> Path:
        return self.folder / "ballast"

    def _keep_full(self, leaving: int, over: threading.Event) -> None:
        while not over.wait(TOP_UP_SECONDS):
            self._top_up(leaving)

    def _top_up(self, leaving: int) -> None:
        """Take what is free, piece by piece: what cannot be had whole is given back, and the disk would seem half empty."""
        with self._ballast.open("ab") as file, suppress(OSError):
            while (free := shutil.disk_usage(self.folder).free - leaving) > CRUMBS:
                os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, min(free, PIECE))


def why_not() -> str | None:
    """Return why no disk can be mounted here; None where one can."""
    try:
        with Disk(1):
            return None
    except OSError as error:
        return f"no small disk could be mounted ({error}); {HOW}"


def _run(*command: str) -> None:
    """Run a command; raises OSError with what it says where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(done.stderr.strip())
