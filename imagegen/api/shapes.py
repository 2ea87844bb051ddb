"""What our own API answers with, spelled once: the code is checked against it, and the schema is made of it."""

from datetime import datetime
from decimal import Decimal
from typing import TypedDict, cast

from imagegen.models import Attempt, Job
from imagegen.recipes import Recipe
from imagegen.statements import Cost


class OptionsShape(TypedDict, total=False):
    """Options of a prompt, or of all prompts that have none of their own."""

    negative_prompt: str | None
    provider: str | None
    model: str | None
    size: str | None
    aspect_ratio: str | None
    style: str | None
    quality: str | None
    seed: int | None
    n: int | None


class AttemptShape(TypedDict):
    """One call that may cost money. `charged` is yes, no or unknown; `amount` is null where the price is not known."""

    id: str
    provider: str
    model: str
    sent_at: datetime
    ended_at: datetime | None
    outcome: str | None
    charged: str
    amount: float | None
    unit: str | None
    usage: dict[str, int]
    http_status: int | None
    request_id: str | None


class CostShape(TypedDict):
    """What some calls cost: known prices by unit; `unpriced` counts paid calls of unknown price."""

    paid: int
    perhaps_paid: int
    unpriced: int
    amounts: dict[str, float]


def attempt(call: Attempt) -> AttemptShape:
    return {
        "id": str(call.pk),
        "provider": call.provider,
        "model": call.model,
        "sent_at": call.sent_at,
        "ended_at": call.ended_at,
        "outcome": call.outcome or None,
        "charged": call.charged,
        "amount": number(call.amount),
        "unit": call.unit or None,
        "usage": call.usage,
        "http_status": call.http_status,
        "request_id": call.request_id or None,
    }


def recipe(job: Job) -> Recipe | None:
    """Return how a prompt came about; None where it is as somebody typed it."""
    return cast(Recipe, job.recipe) or None


def cost(found: Cost) -> CostShape:
    return {
        "paid": found.paid,
        "perhaps_paid": found.perhaps_paid,
        "unpriced": found.unpriced,
        "amounts": amounts(found.amounts),
    }


def amounts(by_unit: dict[str, Decimal]) -> dict[str, float]:
    return {unit: float(amount) for unit, amount in by_unit.items()}


def number(amount: Decimal | None) -> float | None:
    """Return an amount as JSON writes numbers; None is an unknown price, never 0."""
    return None if amount is None else float(amount)
