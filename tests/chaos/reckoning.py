"""What a storm left, counted: jobs, calls, attempts and pictures, each against what the others say."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from imagegen.states import UNFINISHED, Charged
from tests import audit
from tests.product import Product
from tests.standins.stability import Call, StabilityStandIn

COLUMNS = "id, job_id, worker, charged, sent_at, ended_at"


@dataclass(frozen=True)
class Attempt:
    """One row of the ledger; ids in 32 digits, times in seconds since 1970."""

    id: str
    job: str
    worker: str
    charged: str
    sent_at: float
    ended_at: float | None


@dataclass(frozen=True)
class Reckoning:
    """Counts over the jobs of one storm."""

    jobs: dict[str, int]
    """How many are in which state."""
    lost: int
    """Jobs that came to no end, or have no row at all."""
    calls: int
    """What the stand-in saw."""
    attempts: int
    calls_without_attempt: int
    """Calls without an attempt of their own."""
    unknown: int
    """Attempts that were closed without anybody knowing whether they cost money."""
    second_calls: int
    """Jobs with more than one call that cost money."""
    calls_beyond_policy: int
    """Calls that cost money beyond as many as one job may have."""
    duplicate_pictures: int
    """Picture files that no row names."""
    missing_pictures: int
    """Names of pictures that are not there, and jobs that succeeded without one."""
    left_in_spool: int
    """Answers that nobody took out of the spool."""
    drafts: int
    """Half-written answers of processes that are gone: they take room, and do no other harm."""
    disagreements: tuple[str, ...]
    """Where ledger and bill do not agree, in sentences."""

    def faults(self) -> list[str]:
        """Return each broken promise as a sentence; none after a storm that the product survived."""
        counts = {
            "jobs are lost": self.lost,
            "calls have no attempt of their own": self.calls_without_attempt,
            "calls were bought beyond what the policy allows": self.calls_beyond_policy,
            "pictures are there that no row names": self.duplicate_pictures,
            "pictures are missing": self.missing_pictures,
            "answers are left in the spool": self.left_in_spool,
        }
        return [f"{count} {what}" for what, count in counts.items() if count] + list(self.disagreements)


def reckon(product: Product, standin: StabilityStandIn, ids: Sequence[str], *, paid_calls: int = 1) -> Reckoning:
    """Count once every call is on the bill; `ids` are the jobs asked for, `paid_calls` is how many each may have."""
    assert standin.wait_until_idle(60), "a call is still in flight"
    asked = {plain(job) for job in ids}
    rows = {plain(job): (state, name) for job, state, name in product.rows("SELECT id, state, picture FROM imagegen_job")}
    jobs = {job: row for job, row in rows.items() if job in asked}
    attempts = {attempt.id: attempt for attempt in attempts_of(product, ids)}
    calls = _calls(product, standin, attempts)
    paid = Counter(attempts[call.attempt].job for call in calls if call.credits > 0 and call.attempt in attempts)
    return Reckoning(
        jobs=dict(Counter(state for state, _ in jobs.values())),
        lost=len(asked) - sum(state not in UNFINISHED for state, _ in jobs.values()),
        calls=len(calls),
        attempts=len(attempts),
        calls_without_attempt=len(calls) - len({call.attempt for call in calls} & set(attempts)),
        unknown=sum(attempt.charged == Charged.UNKNOWN for attempt in attempts.values()),
        second_calls=sum(number > 1 for number in paid.values()),
        calls_beyond_policy=sum(max(number - paid_calls, 0) for number in paid.values()),
        duplicate_pictures=len(_files(product, jobs) - _names(jobs)),
        missing_pictures=len(_names(jobs) - _files(product, jobs)) + sum(row == ("succeeded", "") for row in jobs.values()),
        left_in_spool=len(answers_in_spool(product)),
        drafts=len([*product.folder.glob("var/spool/.*.part")]),
        disagreements=tuple(audit.disagreements(calls, {attempt.id: attempt.charged for attempt in attempts.values()})),
    )


def attempts_of(product: Product, ids: Sequence[str]) -> list[Attempt]:
    """Return the attempts of these jobs in the order in which they were made."""
    asked = {plain(job) for job in ids}
    rows = product.rows(f"SELECT {COLUMNS} FROM imagegen_attempt WHERE job_id IS NOT NULL ORDER BY sent_at")
    return [_attempt(*row) for row in rows if plain(row[1]) in asked]


def answers_in_spool(product: Product) -> list[str]:
    return [path.stem for path in product.folder.glob("var/spool/*.answer")]


def plain(identity: object) -> str:
    """Return an id as 32 hexadecimal digits, whichever way a database, a header or a file name spells it."""
    return UUID(str(identity)).hex


def moment(value: object) -> float:
    """Return a time of the database in seconds since 1970."""
    when = datetime.fromisoformat(str(value))
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _attempt(attempt: object, job: object, worker: object, charged: str, sent_at: object, ended_at: object) -> Attempt:
    ended = None if ended_at is None else moment(ended_at)
    return Attempt(plain(attempt), plain(job), plain(worker), charged, moment(sent_at), ended)


def _calls(product: Product, standin: StabilityStandIn, attempts: dict[str, Attempt]) -> list[Call]:
    """Return the calls for these attempts, and those for which the product has none; each names its attempt in plain."""
    others = {plain(attempt) for (attempt,) in product.rows("SELECT id FROM imagegen_attempt")} - set(attempts)
    calls = [replace(call, attempt=call.attempt and plain(call.attempt)) for call in standin.calls]
    return [call for call in calls if call.attempt not in others]


def _files(product: Product, jobs: dict[str, tuple[str, str]]) -> set[str]:
    """Return the stored pictures whose names begin with the id of one of these jobs."""
    names = (name for name in product.pictures.names() if name.endswith(".png"))
    return {name for name in names if plain(name.rpartition("/")[2][:36]) in jobs}


def _names(jobs: dict[str, tuple[str, str]]) -> set[str]:
    return {name for _, name in jobs.values() if name}
