"""Rows for tests that begin in the middle of the story."""

from typing import Any
from uuid import UUID, uuid4

from imagegen import claims, lanes
from imagegen.claims import Claim
from imagegen.lanes import Lane
from imagegen.models import Batch, Job
from imagegen.states import Visibility

WORKER, MACHINE = uuid4(), uuid4()
# Ids that no job and no batch has.
NOBODYS, NOBODYS_EITHER = (UUID(int=number) for number in (1, 2))


def make_batch(**fields: Any) -> Batch:
    values = {"source": "test", "scope": "anonymous", "key": str(uuid4()), "digest": "", **fields}
    return Batch.objects.create(**values)


def make_job(prompt: str = "A piano ninja", *, batch: Batch | None = None, **fields: Any) -> Job:
    batch = batch or make_batch()
    theirs = {"owner": batch.owner, "visibility": batch.visibility}
    values = {"provider": "demo", "model": "demo", "seed": 7, "position": batch.jobs.count(), **theirs, **fields}
    job = Job(batch=batch, prompt=prompt, **values)
    lanes.queue([job], Lane.of(batch.owner_id, batch.pk))
    job.save(force_insert=True)
    return job


def publish_all() -> None:
    """Let everybody see everything."""
    Batch.objects.update(visibility=Visibility.PUBLIC)
    Job.objects.update(visibility=Visibility.PUBLIC)


def claim(job: Job) -> Claim | None:
    return claims.claim(job.pk, worker=WORKER, machine=MACHINE)


def claimed(job: Job) -> Claim:
    held = claim(job)
    assert held is not None
    return held
