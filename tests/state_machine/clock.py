"""Time, and the heartbeats of those who are awake."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from imagegen import claims
from imagegen.models import Attempt, Job, ProviderPause, Worker
from tests.state_machine.world import Hand, Process, World

# What a rule of the product compares with the time.
_JOB = ("lease_until", "not_before", "hinted_at")
_OTHERS = ((Attempt, "sent_at"), (Worker, "heartbeat"), (ProviderPause, "until"))


def start(world: World, process: Process) -> None:
    world.beats[process.machine] = timezone.now()
    Worker.objects.create(pk=process.worker, machine=process.machine, threads=8, heartbeat=Now())


def jump(world: World, seconds: float) -> None:
    """Let time pass for everybody at once, by moving whatever was noted into the past."""
    by = timedelta(seconds=seconds)
    Job.objects.update(**{column: F(column) - by for column in _JOB})
    for model, column in _OTHERS:
        model._default_manager.update(**{column: F(column) - by})
    for story in world.stories.values():
        story.waits_until -= by
        story.held_until -= by
    world.rests = {provider: until - by for provider, until in world.rests.items()}
    world.beats = {machine: beat - by for machine, beat in world.beats.items()}


def beat(world: World, processes: Sequence[Process]) -> None:
    """Let these processes say that they live, and hold on to what they hold."""
    workers, now = [process.worker for process in processes], timezone.now()
    Worker.objects.filter(pk__in=workers).update(heartbeat=Now())
    world.beats.update((process.machine, now) for process in processes)
    others = Job.objects.exclude(worker__in=workers).values_list("pk", "lease_until")
    before = set(others)
    for process in processes:
        _renew(world, [hand for hand in world.hands if hand.process is process], now)
    assert set(others.all()) == before, "renewed what others hold"


def _renew(world: World, hands: list[Hand], now: datetime) -> None:
    """Renew what one process has in its hands; some of it may be somebody else's by now."""
    if hands:
        claims.renew([hand.held for hand in hands], worker=hands[0].process.worker)
    for hand in hands:
        if hand.held.fence == world.stories[hand.held.job].fence:
            world.hold(hand, now)
