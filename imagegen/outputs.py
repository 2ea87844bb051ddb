"""How pictures are called at /output: `<style>_<seed>_<task id>.png`, made from what is kept and never a path."""

import re
from typing import NamedTuple
from uuid import UUID

from imagegen import accounts
from imagegen.accounts import Viewer
from imagegen.models import Job

NO_STYLE = "none"
MAX_STYLE = 40
_NAME = re.compile(r".*_(?P<job>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(?P<suffix>png|jpg|webp)", re.ASCII)


class Output(NamedTuple):
    """A picture by its name at /output."""

    job: UUID
    suffix: str


def name(job: Job) -> str | None:
    """Return what the picture of a job is called; None where it has none."""
    if not job.picture:
        return None
    seed = job.seed_used
    return f"{_style(job)}_{0 if seed is None else seed}_{job.pk}.{job.picture.rpartition('.')[2]}"


def find(asked: str, viewer: Viewer) -> Output | None:
    """Return the picture that has exactly this name and that this person may see; None where there is none."""
    found = _NAME.fullmatch(asked)
    if found is None:
        return None
    rows = Job.objects.select_related("batch").filter(accounts.may_see(viewer), deleted_at=None, pk=found["job"])
    job = rows.first()
    return Output(job.pk, found["suffix"]) if job and name(job) == asked else None


def _style(job: Job) -> str:
    """Return the word that was asked for, as far as it can be part of an address."""
    return re.sub(r"[^\w-]+", "-", job.batch.name, flags=re.ASCII).strip("-")[:MAX_STYLE] or NO_STYLE
