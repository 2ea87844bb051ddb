"""Batches of our own API: ask for many pictures at once, see what they will cost, find them again, and decide about them."""

from datetime import datetime
from typing import TypedDict
from uuid import UUID

from django.http import Http404
from django.urls import reverse
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from imagegen import accounts, addresses, decisions, estimates, statements, submission
from imagegen.api import batch_bodies, shapes
from imagegen.api.batch_bodies import Asked
from imagegen.api.pages import NewestFirst, Paged
from imagegen.api.parsers import JSONObjectParser
from imagegen.api.schema import IDEMPOTENCY_KEY, describe
from imagegen.api.shapes import CostShape
from imagegen.estimates import Estimate
from imagegen.models import Batch, Job
from imagegen.recipes import Recipe
from imagegen.statements import BatchStatement
from imagegen.states import Decision

SOURCE = "api"


class EstimateShape(TypedDict):
    """What pictures will cost: known prices by unit; `unpriced` counts those of which nobody knows."""

    pictures: int
    amounts: dict[str, float]
    unpriced: int


class LinksShape(TypedDict):
    """Where more is: this batch, its page, its pictures as a list and as a zip file."""

    self: str
    page: str
    images: str
    zip: str


class MadeShape(TypedDict):
    """A batch that was made: its jobs in order, what they will cost, and where to look."""

    id: str
    jobs: list[str]
    estimate: EstimateShape
    links: LinksShape


class DraftShape(TypedDict):
    """One picture that would be made."""

    prompt: str
    name: str
    negative_prompt: str
    provider: str
    model: str
    size: str
    aspect_ratio: str
    style: str
    quality: str
    seed: int | None
    recipe: Recipe | None


class DryRunShape(TypedDict):
    """What a submission would make and cost; seeds that nobody asked for are drawn anew when it is made.

    With `template_seed` the templates become the same prompts again.
    """

    template_seed: int
    estimate: EstimateShape
    prompts: list[DraftShape]


class RollUpShape(TypedDict):
    """A batch in short: how many of its jobs are in which state, and what they cost."""

    id: str
    name: str
    source: str
    visibility: str
    created: datetime
    states: dict[str, int]
    cost: CostShape
    links: LinksShape


class BatchShape(RollUpShape):
    """A batch with the ids of its jobs, in order."""

    jobs: list[str]


class DecidedShape(BatchShape):
    """A batch after a decision, and how many of its jobs were changed."""

    changed: int


class BatchesShape(TypedDict):
    """Some batches, the newest first, and the addresses of those after and before them."""

    next: str | None
    previous: str | None
    results: list[RollUpShape]


class Batches(APIView):
    """POST /api/batches makes pictures of a list, or of a file, of prompts; GET lists what was asked for."""

    parser_classes = batch_bodies.PARSERS

    @describe(
        "make_batch",
        "Ask for many pictures at once",
        {202: MadeShape, 200: DryRunShape},
        body=batch_bodies.BODIES,
        asked=batch_bodies.Words,
        headers=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request) -> Response:
        if addresses.is_from_elsewhere(request):
            # A form of another site may send a file of prompts, and asks nobody before it does.
            raise PermissionDenied("Another site may not ask for pictures in your name.")
        asked = batch_bodies.read(request)
        with batch_bodies.naming_lines(asked.lines):
            return _dry_run(request, asked) if asked.dry_run else _submit(request, asked)

    @describe("batches", "Batches, the newest first", {200: BatchesShape}, asked=Paged)
    def get(self, request: Request) -> Response:
        accounts.check_may_read(request.user)
        Paged.read(request.query_params)
        pages = NewestFirst()
        page = pages.paginate_queryset(Batch.objects.filter(accounts.may_list(request.user)), request, self)
        return pages.get_paginated_response([_roll_up(request, found) for found in statements.of_batches(page or [])])


class OneBatch(APIView):
    """GET /api/batches/ID: jobs by state, what they cost, and their ids in order."""

    @describe("batch", "One batch", {200: BatchShape})
    def get(self, request: Request, batch_id: str) -> Response:
        accounts.check_may_read(request.user)
        return Response(_batch(request, UUID(batch_id)))


class DecideOnBatch(APIView):
    """POST /api/batches/ID/cancel, …/retry (failed ones only), …/pause, …/resume; tells the batch and how many changed."""

    parser_classes = (JSONObjectParser,)

    @describe(
        "decide_on_batch", "Cancel or pause what has not ended, let it go on, or retry what failed", {200: DecidedShape}
    )
    def post(self, request: Request, batch_id: str, decision: str) -> Response:
        changed = decisions.on_batch(Decision(decision), UUID(batch_id), viewer=request.user)
        if changed is None:
            raise Http404("No such batch.")
        decided: DecidedShape = {"changed": changed, **_batch(request, UUID(batch_id))}
        return Response(decided)


def _submit(request: Request, asked: Asked) -> Response:
    made = submission.submit(
        asked.items,
        viewer=request.user,
        source=SOURCE,
        key=request.headers.get("Idempotency-Key", ""),
        name=asked.name,
        visibility=asked.visibility,
        templates=asked.templates,
    )
    answer: MadeShape = {
        "id": str(made.batch),
        "jobs": [str(job) for job in made.jobs],
        "estimate": _estimate(estimates.of(Job.objects.filter(batch=made.batch).only(*estimates.COLUMNS))),
        "links": _links(request, made.batch),
    }
    return Response(answer, status=202)


def _dry_run(request: Request, asked: Asked) -> Response:
    templates = asked.templates.with_seed()
    jobs = submission.draft(asked.items, viewer=request.user, templates=templates)
    answer: DryRunShape = {
        "template_seed": templates.seed or 0,
        "estimate": _estimate(estimates.of(jobs)),
        "prompts": [_draft(job) for job in jobs],
    }
    return Response(answer)


def _draft(job: Job) -> DraftShape:
    return {
        "prompt": job.prompt,
        "name": job.name,
        "negative_prompt": job.negative_prompt,
        "provider": job.provider,
        "model": job.model,
        "size": job.size,
        "aspect_ratio": job.aspect_ratio,
        "style": job.style,
        "quality": job.quality,
        "seed": job.seed,
        "recipe": shapes.recipe(job),
    }


def _estimate(found: Estimate) -> EstimateShape:
    return {"pictures": found.pictures, "amounts": shapes.amounts(found.amounts), "unpriced": found.unpriced}


def _batch(request: Request, batch_id: UUID) -> BatchShape:
    found = statements.of_batch(batch_id, request.user)
    if found is None:
        raise Http404("No such batch.")
    jobs = Job.objects.filter(batch=batch_id).order_by("position").values_list("pk", flat=True)
    return {**_roll_up(request, found), "jobs": [str(job) for job in jobs]}


def _roll_up(request: Request, found: BatchStatement) -> RollUpShape:
    batch = found.batch
    return {
        "id": str(batch.pk),
        "name": batch.name,
        "source": batch.source,
        "visibility": batch.visibility,
        "created": batch.created,
        "states": found.states,
        "cost": shapes.cost(found.cost),
        "links": _links(request, batch.pk),
    }


def _links(request: Request, batch: UUID) -> LinksShape:
    base = addresses.base_url(request)
    return {
        "self": base + reverse("api-batch", args=[batch]),
        "page": base + reverse("batch", args=[batch]),
        "images": f"{base}{reverse('api-images')}?batch={batch}",
        "zip": base + reverse("api-batch-zip", args=[batch]),
    }
