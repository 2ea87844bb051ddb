"""What the test knows without believing a row: jobs asked for, calls made, the provider's bill, answers kept, who works."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from imagegen import conf
from imagegen.claims import Claim, Orphan
from imagegen.models import Attempt, Batch, Job, ProviderPause, Worker
from imagegen.states import State
from tests.state_machine.provider import Ending

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(eq=False)
class Process:
    """A worker process."""

    machine: UUID
    worker: UUID = field(default_factory=uuid4)


@dataclass
class Story:
    """One job, and what its owner decided about it."""

    job: UUID
    # How often the owner allowed one more paid call.
    allowed_again: int = 0
    # Whether the owner's last word was to cancel.
    is_canceled: bool = False
    waits_until: datetime = LONG_AGO
    # The latest claim on it, and until when nobody else may have it at least.
    fence: int = 0
    held_until: datetime = LONG_AGO


class Call(NamedTuple):
    """What a provider makes of a call; `is_later` where it answers with a handle first."""

    ending: Ending
    is_later: bool


class Stage(Enum):
    """How far somebody is with a call."""

    CLAIMED = "nothing was sent"
    SENT = "the provider has it"
    TAKEN_OVER = "somebody else's call, not looked at yet"
    ANSWERED = "it is known how it ended"
    OVER = "that is written down"


@dataclass(eq=False)
class Hand:
    """Somebody who works on a call: the worker that made it, or a rescuer; both, where the worker was only slow."""

    held: Claim
    process: Process
    # What the provider will make of it; None for a rescuer, who does not send it.
    call: Call | None
    stage: Stage = Stage.CLAIMED
    handle: str = ""
    ending: Ending | None = None

    @property
    def place(self) -> tuple[UUID, UUID]:
        """Return where the answer of this call lies in the spools."""
        return self.process.machine, self.held.attempt


class Sighting(NamedTuple):
    """A job that a process of this machine may take on, as it looked a while ago."""

    machine: UUID
    orphan: Orphan
    hold: Callable[..., Claim | None]


@dataclass
class World:
    processes: list[Process]
    stories: dict[UUID, Story] = field(default_factory=dict)
    # When a process of this machine last said that it lives.
    beats: dict[UUID, datetime] = field(default_factory=dict)
    # By attempt: its job, its machine, the provider's bill, and every answer that ever reached a spool.
    claims: dict[UUID, UUID] = field(default_factory=dict)
    machines: dict[UUID, UUID] = field(default_factory=dict)
    bill: dict[UUID, Call] = field(default_factory=dict)
    kept: dict[UUID, Ending] = field(default_factory=dict)
    # The spools of all machines, by machine and attempt.
    spool: dict[tuple[UUID, UUID], Ending] = field(default_factory=dict)
    # Stored pictures, by name: the attempts that made them.
    pictures: dict[str, UUID] = field(default_factory=dict)
    hands: list[Hand] = field(default_factory=list)
    sightings: list[Sighting] = field(default_factory=list)
    # Until when a provider that has no credit, or refused the key, is left alone at least.
    rests: dict[str, datetime] = field(default_factory=dict)
    is_stopped: bool = False
    # Where each job was after the last move.
    states: dict[UUID, str] = field(default_factory=dict)

    def hold(self, hand: Hand, since: datetime) -> None:
        """Note that a job is in somebody's hands from now on, for a lease at least."""
        story = self.stories[hand.held.job]
        story.fence, story.held_until = hand.held.fence, since + conf.lease()
        if hand not in self.hands:
            self.hands.append(hand)

    def jobs_in(self, *states: State) -> list[Story]:
        return [story for story in self.stories.values() if self.states.get(story.job) in states]


def row(job: UUID) -> dict[str, Any]:
    """Return what the row of a job says now."""
    return {**Job.objects.values().get(pk=job)}


def forget() -> None:
    """Delete every row, so that the next world begins empty."""
    for model in (Attempt, Job, Batch, ProviderPause, Worker):
        model._default_manager.all().delete()
