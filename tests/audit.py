"""The ledger against the bill: whoever sold something to the product has a bill, and after every test both must agree."""

from collections import Counter
from collections.abc import Iterable
from uuid import UUID

from imagegen.models import Attempt
from tests.product import Product
from tests.standins.standin import Call, Seller

# Stand-ins whose calls the ledger of the tests' own database must hold; a Product names its own by address.
connected: list[Seller] = []


def faults(*, reads_database: bool) -> list[str]:
    """Return what does not agree, in sentences, and forget stand-ins and products that have ended."""
    try:
        found = [fault for product in Product.started for fault in _of_product(product)]
        if reads_database:
            found += [
                fault for standin in connected for fault in disagreements(standin.calls, _tests_ledger(standin.provider))
            ]
        return found
    finally:
        connected.clear()
        Product.started[:] = [product for product in Product.started if not product.ended]
        Seller.opened[:] = [standin for standin in Seller.opened if not standin.closed]


def disagreements(calls: Iterable[Call], ledger: dict[str, str]) -> list[str]:
    """Compare the calls that a stand-in saw with the charges that a ledger has by attempt."""
    sent = {UUID(call.attempt).hex: call for call in calls if call.attempt}
    twice = [attempt for attempt, times in Counter(call.attempt for call in calls if call.attempt).items() if times > 1]
    found = [f"attempt {attempt} was sent more than once" for attempt in twice]
    for attempt, call in sent.items():
        charged, billed = ledger.get(attempt, "absent"), call.credits > 0
        if charged == "absent" or (charged == "no" and billed) or (charged == "yes" and not billed):
            found.append(f"attempt {attempt} is {charged} in the ledger, and billed {call.credits}: {call.prompt!r}")
    return found + [
        f"attempt {attempt} is charged in the ledger, and nobody saw its call"
        for attempt, charged in ledger.items()
        if charged == "yes" and attempt not in sent
    ]


def _of_product(product: Product) -> list[str]:
    standins = [standin for standin in Seller.opened if product.environment.get(standin.variable) == standin.url]
    return [fault for standin in standins for fault in disagreements(standin.calls, product.ledger(standin.provider))]


def _tests_ledger(provider: str) -> dict[str, str]:
    rows = Attempt.objects.filter(provider=provider).values_list("pk", "charged")
    return {attempt.hex: charged for attempt, charged in rows}
