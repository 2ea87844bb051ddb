"""What pictures will cost, before anything is bought: known prices added up by unit, and how many have none."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from imagegen.models import Job
from imagegen.providers import registry

# What the price of a job depends on: a thousand prompts need not be read for it.
COLUMNS = ("provider", "model", "size", "quality")


@dataclass(frozen=True)
class Estimate:
    """`amounts` adds up known prices by unit; `unpriced` counts pictures of which nobody knows what they cost."""

    pictures: int
    amounts: dict[str, Decimal]
    unpriced: int

    def __str__(self) -> str:
        """Say what the pictures cost, as a part of a sentence: "free", "0.12 USD", "0.12 USD, and 3 at an unknown price"."""
        costs = [f"{amount.normalize():f} {unit}" for unit, amount in sorted(self.amounts.items()) if amount]
        if self.unpriced:
            costs.append(f"{'and ' if costs else ''}{self.unpriced} at an unknown price")
        return ", ".join(costs) or "free"


def of(jobs: Iterable[Job]) -> Estimate:
    """Return what these jobs cost where each is drawn with one call; they need not be saved."""
    pictures, unpriced, amounts = 0, 0, dict[str, Decimal]()
    for job in jobs:
        provider = registry.find(job.provider)
        price = provider.price(job.model, job.size, job.quality) if provider else None
        pictures += 1
        unpriced += price is None
        if price is not None:
            amounts[price.unit] = amounts.get(price.unit, Decimal(0)) + Decimal(str(price.amount))
    return Estimate(pictures, amounts, unpriced)
