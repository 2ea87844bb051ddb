"""Finished pictures are files named by their job, whole or not there."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.exceptions import SuspiciousOperation
from django.core.files.storage import default_storage

from imagegen import generation, storage
from imagegen.errors import StorageUnavailable
from imagegen.models import Job
from tests.kept import own_pictures
from tests.rows import make_job
from tests.test_files import largest_file

JOB = UUID("12345678-1234-4234-8234-123456789abc")


def media() -> list[str]:
    return sorted(own_pictures().names())


def test_a_picture_comes_back_as_it_was() -> None:
    body = bytes(range(256)) * 1024
    assert storage.read(storage.save(JOB, 1, "png", body)) == body


def test_the_name_is_made_of_job_fence_and_type() -> None:
    name = storage.save(JOB, 3, "webp", b"a picture")
    assert name == "12/12345678-1234-4234-8234-123456789abc-3.webp"
    assert media() == [name]


def test_workers_of_two_fences_do_not_write_over_each_other() -> None:
    first, second = storage.save(JOB, 1, "png", b"first"), storage.save(JOB, 2, "png", b"second")
    assert (storage.read(first), storage.read(second)) == (b"first", b"second")


@pytest.mark.laptop
def test_saving_the_same_name_again_keeps_both() -> None:
    first, second = storage.save(JOB, 1, "png", b"first"), storage.save(JOB, 1, "png", b"second")
    assert (storage.read(first), storage.read(second)) == (b"first", b"second")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("prompt", ["../../etc/passwd", "<script>", "C:\\con.txt", "a\nb", "x" * 5000, "ü🦊"])
def test_a_file_name_holds_nothing_of_the_prompt(prompt: str) -> None:
    job = make_job(prompt, size="64x64")
    generation.run(job.pk)
    assert media() == [Job.objects.get().picture]
    assert re.fullmatch(rf"{job.pk.hex[:2]}/{job.pk}-1\.png", media()[0])


def test_a_deleted_picture_is_gone() -> None:
    name = storage.save(JOB, 1, "png", b"a picture")
    storage.delete(name)
    with pytest.raises(FileNotFoundError):
        storage.read(name)


def test_deleting_what_is_not_there_is_no_error() -> None:
    storage.delete("12/nothing.png")


def test_nothing_outside_the_folder_can_be_read() -> None:
    with pytest.raises(SuspiciousOperation):
        storage.read("../var/secret_key")


@pytest.mark.laptop
def test_a_place_that_cannot_be_written_is_named_in_words(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings.MEDIA_ROOT = tmp_path / "file" / "media"
    with pytest.raises(StorageUnavailable, match=r"could not be stored: \w+ .*\.$"):
        storage.save(JOB, 1, "png", b"a picture")


@pytest.mark.laptop
def test_a_disk_that_takes_no_more_leaves_no_file() -> None:
    with largest_file(100_000), pytest.raises(StorageUnavailable, match="File too large"):
        storage.save(JOB, 1, "png", bytes(200_000))
    assert media() == []


@pytest.mark.laptop
def test_a_source_that_breaks_off_leaves_no_file() -> None:
    class BrokenOff:
        def chunks(self, chunk_size: int) -> Iterator[bytes]:
            yield b"half"
            raise ConnectionError("the rest never came")

    content: Any = BrokenOff()
    with pytest.raises(ConnectionError):
        default_storage._save("12/half.png", content)  # type: ignore[attr-defined]
    assert media() == []
