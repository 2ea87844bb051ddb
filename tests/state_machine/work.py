"""One call as `generation` and `calls` make it, in steps between which anything may happen."""

import math
from datetime import timedelta

from django.utils import timezone

from imagegen import claims, conf, errors, lifecycle, pauses
from imagegen.claims import Claim
from imagegen.errors import ProviderError
from imagegen.ledger import Receipt
from imagegen.lifecycle import Stored
from imagegen.models import Job
from imagegen.pictures import Picture
from imagegen.states import Charged, State
from tests.state_machine.provider import STAY_AWAY, Ending, Mishap
from tests.state_machine.world import Call, Hand, Process, Stage, Story, World, row

# As many steps as one call can take.
ENOUGH = 4
PNG = Picture("image/png", "png", 64, 64)


def claim(world: World, story: Story, process: Process, call: Call) -> Hand | None:
    """Let a worker have the job if it gets it, and check that it should; `call` is how its call will end."""
    state, before = Job.objects.values_list("state", flat=True).get(pk=story.job), timezone.now()
    held = claims.claim(story.job, worker=process.worker, machine=process.machine)
    if held is None:
        return None
    now = timezone.now()
    assert state == State.QUEUED, f"claimed when it was {state}"
    assert not world.is_stopped, "claimed while everything is stopped"
    assert not story.is_canceled, "claimed although its owner canceled it"
    assert max(story.waits_until, world.rests.get(held.provider, now)) <= now, "claimed before its time"
    world.claims[held.attempt], world.machines[held.attempt] = story.job, process.machine
    world.hold(hand := Hand(held, process, call), before)
    return hand


def go_on(world: World, hand: Hand, steps: int, mishap: Mishap = Mishap.NONE) -> None:
    """Bring a call so many steps nearer to its end; `mishap` is what happens there."""
    for _ in range(steps):
        match hand.stage:
            case Stage.CLAIMED:
                _send(world, hand)
            case Stage.SENT | Stage.TAKEN_OVER:
                _receive(world, hand)
            case Stage.ANSWERED:
                _finish(world, hand, mishap)
            case Stage.OVER:
                return


def _send(world: World, hand: Hand) -> None:
    """Let the call reach the provider, which does its work and bills it, whoever is left to hear of that."""
    assert hand.held.attempt not in world.bill, "the same call was sent twice"
    assert hand.call is not None
    world.bill[hand.held.attempt] = hand.call
    hand.stage = Stage.SENT


def _receive(world: World, hand: Hand) -> None:
    """Take one step towards an answer: note the handle, or get what lies in the spool, or what the provider says."""
    call = world.bill.get(hand.held.attempt)
    if hand.stage is Stage.SENT and call and call.is_later and not hand.handle:
        hand.handle = f"handle of {hand.held.attempt}"
        claims.accepted(hand.held, hand.handle)
        return
    if hand.stage is Stage.TAKEN_OVER and (hand.place in world.spool or not hand.handle):
        hand.ending = world.spool.get(hand.place, Ending.LOST_UNPAID)
    else:
        assert call is not None, "a handle of a call that was never sent"
        hand.ending = _kept(world, hand, call.ending)
    hand.stage = Stage.ANSWERED


def _kept(world: World, hand: Hand, ending: Ending) -> Ending:
    if ending.is_kept:
        world.spool[hand.place] = world.kept[hand.held.attempt] = ending
    return ending


def _finish(world: World, hand: Hand, mishap: Mishap) -> None:
    """Write down how the call ended. The one who holds the job changes it, and nobody else does."""
    world.hands.remove(hand)
    hand.stage = Stage.OVER
    before = row(hand.held.job)
    is_mine = (before["state"], before["fence"]) == (State.RUNNING, hand.held.fence)
    said = _write_down(world, hand, mishap)
    assert said in (None, is_mine)
    assert (row(hand.held.job) != before) == is_mine
    # Who found no answer throws none away: it may have come since.
    if is_mine and mishap is Mishap.NONE and hand.ending and hand.ending.is_kept:
        world.spool.pop(hand.place, None)


def _write_down(world: World, hand: Hand, mishap: Mishap) -> bool | None:
    """Return what the lifecycle says of it: whether the job was still ours, or nothing."""
    assert hand.ending is not None
    if mishap is Mishap.BUG:
        return _set_aside(hand.held, "bug", Charged.UNKNOWN)
    if hand.ending.error:
        return _fail(world, hand.held, hand.ending.error)
    if mishap is Mishap.STORAGE_AWAY:
        return _set_aside(hand.held, lifecycle.NOT_STORED, Charged.YES)
    return _succeed(world, hand.held)


def _set_aside(held: Claim, code: str, charged: Charged) -> bool | None:
    lifecycle.set_aside(held, code, "Ours.", charged=charged, receipt=Receipt())
    return None


def _succeed(world: World, held: Claim) -> bool:
    stored = Stored(f"{held.job}-{held.fence}.png", "ab", 3, PNG)
    is_mine = lifecycle.succeed(held, stored, seed=7, receipt=Receipt(http_status=200))
    if is_mine:
        world.pictures[stored.name] = held.attempt
    return is_mine


def _fail(world: World, held: Claim, error: ProviderError) -> bool:
    now = timezone.now()
    is_resting = pauses.allowance(held.provider) < math.inf
    is_mine = lifecycle.settle(held, error, Receipt())
    if is_mine:
        wait = STAY_AWAY if isinstance(error, errors.RateLimited) else 0
        world.stories[held.job].waits_until = now + timedelta(seconds=wait)
    is_first = not is_resting and not world.is_stopped
    if is_mine and is_first and isinstance(error, errors.OutOfCredit | errors.NotConfigured):
        world.rests[held.provider] = now + timedelta(seconds=conf.rest_seconds())
    return is_mine
