"""The running product and every provider's stand-in: three prompts each, pictures out, ledger and bill agree."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from imagegen.providers import registry
from tests.product import Product
from tests.standins.automatic1111 import Automatic1111StandIn
from tests.standins.black_forest_labs import BlackForestLabsStandIn
from tests.standins.hugging_face import HuggingFaceStandIn
from tests.standins.openai import CompatibleStandIn, OpenAIStandIn
from tests.standins.stability import StabilityStandIn
from tests.standins.stability_v1 import StabilityV1StandIn
from tests.standins.standin import Seller

PROMPTS = ["A red flying dog", "A piano ninja", "A footballer kid"]
KEYS = ("STABILITY_API_KEY", "OPENAI_API_KEY", "OPENAI_COMPATIBLE_KEY", "HF_TOKEN", "BFL_API_KEY")
# What it is made of cannot be installed on newer Pythons.
HAS_GRPC = sys.version_info < (3, 13)
SELLERS: dict[str, type[Seller]] = {
    kind.provider: kind
    for kind in (
        StabilityStandIn,
        StabilityV1StandIn,
        OpenAIStandIn,
        CompatibleStandIn,
        HuggingFaceStandIn,
        BlackForestLabsStandIn,
        Automatic1111StandIn,
    )
}
if HAS_GRPC:
    from tests.standins.stability_grpc import StabilityGrpcStandIn

    SELLERS[StabilityGrpcStandIn.provider] = StabilityGrpcStandIn


@pytest.fixture(scope="module")
def sellers() -> Iterator[dict[str, Seller]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(kind(key="sk-test")) for name, kind in SELLERS.items()}


@pytest.fixture(scope="module")
def product(sellers: dict[str, Seller]) -> Iterator[Product]:
    addresses = {seller.variable: seller.url for seller in sellers.values()}
    keys = dict.fromkeys(KEYS, "sk-test")
    hub = sellers["hugging-face"].url
    with Product(**addresses, **keys, HF_HUB_URL=hub, OPENAI_COMPATIBLE_MODELS="flux", LOG_LEVEL="INFO") as running:
        yield running


def test_every_provider_that_the_settings_name_has_a_stand_in() -> None:
    older = {"stability-v1", "stability-grpc"}
    assert {*SELLERS, "demo"} - older == {*registry.names()}


def test_all_of_them_would_work(product: Product) -> None:
    product.manage("check_providers", *SELLERS)


@pytest.mark.parametrize("name", SELLERS)
def test_three_prompts_become_three_pictures_that_cost_three_calls(
    product: Product, sellers: dict[str, Seller], name: str
) -> None:
    ids = product.generate(*PROMPTS, provider=name)
    images = product.finished(ids)
    assert [(image["state"], image["prompt"]) for image in images] == [("succeeded", prompt) for prompt in PROMPTS]
    assert sorted(call.prompt for call in sellers[name].calls) == sorted(PROMPTS)
    assert set(product.ledger(name).values()) == {"yes"}


def test_no_key_is_in_the_log(product: Product) -> None:
    assert "sk-test" not in "\n".join(product.lines)
