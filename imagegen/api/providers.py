"""GET /api/providers: what each provider can do, what it costs, and whether it could be called now."""

from dataclasses import asdict
from datetime import date, datetime
from typing import TypedDict, cast

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from imagegen import accounts, catalog
from imagegen.api.schema import describe
from imagegen.catalog import Entry
from imagegen.providers import registry
from imagegen.providers.base import Model, Price, Provider, SizeRange


class RestShape(TypedDict):
    """Why it is not called for now; `until` is null where a person has to resume it."""

    reason: str
    sentence: str
    until: datetime | None


class RateShape(TypedDict):
    """At most so many calls in any so many seconds."""

    calls: int
    seconds: float


class SizesShape(TypedDict):
    """Any width and height in pixels within these bounds, and the same in words."""

    least: int
    most: int
    multiple: int
    most_pixels: int | None
    longest: int | None
    least_pixels: int | None
    said: str


class PriceShape(TypedDict):
    """What one picture costs, from which page, on which day; without a size or a quality it is that of all."""

    amount: float
    unit: str
    source: str
    day: date
    size: str | None
    quality: str | None


class TokenPricesShape(TypedDict):
    """What a million tokens cost in dollars."""

    text_input: float
    image_input: float
    image_output: float
    source: str
    day: date


class ModelShape(TypedDict):
    """One model of a provider."""

    name: str
    sizes: SizesShape | None
    qualities: list[str]
    prices: list[PriceShape]
    token_prices: TokenPricesShape | None


class ProviderShape(TypedDict):
    """What a provider can do, what it costs, and whether it could be called now."""

    name: str
    default: bool
    configured: bool
    missing: str | None
    rest: RestShape | None
    crowded_seconds: float
    rate: RateShape | None
    takes_over: list[str]
    free: bool
    demo: bool
    origin: str
    seed: bool
    negative_prompt: bool
    folded: list[str]
    styles: list[str]
    aspect_ratios: list[str]
    max_prompt: int
    models: list[ModelShape]


class ProvidersShape(TypedDict):
    """Every provider of the settings, the default first."""

    providers: list[ProviderShape]


class Providers(APIView):
    """Every provider of the settings, the default first. A price that is not known is not there, and never 0."""

    @describe("providers", "Who can draw", {200: ProvidersShape})
    def get(self, request: Request) -> Response:
        accounts.check_may_read(request.user)
        return Response({"providers": [_entry(entry) for entry in catalog.entries()]})


def _entry(entry: Entry) -> ProviderShape:
    provider = entry.provider
    return {
        "name": entry.name,
        "default": entry.name == registry.default(),
        "configured": entry.missing is None,
        "missing": entry.missing,
        "rest": cast(RestShape, asdict(entry.rest)) if entry.rest else None,
        "crowded_seconds": entry.crowded,
        "rate": cast(RateShape, asdict(entry.rate)) if entry.rate else None,
        "takes_over": entry.takes_over,
        "free": provider.is_free,
        "demo": provider.is_demo,
        "origin": provider.origin,
        "seed": provider.seed,
        "negative_prompt": provider.negative_prompt,
        "folded": list(provider.folded),
        "styles": list(provider.styles),
        "aspect_ratios": list(provider.aspect_ratios),
        "max_prompt": provider.max_prompt,
        "models": [_model(provider, model) for model in provider.models],
    }


def _model(provider: Provider, model: Model) -> ModelShape:
    sizes = provider.sizes_of(model.name)
    return {
        "name": model.name,
        "sizes": _sizes(sizes) if sizes else None,
        "qualities": list(model.qualities),
        "prices": [_price(price) for price in model.prices],
        "token_prices": cast(TokenPricesShape, asdict(model.tokens)) if model.tokens else None,
    }


def _sizes(sizes: SizeRange) -> SizesShape:
    return cast(SizesShape, {**asdict(sizes), "said": str(sizes)})


def _price(price: Price) -> PriceShape:
    """Return a price; without a size or a quality it is that of all."""
    return cast(PriceShape, {**asdict(price), "size": price.size or None, "quality": price.quality or None})
