"""Jobs as a zip file: every picture that is there, and a manifest of all that was asked for, made while it is sent."""

import json
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from zipstream import ZIP_STORED, ZipStream

from imagegen import file_names, queries, statements, storage
from imagegen.accounts import Viewer
from imagegen.errors import StorageUnavailable
from imagegen.models import NEWEST, Job
from imagegen.statements import Cost

MANIFEST = "manifest.json"
# Jobs are read so many at a time: a thousand prompts may be ten megabytes.
AT_ONCE = 100


def of_batch(batch: UUID, viewer: Viewer) -> Iterator[bytes]:
    """Yield the zip file of what this person may see of a batch."""
    return _zipped(queries.visible_jobs(viewer).filter(batch=batch).order_by("position"), {"batch": str(batch)})


def of_jobs(jobs: Sequence[UUID], viewer: Viewer) -> Iterator[bytes]:
    """Yield the zip file of those of these jobs that this person may see, the newest first."""
    return _zipped(queries.visible_jobs(viewer).filter(pk__in=jobs).order_by(*NEWEST), {})


def _zipped(jobs: QuerySet[Job], about: dict[str, str]) -> Iterator[bytes]:
    """Yield a zip file. Pictures are stored as they are: none gets smaller."""
    archive = ZipStream(compress_type=ZIP_STORED)
    tasks: list[dict[str, Any]] = []
    for place, (job, cost) in enumerate(_with_costs(jobs)):
        task = _task(job, cost)
        if body := _picture(job, task, place):
            archive.add(body, task["file"])
            yield from archive.all_files()
        tasks.append(task)
    archive.add(json.dumps({**about, "tasks": tasks}, indent=2, ensure_ascii=False), MANIFEST)
    yield from archive.finalize()


def _with_costs(jobs: QuerySet[Job]) -> Iterator[tuple[Job, Cost]]:
    for first in range(0, jobs.count(), AT_ONCE):
        some = list(jobs[first : first + AT_ONCE])
        costs = statements.costs_of([job.pk for job in some])
        yield from ((job, costs[job.pk]) for job in some)


def _picture(job: Job, task: dict[str, Any], place: int) -> bytes:
    """Return the stored picture, or nothing where there is none; where its file cannot be had, the manifest says so."""
    if not job.picture:
        return b""
    try:
        body = storage.read(job.picture)
    except (FileNotFoundError, StorageUnavailable):
        task["why"] = "The picture's file could not be read."
        return b""
    task.update(file=file_name(job, place), sha256=job.sha256)
    return body


def _task(job: Job, cost: Cost) -> dict[str, Any]:
    return {
        "task_id": str(job.pk),
        "prompt": job.prompt,
        "name": job.name,
        "negative_prompt": job.negative_prompt,
        "provider": job.provider,
        "model": job.model,
        "style": job.style,
        "quality": job.quality,
        "seed": job.seed_used,
        "recipe": job.recipe or None,
        "state": job.state,
        "why": job.error_sentence or None,
        "cost": {unit: float(amount) for unit, amount in cost.amounts.items()},
    }


def file_name(job: Job, place: int) -> str:
    """Return what the file of a picture is called, which comes at this place among others, from 0."""
    return file_names.picture(place, job.name or job.prompt, job.seed_used, job.picture.rpartition(".")[2])
