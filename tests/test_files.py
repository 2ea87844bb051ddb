"""A file is whole or not there."""

import errno
import os
import resource
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from imagegen import files


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let the operating system refuse to make files larger than this, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_blocks_become_one_file_in_a_folder_that_is_made(tmp_path: Path) -> None:
    files.write_durably(tmp_path / "a" / "b" / "file", [b"one ", b"", b"two"])
    assert (tmp_path / "a" / "b" / "file").read_bytes() == b"one two"


def test_nothing_but_the_file_is_left(tmp_path: Path) -> None:
    files.write_durably(tmp_path / "file", [b"one"])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_older_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    files.write_durably(tmp_path / "file", [b"a long first text"])
    files.write_durably(tmp_path / "file", [b"second"])
    assert (tmp_path / "file").read_bytes() == b"second"


def broken_off() -> Iterator[bytes]:
    yield b"half"
    raise ConnectionError("the rest never came")


def test_a_source_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError):
        files.write_durably(tmp_path / "file", broken_off())
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_breaks_off_leaves_the_older_file(tmp_path: Path) -> None:
    files.write_durably(tmp_path / "file", [b"first"])
    with pytest.raises(ConnectionError):
        files.write_durably(tmp_path / "file", broken_off())
    assert (tmp_path / "file").read_bytes() == b"first"


def test_a_disk_that_takes_no_more_leaves_nothing(tmp_path: Path) -> None:
    with largest_file(100_000), pytest.raises(OSError) as caught:  # noqa: PT011  (its number is asked below)
        files.write_durably(tmp_path / "file", [bytes(60_000), bytes(60_000)])
    assert caught.value.errno == errno.EFBIG
    assert list(tmp_path.iterdir()) == []


def test_nobody_sees_the_file_before_it_is_whole(tmp_path: Path) -> None:
    seen: list[bool] = []

    def blocks() -> Iterator[bytes]:
        yield b"one"
        seen.append((tmp_path / "file").exists())

    files.write_durably(tmp_path / "file", blocks())
    assert seen == [False]


def test_the_file_is_synced_before_it_has_its_name_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[bool, bool]] = []
    real: Any = os.fsync

    def watched(descriptor: int) -> None:
        is_folder = os.fstat(descriptor).st_ino == tmp_path.stat().st_ino
        synced.append((is_folder, (tmp_path / "file").exists()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    files.write_durably(tmp_path / "file", [b"one"])
    assert synced == [(False, False), (True, True)]


def test_the_entry_of_a_new_folder_is_synced_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    real: Any = os.fsync

    def watched(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    files.write_durably(tmp_path / "new" / "file", [b"one"])
    assert tmp_path.stat().st_ino in synced


def test_of_many_that_write_at_once_one_wins_and_all_find_the_same(tmp_path: Path) -> None:
    path, start = tmp_path / "id", threading.Barrier(16)

    def write(number: int) -> bytes:
        start.wait()
        files.write_once(path, str(number).encode())
        return path.read_bytes()

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(write, range(16)))) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["id"]
