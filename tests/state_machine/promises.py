"""What must be true of the rows after every step, whatever came before."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.utils import timezone

from imagegen import conf
from imagegen.models import Attempt, Job
from imagegen.states import UNFINISHED, Charged, State
from tests.state_machine.provider import Ending
from tests.state_machine.world import World

FINAL = (State.SUCCEEDED, State.REFUSED, State.CANCELED)


class Promises:
    """Compares the rows with what the world knows, and with what they said before."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._fences: dict[UUID, int] = {}
        self._ends: dict[UUID, tuple[str, str]] = {}
        self._charges: dict[UUID, str] = {}

    def check(self) -> None:
        jobs = Job.objects.values_list("pk", "state", "fence", "may_pay", "picture", named=True)
        attempts = Attempt.objects.values_list("pk", "job", "provider", "sent_at", "ended_at", "charged", named=True)
        self._world.states = {job.pk: job.state for job in jobs}
        assert self._world.states.keys() == self._world.stories.keys(), "a job came or went by itself"
        assert {call.pk: call.job for call in attempts} == self._world.claims, "a call without a claim, or the reverse"
        calls: dict[UUID, list[Any]] = defaultdict(list)
        for call in attempts:
            calls[call.job].append(call)
            self._check_charge(call.pk, call.charged)
        for job in jobs:
            self._check_job(job, calls[job.pk])
            self._check_money(job, sum(call.charged != Charged.NO for call in calls[job.pk]))
            self._check_end(job, calls[job.pk])
        self._check_today(attempts)

    def _check_charge(self, attempt: UUID, charged: str) -> None:
        call, known = self._world.bill.get(attempt), self._charges.get(attempt, Charged.UNKNOWN)
        wrong = Charged.NO if call and call.ending.is_billed else Charged.YES
        assert charged != wrong, "the ledger contradicts the bill"
        assert known in (Charged.UNKNOWN, charged), "the ledger has forgotten what it knew"
        self._charges[attempt] = charged

    def _check_job(self, job: Any, calls: list[Any]) -> None:
        open_calls = sum(call.ended_at is None for call in calls)
        assert open_calls == (job.state == State.RUNNING), f"a {job.state} job has {open_calls} open attempts"
        assert job.fence >= self._fences.get(job.pk, 0), "a fence went down"
        assert job.state != State.CANCELED or self._world.stories[job.pk].is_canceled, "nobody canceled this"
        self._fences[job.pk] = job.fence

    def _check_money(self, job: Any, paid: int) -> None:
        policy = conf.max_paid_attempts() if conf.retry_unknown() else 1
        allowed = policy + self._world.stories[job.pk].allowed_again
        assert paid <= job.may_pay, f"{paid} calls are paid or unknown, and its row allows {job.may_pay}"
        assert paid <= allowed, f"{paid} calls are paid or unknown, and policy and owner allow {allowed}"
        assert job.state != State.QUEUED or paid < job.may_pay, "it waits for a call that it may not make"

    def _check_end(self, job: Any, calls: list[Any]) -> None:
        assert job.state != State.SUCCEEDED or job.picture, "it succeeded without a picture"
        if job.picture:
            assert job.state in (State.SUCCEEDED, State.CANCELED), f"a {job.state} job has a picture"
            maker = self._world.pictures[job.picture]
            assert [call.charged for call in calls if call.pk == maker] == [Charged.YES], "no paid call made its picture"
        end = (job.state, job.picture)
        assert self._ends.get(job.pk, end) == end, "a final state has changed"
        if job.state in FINAL:
            self._ends[job.pk] = end

    def _check_today(self, attempts: Iterable[Any]) -> None:
        limit, midnight = conf.max_paid_calls_per_day(), timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
        spent = [call.provider for call in attempts if call.sent_at >= midnight and call.charged != Charged.NO]
        assert limit is None or len(spent) - spent.count("demo") <= limit, "today's limit was passed"

    def is_over(self) -> bool:
        """Whether nothing is left to be done."""
        return not self._world.spool and not Job.objects.filter(state__in=UNFINISHED).exists()

    def check_end(self) -> None:
        """Check what must be true when everybody has done what was left to do."""
        assert not Job.objects.filter(state__in=UNFINISHED).exists(), "a job was lost"
        assert not self._world.spool, "a kept answer was forgotten"
        charged = dict(Attempt.objects.values_list("pk", "charged"))
        assert all(charged[attempt] == ending.charged for attempt, ending in self._world.kept.items()), "nobody read it"
        bought = {self._world.claims[attempt] for attempt, ending in self._world.kept.items() if ending is Ending.PICTURE}
        missed = Job.objects.filter(pk__in=bought, state__in=(State.FAILED, State.UNKNOWN))
        assert not missed.exists(), "a picture that was paid for was thrown away"
