"""GET /api/images: pictures by what was asked for, the newest first."""

from datetime import datetime
from typing import Any, TypedDict

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from imagegen import addresses, gallery, marks, queries, statements
from imagegen.api import places, shapes
from imagegen.api.pages import USUAL, Paged
from imagegen.api.schema import describe
from imagegen.api.shapes import CostShape
from imagegen.gallery import Search
from imagegen.models import Job
from imagegen.recipes import Recipe
from imagegen.statements import Cost
from imagegen.states import State


class ImageShape(TypedDict):
    """One picture with what it takes to make it again; width and height in pixels, null where there is no picture."""

    id: str
    batch: str
    name: str
    state: str
    prompt: str
    negative_prompt: str
    provider: str
    model: str
    style: str
    quality: str
    seed: int | None
    recipe: Recipe | None
    width: int | None
    height: int | None
    bytes: int | None
    sha256: str | None
    content_type: str | None
    image_url: str | None
    thumbnail_url: str | None
    created: datetime
    ended_at: datetime | None
    why: str | None
    cost: CostShape


class ImagesShape(TypedDict):
    """Some pictures, and the addresses of those after and before them."""

    next: str | None
    previous: str | None
    results: list[ImageShape]


class Asked(Paged):
    """What to look for; everything that is given must fit."""

    q = serializers.CharField(
        required=False, max_length=200, help_text="Beginnings of words that must all be in the prompt."
    )
    provider = serializers.CharField(required=False)
    model = serializers.CharField(required=False)
    owner = serializers.CharField(required=False, help_text="A user's name.")
    batch = serializers.UUIDField(required=False)
    style = serializers.CharField(required=False)  # type: ignore[assignment]
    size = serializers.RegexField(r"^[1-9][0-9]{0,4}x[1-9][0-9]{0,4}$", required=False, help_text="In pixels, as 1024x768.")
    state = serializers.ChoiceField(
        [*(state.value for state in State), gallery.ANY], required=False, help_text="Without it, whatever has a picture."
    )
    rating = serializers.IntegerField(
        required=False, min_value=1, max_value=marks.STARS, help_text="How many stars you gave it at least."
    )
    favourite = serializers.BooleanField(required=False, help_text="true: your favourites.")
    tag = serializers.CharField(required=False, help_text="One of your tags.")
    since = serializers.DateTimeField(required=False, help_text="Asked for then or later.")
    until = serializers.DateTimeField(required=False, help_text="Asked for earlier than this.")


class Images(APIView):
    """GET /api/images: pictures by what was asked for, the newest first."""

    @describe("images", "Find pictures", {200: ImagesShape}, asked=Asked)
    def get(self, request: Request) -> Response:
        wanted = Asked.read(request.query_params)
        found = gallery.find(_search(wanted), request.user)
        page = places.page(found, request, most=wanted.get("limit", USUAL))
        return Response({"next": page.next, "previous": page.previous, "results": _entries(request, page.jobs)})


def _search(wanted: dict[str, Any]) -> Search:
    given = {name: value for name, value in wanted.items() if name not in ("q", "favourite", "limit", "cursor")}
    return Search(words=wanted.get("q"), is_favourite=wanted.get("favourite", False), **given)


def _entries(request: Request, jobs: list[Job]) -> list[ImageShape]:
    cards = queries.cards([str(job.pk) for job in jobs], request.user, base_url=addresses.base_url(request))
    costs = statements.costs_of([job.pk for job in jobs])
    return [_entry(job, card, costs[job.pk]) for job, card in zip(jobs, cards, strict=True)]


def _entry(job: Job, card: queries.Card, cost: Cost) -> ImageShape:
    return {
        "id": str(job.pk),
        "batch": str(job.batch_id),
        "name": job.name,
        "state": job.state,
        "prompt": job.prompt,
        "negative_prompt": job.negative_prompt,
        "provider": job.provider,
        "model": job.model,
        "style": job.style,
        "quality": job.quality,
        "seed": card.seed,
        "recipe": shapes.recipe(job),
        "width": job.width,
        "height": job.height,
        "bytes": job.bytes,
        "sha256": job.sha256 or None,
        "content_type": job.content_type or None,
        "image_url": card.image_url,
        "thumbnail_url": card.thumbnail_url,
        "created": job.created,
        "ended_at": job.ended_at,
        "why": card.why,
        "cost": shapes.cost(cost),
    }
