"""What the jobs ask for, and how the provider answers."""

from dataclasses import dataclass

from tests.standins import stability as answers
from tests.standins.stability import Answer, StabilityStandIn


@dataclass(frozen=True)
class Story:
    """One way a job may go that nobody disturbs."""

    name: str
    provider: str = "stability"
    model: str = "core"
    size: str = ""

    def prompt(self, number: int) -> str:
        return f"A kite [demo: later 0] {self.name} {number}"


PICTURE = Story("a picture")
FREE_FAILURE = Story("a free failure, then a picture")
PAID_REFUSAL = Story("a refusal that is paid")
HANDLE = Story("a handle, then a picture", "demo", "demo", "64x64")


class Stability(StabilityStandIn):
    """Answers each prompt as its story says."""

    def _next_answer(self, prompt: str) -> Answer:
        if PAID_REFUSAL.name in prompt:
            return answers.filtered()
        is_first = all(call.prompt != prompt for call in self.calls)
        return answers.internal_error() if FREE_FAILURE.name in prompt and is_first else answers.success()
