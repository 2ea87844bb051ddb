"""The roads on which processes die, and the landmarks on them: the changes of state that a call must survive."""

from dataclasses import dataclass
from enum import StrEnum

from tests.crash_points.steps import Step
from tests.crash_points.stories import FREE_FAILURE, HANDLE, PAID_REFUSAL, PICTURE, Story


@dataclass(frozen=True)
class Landmark:
    """The first step after an effect that the product's function brings about."""

    effect: str
    function: str

    def find(self, trail: list[Step]) -> int:
        """Return where it stands on a road; LookupError where it does not."""
        return self.places(trail)[0]

    def places(self, trail: list[Step]) -> list[int]:
        """Return every place on a road that looks like it."""
        steps = enumerate(trail)
        return [place for place, step in steps if step.effect == self.effect and self.function in step.functions]


WRITTEN_DOWN = Landmark("commit", "claim")
SENT = Landmark("sendall", "_send")
ACCEPTED = Landmark("execute", "accepted")
ANSWERED = Landmark("open", "keep_answer")
KEPT = Landmark("rename", "keep_answer")
STORED = Landmark("rename", "save_as")
SETTLED = Landmark("commit", "settle")
SUCCEEDED = Landmark("commit", "succeed")
DISCARDED = Landmark("unlink", "discard")


class Who(StrEnum):
    """Whose process it is: the worker's whom a hint woke, or that of somebody who finishes what others left."""

    WORKER = "worker"
    SURVIVOR = "survivor"


@dataclass(frozen=True)
class Road:
    """What somebody does about a job, to die on everywhere.

    `before` is who had to do with it earlier, and after which landmark each of them died; None for one who did not. Up to
    `since`, and from `until` on, it goes as on another road.
    """

    story: Story
    who: Who = Who.WORKER
    before: tuple[tuple[Who, Landmark | None], ...] = ()
    since: Landmark | None = None
    until: Landmark | None = None

    def __str__(self) -> str:
        before = [f"{who} dead after {mark.effect} in {mark.function}" if mark else who for who, mark in self.before]
        return f"{self.story.name}: {', '.join([*before, self.who])}"

    def own(self, trail: list[Step]) -> list[Step]:
        """Return the steps from `since` to `until`, where these are on the road at all."""
        begin = self.since.find(trail) if self.since else 0
        ends = self.until.places(trail) if self.until else []
        return trail[begin : ends[0] + 1] if ends else trail[begin:]


THE_WHOLE_CALL = Road(PICTURE)
A_FREE_FAILURE = Road(FREE_FAILURE, since=SENT, until=STORED)
A_PAID_REFUSAL = Road(PAID_REFUSAL, since=SENT)
A_HANDLE = Road(HANDLE, since=WRITTEN_DOWN, until=KEPT)
# The call that takes the place of a lost one, if the policy has it made, is lost too.
A_SECOND_CALL = Road(PICTURE, Who.WORKER, ((Who.WORKER, ANSWERED), (Who.SURVIVOR, None)), until=KEPT)
ROADS = (
    THE_WHOLE_CALL,
    A_FREE_FAILURE,
    A_PAID_REFUSAL,
    A_HANDLE,
    Road(PICTURE, Who.SURVIVOR, ((Who.WORKER, WRITTEN_DOWN),)),
    Road(PICTURE, Who.SURVIVOR, ((Who.WORKER, KEPT),)),
    Road(PICTURE, Who.SURVIVOR, ((Who.WORKER, STORED),)),
    Road(FREE_FAILURE, Who.SURVIVOR, ((Who.WORKER, KEPT),)),
    Road(HANDLE, Who.SURVIVOR, ((Who.WORKER, ACCEPTED),), until=KEPT),
    A_SECOND_CALL,
)
