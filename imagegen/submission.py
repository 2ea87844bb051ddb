"""Prompts in, jobs made and told to the workers: the one function behind every door.

Either everything that was asked for is right and one transaction makes the batch and its jobs, or BadSubmission says what is
wrong with which item and nothing is made.
"""

import hashlib
import json
import logging
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from imagegen import accounts, announcements, lanes, library, logs, unfolding
from imagegen import items as item_rows
from imagegen.accounts import Viewer
from imagegen.errors import BadSubmission, Conflict, Problem
from imagegen.items import Item
from imagegen.lanes import Lane
from imagegen.models import Batch, Job
from imagegen.states import State, Visibility
from imagegen.unfolding import LITERAL, Templates

log = logging.getLogger(__name__)
MAX_KEY = 255


@dataclass(frozen=True)
class Submission:
    """What became of it: the batch and its jobs in order; `replayed` when the idempotency key had made them before."""

    batch: UUID
    jobs: list[UUID]
    replayed: bool = False


def submit(
    items: Sequence[Item],
    *,
    viewer: Viewer,
    source: str,
    key: str = "",
    name: str = "",
    visibility: Visibility = Visibility.PRIVATE,
    templates: Templates = LITERAL,
) -> Submission:
    """Make one batch of these items and let the workers know.

    `source` names the door; `key` is the client's idempotency key, or empty; `name` is what its owner calls it. Raises
    NotAllowed, BadSubmission, or Conflict where the key stands for another body.
    """
    accounts.check_may_submit(viewer)
    _check_key(key)
    batch = _batch(viewer, source, key, items, name, visibility, templates)
    if key and (first := _first(batch)):
        return _replay(first, batch)
    jobs = _jobs_to_make(items, viewer, templates)
    hints = lanes.queue(jobs, Lane.of(batch.owner_id, batch.pk) if batch.owner_id else None)
    try:
        with transaction.atomic():
            batch.save(force_insert=True)
            for job in jobs:
                job.batch, job.owner_id, job.visibility = batch, batch.owner_id, batch.visibility
            Job.objects.bulk_create(jobs)
    except IntegrityError:
        if first := _first(batch):
            return _replay(first, batch)
        raise
    announcements.after_commit(hints)
    ids = [job.pk for job in jobs]
    log.info("batch %s: %d jobs are queued", batch.pk, len(ids), extra=logs.facts(batch_id=batch.pk, job_ids=ids))
    return Submission(batch.pk, ids)


def draft(items: Sequence[Item], *, viewer: Viewer, templates: Templates = LITERAL) -> list[Job]:
    """Return the jobs that `submit` would make, unsaved. Raises NotAllowed or BadSubmission."""
    accounts.check_may_submit(viewer)
    return _jobs_to_make(items, viewer, templates)


def _jobs_to_make(items: Sequence[Item], viewer: Viewer, templates: Templates) -> list[Job]:
    unfolded = unfolding.unfold(items, templates, library.lists_of(viewer))
    styles = library.styles_of(viewer) if any(item.style for item in items) else {}
    return item_rows.read(unfolded, styles)


def batch_of(viewer: Viewer, key: str) -> UUID | None:
    """Return the batch that this idempotency key of this person has made; None where it has made none."""
    made = Batch.objects.filter(scope=accounts.scope(viewer), key=f"key:{key}")
    return made.values_list("pk", flat=True).first()


def made_before(
    items: Sequence[Item], *, viewer: Viewer, source: str, within: timedelta, states: Collection[State] = tuple(State)
) -> list[UUID] | None:
    """Return the jobs of the newest submission of the same by the same person of which one is in one of these states.

    None where there is none that has not ended, or ended within this time.
    """
    asked = _batch(viewer, source, "", items)
    lately = Q(ended_at=None) | Q(ended_at__gt=Now() - within)
    jobs = Job.objects.filter(lately, batch=OuterRef("pk"), state__in=states)
    same = Batch.objects.filter(Exists(jobs), scope=asked.scope, source=source, digest=asked.digest)
    newest = same.order_by("-created").first()
    return _jobs(newest) if newest else None


def _jobs(batch: Batch) -> list[UUID]:
    return list(batch.jobs.order_by("position").values_list("pk", flat=True))


def _check_key(key: str) -> None:
    if len(key) > MAX_KEY or not key.isprintable():
        raise BadSubmission([Problem("Idempotency-Key", f"must be printable and have at most {MAX_KEY} characters")])


def _batch(
    viewer: Viewer,
    source: str,
    key: str,
    items: Sequence[Item],
    name: str = "",
    visibility: Visibility = Visibility.PRIVATE,
    templates: Templates = LITERAL,
) -> Batch:
    """Return an unsaved batch with the digest of everything that came."""
    how = [] if templates == LITERAL else [asdict(templates)]
    came = json.dumps([source, name, visibility, *how, *map(_came, items)], sort_keys=True, default=str)
    batch = Batch(source=source, name=name, visibility=visibility, scope=accounts.scope(viewer))
    batch.digest = hashlib.sha256(came.encode()).hexdigest()
    batch.owner_id = viewer.pk if viewer.is_authenticated else None
    batch.key = f"key:{key}" if key else str(batch.pk)
    return batch


def _came(item: Item) -> dict[str, object]:
    return {name: value for name, value in asdict(item).items() if name != "columns" or value}


def _first(batch: Batch) -> Batch | None:
    """Return the batch that the same key made before."""
    return Batch.objects.filter(scope=batch.scope, key=batch.key).first()


def _replay(first: Batch, again: Batch) -> Submission:
    """Answer as the first time, whatever settings or providers say by now."""
    if first.digest != again.digest:
        raise Conflict("This Idempotency-Key was used before, for a different submission.")
    return Submission(first.pk, _jobs(first), replayed=True)
