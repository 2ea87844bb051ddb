"""What people decide: pictures asked for, canceled, asked for again; everything stopped, and resumed."""

from datetime import timedelta

from imagegen import lanes, lifecycle, pauses
from imagegen.models import Job
from imagegen.states import State
from tests.rows import make_batch, make_job
from tests.state_machine import work
from tests.state_machine.provider import Ending
from tests.state_machine.world import LONG_AGO, Call, Story, World, row


def submit(world: World, jobs: int, *, provider: str) -> None:
    batch = make_batch()
    for position in range(jobs):
        job = make_job(batch=batch, provider=provider, position=position)
        world.stories[job.pk] = Story(job.pk)


def cancel(story: Story) -> None:
    state = row(story.job)["state"]
    done = lifecycle.cancel(Job.objects.filter(pk=story.job))
    assert bool(done) == (state in lifecycle.CANCELABLE)
    story.is_canceled |= bool(done)


def ask_again(story: Story, state: State, *, page: int | None) -> None:
    """Decide on a page that is `page` claims old, or on one that does not say how old it is."""
    before = row(story.job)
    fence = None if page is None else max(before["fence"] - page, 0)
    done = lifecycle.ask_again(Job.objects.filter(pk=story.job), state, fence=fence)
    assert bool(done) == (before["state"] == state and fence in (None, before["fence"]))
    if done:
        story.allowed_again += 1
        story.is_canceled, story.waits_until = False, LONG_AGO


def stop_everything(world: World) -> None:
    """Stop, and tell a worker of every job that waits, just then."""
    pauses.stop_everything("a test")
    world.is_stopped = True
    assert all(lanes.due(provider, 99, told_before=timedelta()) == [] for provider in lanes.waiting_providers())
    for story in world.jobs_in(State.QUEUED):
        assert work.claim(world, story, world.processes[0], Call(Ending.PICTURE, is_later=False)) is None


def resume_everything(world: World) -> None:
    assert pauses.resume(pauses.EVERYTHING) == world.is_stopped
    world.is_stopped = False
