"""What `recovery` does about a crash, in steps: what nobody works on is seen now, and taken on a while later."""

from uuid import UUID

from django.utils import timezone

from imagegen import ledger, lifecycle
from imagegen.ledger import Receipt
from tests.state_machine import clock
from tests.state_machine.world import Hand, Process, Sighting, Stage, World


def crash(world: World, process: Process) -> None:
    """End a process, and start another one in its place, which knows nothing of what that one did."""
    world.hands = [hand for hand in world.hands if hand.process is not process]
    successor = Process(process.machine)
    world.processes[world.processes.index(process)] = successor
    clock.start(world, successor)


def look(world: World, machine: UUID) -> None:
    """Note the jobs that a process of this machine may take on: nobody works on them, or an answer was found after all."""
    order = list(world.stories)
    found = sorted(lifecycle.orphans(machine), key=lambda orphan: order.index(orphan.job))
    for orphan in found:
        home = world.machines[orphan.attempt]
        assert home == machine or world.beats[home] <= timezone.now() - lifecycle.MACHINE_GONE, "its machine lives"
        world.sightings.append(Sighting(machine, orphan, lifecycle.take_over))
    for attempt in [attempt for place, attempt in world.spool if place == machine]:
        _use(world, machine, attempt)


def _use(world: World, machine: UUID, attempt: UUID) -> None:
    """Note the job that a kept answer brings further; else learn from it what the call cost, and throw it away."""
    if lifecycle.is_at_work(attempt):
        return
    ending = world.spool[machine, attempt]
    if orphan := lifecycle.served_by(attempt, picture=ending.is_picture):
        world.sightings.append(Sighting(machine, orphan, lifecycle.adopt))
        return
    if ledger.undecided(attempt) is not None:
        ledger.close(attempt, ending.outcome, ending.charged, Receipt())
    del world.spool[machine, attempt]


def take_on(world: World, seen: Sighting, process: Process) -> Hand | None:
    """Hold a job that was seen a while ago, unless this process works on it itself, or somebody was first."""
    if any(hand.held.job == seen.orphan.job and hand.process is process for hand in world.hands):
        return None
    story, before = world.stories[seen.orphan.job], timezone.now()
    held = seen.hold(seen.orphan, worker=process.worker)
    if held is None:
        return None
    assert held.fence == story.fence + 1, "taken on by somebody who knew it as it was long ago"
    assert seen.hold is lifecycle.adopt or story.held_until <= timezone.now(), "taken from somebody who still holds it"
    world.hold(hand := Hand(held, process, None, Stage.TAKEN_OVER, seen.orphan.handle), before)
    return hand


def recover(world: World, process: Process) -> list[Hand]:
    """Take on, now, everything that a process may, and return what it got."""
    look(world, process.machine)
    mine = [seen for seen in world.sightings if seen.machine == process.machine]
    world.sightings = [seen for seen in world.sightings if seen.machine != process.machine]
    return [hand for seen in mine if (hand := take_on(world, seen, process))]
