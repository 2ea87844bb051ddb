"""GET /api/providers: what each provider can do, what it costs, and whether it could be called now."""

from dataclasses import asdict

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from imagegen import accounts, catalog
from imagegen.catalog import Entry
from imagegen.providers import registry
from imagegen.providers.base import Model, Price, Provider, SizeRange


class Providers(APIView):
    """Every provider of the settings, the default first. A price that is not known is not there, and never 0."""

    def get(self, request: Request) -> Response:
        accounts.check_may_read(request.user)
        return Response({"providers": [_entry(entry) for entry in catalog.entries()]})


def _entry(entry: Entry) -> dict[str, object]:
    provider = entry.provider
    return {
        "name": entry.name,
        "default": entry.name == registry.default(),
        "configured": entry.missing is None,
        "missing": entry.missing,
        "rest": asdict(entry.rest) if entry.rest else None,
        "crowded_seconds": entry.crowded,
        "rate": asdict(entry.rate) if entry.rate else None,
        "takes_over": entry.takes_over,
        "free": provider.is_free,
        "demo": provider.is_demo,
        "origin": provider.origin,
        "seed": provider.seed,
        "negative_prompt": provider.negative_prompt,
        "folded": provider.folded,
        "styles": provider.styles,
        "aspect_ratios": provider.aspect_ratios,
        "max_prompt": provider.max_prompt,
        "models": [_model(provider, model) for model in provider.models],
    }


def _model(provider: Provider, model: Model) -> dict[str, object]:
    sizes = provider.sizes_of(model.name)
    return {
        "name": model.name,
        "sizes": _sizes(sizes) if sizes else None,
        "qualities": model.qualities,
        "prices": [_price(price) for price in model.prices],
        "token_prices": asdict(model.tokens) if model.tokens else None,
    }


def _sizes(sizes: SizeRange) -> dict[str, object]:
    return {**asdict(sizes), "said": str(sizes)}


def _price(price: Price) -> dict[str, object]:
    """Return a price; without a size or a quality it is that of all."""
    return {**asdict(price), "size": price.size or None, "quality": price.quality or None}
