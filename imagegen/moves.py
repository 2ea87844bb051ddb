"""Pictures carried from the folder where they were kept to the bucket where they are kept now."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import NamedTuple

from django.core.files.storage import FileSystemStorage
from django.db.models import Q

from imagegen import storage
from imagegen.models import Job

AT_ONCE = 8


class Fate(StrEnum):
    """What became of a file."""

    CARRIED = "carried over"
    THERE = "there already"
    MISSING = "missing in both places"
    DAMAGED = "damaged: it is not what was stored"


class Moved(NamedTuple):
    name: str
    fate: Fate


class _File(NamedTuple):
    """A stored file, and its sha256 where a row knows it."""

    name: str
    sha256: str


def carry_over(folder: FileSystemStorage, *, delete: bool) -> Iterator[Moved]:
    """Copy every picture and thumbnail that a row names, and yield what became of each; may be run again at any time.

    A file counts as carried over once it was read back and is the same. With `delete` it is then deleted from the folder.
    Raises StorageUnavailable.
    """
    with ThreadPoolExecutor(AT_ONCE) as threads:
        yield from threads.map(lambda file: Moved(file.name, _carry(folder, file, delete=delete)), _files())


def _files() -> Iterator[_File]:
    rows = Job.objects.exclude(Q(picture="")).order_by("created", "pk").values_list("picture", "sha256", "thumbnail")
    for picture, sha256, thumbnail in rows.iterator(chunk_size=1000):
        yield _File(picture, sha256)
        if thumbnail:
            yield _File(thumbnail, "")


def _carry(folder: FileSystemStorage, file: _File, *, delete: bool) -> Fate:
    if not folder.exists(file.name):
        return Fate.THERE if _sha256_there(file.name) is not None else Fate.MISSING
    with folder.open(file.name) as source:
        body = source.read()
    sha256 = hashlib.sha256(body).hexdigest()
    if file.sha256 and sha256 != file.sha256:
        return Fate.DAMAGED
    fate = Fate.THERE
    if _sha256_there(file.name) != sha256:
        storage.save_as(file.name, body)
        fate = Fate.CARRIED if _sha256_there(file.name) == sha256 else Fate.DAMAGED
    if delete and fate != Fate.DAMAGED:
        folder.delete(file.name)
    return fate


def _sha256_there(name: str) -> str | None:
    """Return the sha256 of a file where it is kept now; None where it is not there."""
    try:
        return hashlib.sha256(storage.read(name)).hexdigest()
    except FileNotFoundError:
        return None
