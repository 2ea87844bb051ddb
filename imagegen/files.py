"""Files that are whole or not there, also after a power cut."""

import contextlib
import os
import time
import uuid
from collections.abc import Iterable
from pathlib import Path


def write_durably(path: Path, blocks: Iterable[bytes]) -> None:
    """Write a file aside, sync it, rename it and sync its folder; whatever goes wrong, nothing half written stays."""
    _make_folder(path.parent)
    draft = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with draft.open("wb") as file:
            for block in blocks:
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
    finally:
        draft.unlink(missing_ok=True)
    _sync_folder(path.parent)


def write_once(path: Path, content: bytes) -> None:
    """Write a file unless there is one; of several that do so at once one wins, and all find the same."""
    if path.exists():
        return
    draft = path.with_name(f".{uuid.uuid4().hex}.first")
    write_durably(draft, [content])
    try:
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    _sync_folder(path.parent)


def discard_drafts(folder: Path, seconds: float) -> None:
    """Remove what processes that are gone had begun to write here, and nobody has touched for so long."""
    old = time.time() - seconds
    for draft in folder.glob(".*.part"):
        with contextlib.suppress(FileNotFoundError):
            if draft.stat().st_mtime < old:
                draft.unlink()


def _make_folder(folder: Path) -> None:
    """Make a folder, and sync the entry of each new one: a file is as durable as the folders above it."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
