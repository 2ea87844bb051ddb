"""What may happen next. Each move names its jobs, calls and processes by number, so that it fits whatever is there then."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from imagegen import lifecycle
from imagegen.states import Decision, State
from tests.state_machine import clock, owners, rescue, work
from tests.state_machine.provider import Ending, Mishap
from tests.state_machine.world import Call, Hand, Process, Story, World

Some = TypeVar("Some")
MOST_JOBS = 5
DAY = 24 * 3600.0
_AGAIN = {Decision.RETRY: State.FAILED, Decision.BUY_AGAIN: State.UNKNOWN}


def pick(found: Sequence[Some], number: int) -> Some:
    return found[number % len(found)]


class Move(Protocol):
    # How often it is drawn, compared with the others.
    weight: ClassVar[int]

    def play(self, world: World) -> None:
        """Do it; where there is nothing to do it to, do nothing."""


@dataclass(frozen=True)
class Submit:
    """Somebody asks for pictures."""

    weight: ClassVar[int] = 1
    jobs: int
    is_free: bool

    def play(self, world: World) -> None:
        if len(world.stories) < MOST_JOBS:
            owners.submit(world, self.jobs, provider="demo" if self.is_free else "stability")


@dataclass(frozen=True)
class Decide:
    """An owner decides, on a page that is so many claims old, or does not say how old it is."""

    weight: ClassVar[int] = 2
    job: int
    decision: Decision
    page: int | None

    def play(self, world: World) -> None:
        if not (found := world.jobs_in(State.FAILED, State.UNKNOWN) * 3 + world.jobs_in(*lifecycle.CANCELABLE)):
            return
        if self.decision is Decision.CANCEL:
            owners.cancel(pick(found, self.job))
        else:
            owners.ask_again(pick(found, self.job), _AGAIN[self.decision], page=self.page)


@dataclass(frozen=True)
class Brake:
    """Everything is stopped, for a moment or for long; or resumed."""

    weight: ClassVar[int] = 1
    for_long: bool

    def play(self, world: World) -> None:
        if not world.is_stopped:
            owners.stop_everything(world)
            if self.for_long:
                return
        owners.resume_everything(world)


@dataclass(frozen=True)
class Work:
    """Somebody goes on with a call, or a worker is told of a job: of any, because hints come late and twice."""

    weight: ClassVar[int] = 7
    job: int
    process: int
    call: Call
    steps: int
    mishap: Mishap

    def play(self, world: World) -> None:
        found = pick(self._choice(world), self.job)
        process = pick(world.processes, self.process)
        hand = found if isinstance(found, Hand) else work.claim(world, found, process, self.call)
        if hand:
            work.go_on(world, hand, self.steps, self.mishap)

    def _choice(self, world: World) -> Sequence[Hand | Story]:
        return [*world.hands * 2, *world.jobs_in(State.QUEUED) * 3, *world.stories.values()]


@dataclass(frozen=True)
class Crash:
    """A process that works on something ends."""

    weight: ClassVar[int] = 1
    hand: int

    def play(self, world: World) -> None:
        if world.hands:
            rescue.crash(world, pick(world.hands, self.hand).process)


@dataclass(frozen=True)
class PassTime:
    """Time passes, with heartbeats of those who are awake; then a process sees what it may take on, and does so or waits."""

    weight: ClassVar[int] = 5
    seconds: float
    awake: frozenset[int]
    process: int
    only_looks: bool
    steps: int
    mishap: Mishap

    def play(self, world: World) -> None:
        clock.jump(world, self.seconds)
        if self.awake:
            clock.beat(world, [world.processes[number] for number in sorted(self.awake)])
        process = pick(world.processes, self.process)
        if self.only_looks:
            world.sightings += rescue.look(world, process.machine)
            return
        for hand in rescue.recover(world, process):
            work.go_on(world, hand, self.steps, self.mishap)


@dataclass(frozen=True)
class TakeOn:
    """A process begins with what was seen a while ago, and may be somebody else's by now."""

    weight: ClassVar[int] = 2
    sighting: int
    process: int

    def play(self, world: World) -> None:
        if world.sightings:
            seen = pick(world.sightings[-3:], self.sighting)
            rescue.take_on(world, seen, pick(_near(world, seen.machine), self.process))


def _near(world: World, machine: object) -> list[Process]:
    return [process for process in world.processes if process.machine == machine]


_number = st.integers(0, 11)
_mishaps = st.sampled_from([*[Mishap.NONE] * 3, Mishap.STORAGE_AWAY, *Mishap])
_steps = st.integers(0, work.ENOUGH)
_calls = st.builds(Call, st.sampled_from([*[Ending.PICTURE] * 5, *Ending]), is_later=st.booleans())
# A lease has 30 seconds, and a machine that was silent for a minute is gone.
_seconds = st.sampled_from([0.0, 31.0, 31.0, 61.0, 61.0, 3600.0, DAY])
_decisions = st.sampled_from([Decision.CANCEL, *[Decision.BUY_AGAIN] * 3, *[Decision.RETRY] * 2])
_moves: dict[type[Move], SearchStrategy[Move]] = {
    Work: st.builds(Work, job=_number, process=_number, call=_calls, steps=_steps, mishap=_mishaps),
    PassTime: st.builds(
        PassTime,
        seconds=_seconds,
        awake=st.frozensets(st.integers(0, 3)),
        process=_number,
        only_looks=st.sampled_from([False, False, True]),
        steps=_steps,
        mishap=_mishaps,
    ),
    Submit: st.builds(Submit, jobs=st.integers(1, 2), is_free=st.sampled_from([False, False, True])),
    Decide: st.builds(Decide, job=_number, decision=_decisions, page=st.sampled_from([None, 0, 1])),
    Brake: st.builds(Brake, for_long=st.sampled_from([False, False, True])),
    Crash: st.builds(Crash, hand=_number),
    TakeOn: st.builds(TakeOn, sighting=_number, process=_number),
}
any_move = st.sampled_from([kind for kind in _moves for _ in range(kind.weight)]).flatmap(_moves.__getitem__)
