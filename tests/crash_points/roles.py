"""Who works on a job: a worker that its hint woke, and survivors that come once that worker is dead."""

import hashlib
import os
import uuid
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db.models.functions import Now

from imagegen import conf, generation, recovery, workers
from imagegen.models import Attempt, Job
from imagegen.states import UNFINISHED, State
from tests.crash_points import outcomes
from tests.crash_points.outcomes import Rest
from tests.crash_points.roads import Who
from tests.crash_points.steps import Step, Trace
from tests.crash_points.stories import Story
from tests.rows import make_job

# More than a job can need: one for a free failure, one for a call that was lost, one for the call in its place.
ROUNDS = 5


class Walk(NamedTuple):
    """Whose process to be, and the name of the step to die at; to no end where that is empty."""

    who: Who
    end: str = ""


def walk(job: UUID, to: Walk) -> list[Step]:
    """Do in this process what somebody does about a job, and return the steps of that road."""
    workers.ID = uuid.uuid4()
    trace = Trace(to.end)
    {Who.WORKER: _work, Who.SURVIVOR: _finish}[to.who](job, trace)
    return trace.steps


def _work(job: UUID, trace: Trace) -> None:
    """Do what a hint makes a worker do, and once more where the job is tried again."""
    with trace:
        generation.run(job)
    if Job.objects.filter(pk=job, state=State.QUEUED).exists():
        _let_time_pass(job)
        with trace:
            generation.run(job)


def _finish(job: UUID, trace: Trace) -> None:
    """Finish what a dead worker left; the threads that do it are watched."""
    _let_time_pass(job)
    trace.watch_threads()
    recovery.recover()
    recovery.wait_until_idle()


def new_job(story: Story, number: int) -> Job:
    return make_job(story.prompt(number), provider=story.provider, model=story.model, size=story.size)


def is_answered(job: UUID) -> bool:
    """Whether there is a kept answer or a handle, so that no other call is needed."""
    return bool(_spool()) or Attempt.objects.filter(job=job).exclude(handle="").exists()


def last_survivors(job: UUID) -> tuple[Rest, Rest]:
    """Bring a job to its end, look once more whether it stays there, and return what there was before and after that."""
    for _ in range(ROUNDS):
        _look(job)
        if not Job.objects.filter(pk=job, state__in=UNFINISHED).exists():
            break
    ended = _rest(job)
    _look(job)
    return ended, _rest(job)


def _look(job: UUID) -> None:
    """Do what a worker process does whenever it sweeps, and what a hint makes it do."""
    _let_time_pass(job)
    recovery.recover()
    recovery.wait_until_idle()
    generation.run(job)


def _let_time_pass(job: UUID) -> None:
    """Make leases run out, delays end and kept answers old."""
    rows = Job.objects.filter(pk=job)
    rows.filter(state=State.RUNNING).update(lease_until=Now() - timedelta(seconds=1))
    rows.filter(state=State.QUEUED).update(not_before=None)
    for path in [*_spool(), *_drafts()]:
        os.utime(path, (0, 0))


def _drafts() -> list[Path]:
    return [path for folder in (_media(), conf.spool_dir()) for path in folder.rglob("*.part")]


def _spool() -> list[Path]:
    return list(conf.spool_dir().glob("*.answer"))


def _rest(job: UUID) -> Rest:
    row = Job.objects.get(pk=job)
    calls = Attempt.objects.filter(job=job).order_by("fence")
    return Rest(
        state=row.state,
        fence=row.fence,
        may_pay=row.may_pay,
        picture=row.picture,
        sha256=row.sha256,
        attempts=[outcomes.Attempt(str(call.pk), call.outcome, call.charged, call.ended_at is None) for call in calls],
        pictures={_name(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in _media().rglob("*.png")},
        spool=[path.name for path in _spool()],
        drafts=[path.name for path in _drafts()],
    )


def _media() -> Path:
    return Path(settings.MEDIA_ROOT)


def _name(picture: Path) -> str:
    """Return a picture's name as rows have it."""
    return picture.relative_to(_media()).as_posix()
