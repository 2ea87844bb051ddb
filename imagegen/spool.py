"""What a provider answered, on this machine's disk, from the first byte until the picture is stored.

One file per attempt: a line of JSON (status, headers, provider), then the body. It is written aside, synced and renamed,
so a file that is there is whole, and after any crash an answer that was paid for is read here, not bought again.
"""

import contextlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from uuid import UUID

from imagegen import conf, errors, files, http
from imagegen.providers.base import Answer, Keep


def keep(attempt: UUID, provider: str) -> Keep:
    """Return the function that puts the answer of this attempt into the spool."""

    def keep_answer(status: int, headers: Mapping[str, str], blocks: Iterable[bytes]) -> Answer:
        head = json.dumps({"status": status, "headers": dict(headers), "provider": provider})
        files.write_durably(_path(attempt), _file(head, blocks))
        return Answer(status, dict(headers), lambda: read(attempt).body)

    return keep_answer


def read(attempt: UUID) -> Answer:
    """Return a kept answer; FileNotFoundError where there is none."""
    with _path(attempt).open("rb") as file:
        head, body = json.loads(file.readline()), file.read()
    return Answer(head["status"], head["headers"], lambda: body)


def provider(attempt: UUID) -> str:
    """Return the name of the provider that gave a kept answer; FileNotFoundError where there is none."""
    with _path(attempt).open("rb") as file:
        return str(json.loads(file.readline())["provider"])


def left_behind(seconds: float) -> list[UUID]:
    """Return the attempts whose answers have been here for so long that nobody is just finishing them."""
    old = time.time() - seconds
    return [UUID(path.stem) for path in _folder().glob("*.answer") if _changed(path) < old]


def _changed(path: Path) -> float:
    """Return when a file was last written; now, for one that was discarded since it was listed."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()


def touch(attempt: UUID) -> None:
    """Make an answer look new, so that the next look at what was left behind passes it over."""
    with contextlib.suppress(FileNotFoundError):
        os.utime(_path(attempt))


def discard(attempt: UUID) -> None:
    _path(attempt).unlink(missing_ok=True)


def discard_drafts(seconds: float) -> None:
    """Remove answers that processes which are gone had begun to write, and nobody has touched for so long."""
    files.discard_drafts(_folder(), seconds)


def check_room(calls: int) -> None:
    """Raise NoRoom where the disk could not hold the answers of `calls` calls and one more."""
    _folder().mkdir(parents=True, exist_ok=True)
    free, needed = shutil.disk_usage(_folder()).free, http.MAX_BYTES * (calls + 1)
    if free < needed:
        raise errors.NoRoom(f"{_folder()} has {free >> 20} MB free; {calls + 1} answers may need {needed >> 20} MB")


def _file(head: str, blocks: Iterable[bytes]) -> Iterator[bytes]:
    yield head.encode() + b"\n"
    yield from blocks


def _path(attempt: UUID) -> Path:
    return _folder() / f"{attempt}.answer"


def _folder() -> Path:
    return conf.spool_dir()
