"""A storm of requests: thousands that schemathesis makes of the schema, right and wrong, to find a wrong answer."""

from dataclasses import dataclass

from tests.api import fuzz
from tests.api.fuzz import Run
from tests.chaos.report import Options, Storms

CASES = 5000
# Of each operation, at most; some have no more than a few different ones.
EXAMPLES = 250


@dataclass(frozen=True)
class Made:
    """What schemathesis said of so many requests."""

    run: Run

    def faults(self) -> list[str]:
        few = [f"only {self.run.cases} requests were made"] if self.run.cases < CASES else []
        return [*few, *(["schemathesis found faults"] if self.run.status else [])]

    def __str__(self) -> str:
        return self.run.output if self.faults() else f"  requests{self.run.cases:>48}"


def requests(options: Options) -> Made:
    return Made(fuzz.run(EXAMPLES, options.seed))


STORMS: Storms = {"requests": requests}
