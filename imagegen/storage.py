"""Where finished pictures are kept, named by the job and never by what somebody typed; and the site's own static files."""

import logging
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, default_storage, storages
from servestatic.storage import CompressedManifestStaticFilesStorage

from imagegen import conf, errors, files

log = logging.getLogger(__name__)

# Between two pieces other threads take their turn: Django's 64 KB make dozens of a picture.
PIECE_BYTES = 4 * 1024**2


class DurableFileSystemStorage(FileSystemStorage):
    """Files that survive a power cut once `save` returns."""

    def _save(self, name: str, content: "File[Any]") -> str:
        files.write_durably(Path(self.path(name)), content.chunks(PIECE_BYTES))
        return name


class HashedStaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # the package has no types
    """Style and script under names that say their content; under plain names where collectstatic never ran (runserver)."""

    manifest_strict = False

    def stored_name(self, name: str) -> str:
        try:
            return str(super().stored_name(name))
        except ValueError:
            return name


def make_ready() -> None:
    """Do now what the first picture would have to wait for: reading what a bucket's client is made of takes a second."""
    getattr(storages["default"], "connection", None)


def save(job: UUID, fence: int, suffix: str, body: bytes) -> str:
    """Store a picture and return its name.

    The fence in the name keeps a worker that lost the job from writing over the picture of the one that has it.
    Raises StorageUnavailable.
    """
    return save_as(_name(job, fence, suffix), body)


def delete_earlier(job: UUID, fence: int, suffix: str) -> None:
    """Delete what those had stored who held the job before, and could not say so any more: no row will ever name it."""
    for earlier in range(1, fence):
        delete(_name(job, earlier, suffix))


def discard_drafts(job: UUID, seconds: float) -> None:
    """Remove half-written files beside a job's picture that nobody has touched for so long."""
    if isinstance(storages["default"], FileSystemStorage):
        files.discard_drafts(Path(storages["default"].path(_name(job, 0, ""))).parent, seconds)


def _name(job: UUID, fence: int, suffix: str) -> str:
    return f"{job.hex[:2]}/{job}-{fence}.{suffix}"


def save_as(name: str, body: bytes) -> str:
    """Store bytes and return the name they got. Raises StorageUnavailable."""
    try:
        return str(default_storage.save(name, ContentFile(body)))
    except OSError as error:
        raise errors.StorageUnavailable(f"The picture could not be stored: {error.strerror}.") from error


def read(name: str) -> bytes:
    """Return a stored picture; FileNotFoundError where it alone is gone. Raises StorageUnavailable where the place is."""
    try:
        with default_storage.open(name) as file:
            return bytes(file.read())
    except FileNotFoundError as error:
        if not isinstance(storages["default"], FileSystemStorage) or default_storage.exists(""):
            raise
        raise errors.StorageUnavailable("The place where pictures are kept is away.") from error
    except OSError as error:
        raise errors.StorageUnavailable(f"The picture could not be read: {error.strerror}.") from error


def delete(name: str) -> None:
    """Delete a file that no row names; where that fails it merely takes room."""
    try:
        default_storage.delete(name)
    except OSError as error:
        log.warning("%s could not be deleted: %s", name, error.strerror)


def address(name: str) -> str | None:
    """Return where a browser may get a stored file by itself for a while; None where this site hands it on."""
    return str(default_storage.url(name)) if conf.presigned_seconds() else None
