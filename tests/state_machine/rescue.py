"""What `recovery` does about a crash, in steps: what nobody works on is seen now, and taken on a while later."""

from uuid import UUID

from django.utils import timezone

from imagegen import claims, ledger
from imagegen.claims import Orphan
from imagegen.ledger import Receipt
from tests.state_machine import clock
from tests.state_machine.world import Hand, Process, Sighting, Stage, World


def crash(world: World, process: Process) -> None:
    """End a process, and start another one in its place, which knows nothing of what that one did."""
    world.hands = [hand for hand in world.hands if hand.process is not process]
    successor = Process(process.machine)
    world.processes[world.processes.index(process)] = successor
    clock.start(world, successor)


def look(world: World, machine: UUID) -> list[Sighting]:
    """Return the jobs that a process of this machine may take on: nobody works on them, or an answer was found after all."""
    order = list(world.stories)
    lost = sorted(claims.orphans(machine), key=lambda orphan: order.index(orphan.job))
    for orphan in lost:
        home = world.machines[orphan.attempt]
        assert home == machine or world.beats[home] <= timezone.now() - claims.MACHINE_GONE, "its machine lives"
    kept = [_served(world, machine, attempt) for place, attempt in list(world.spool) if place == machine]
    return [
        *(Sighting(machine, orphan, claims.take_over) for orphan in lost),
        *(Sighting(machine, orphan, claims.adopt) for orphan in kept if orphan),
    ]


def _served(world: World, machine: UUID, attempt: UUID) -> Orphan | None:
    """Return the job that a kept answer brings further; else learn from it what the call cost, and throw it away."""
    ending = world.spool[machine, attempt]
    orphan = claims.served_by(attempt, picture=ending.is_picture)
    if orphan is None and not claims.may_need(attempt, picture=ending.is_picture):
        if ledger.undecided(attempt):
            ledger.close(attempt, ending.outcome, ending.charged, Receipt())
        del world.spool[machine, attempt]
    return orphan


def take_on(world: World, seen: Sighting, process: Process) -> Hand | None:
    """Hold a job that was seen a while ago, unless this process works on it itself, or somebody was first."""
    if any(hand.held.job == seen.orphan.job and hand.process is process for hand in world.hands):
        return None
    story, before = world.stories[seen.orphan.job], timezone.now()
    held = seen.hold(seen.orphan, worker=process.worker)
    if held is None:
        return None
    assert held.fence == story.fence + 1, "taken on by somebody who knew it as it was long ago"
    assert seen.hold is claims.adopt or story.held_until <= timezone.now(), "taken from somebody who still holds it"
    world.hold(hand := Hand(held, process, None, Stage.TAKEN_OVER, seen.orphan.handle), before)
    return hand


def recover(world: World, process: Process) -> list[Hand]:
    """Take on everything that a process may, and return what it got."""
    seen = look(world, process.machine)
    return [hand for each in seen if (hand := take_on(world, each, process))]
