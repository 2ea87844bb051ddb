"""Jobs of our own API: read one with all its calls, and decide about it."""

from datetime import datetime
from typing import Any, TypedDict, cast
from uuid import UUID

from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from imagegen import accounts, addresses, decisions, statements
from imagegen.api import shapes
from imagegen.api.parsers import JSONObjectParser
from imagegen.api.problems import in_field
from imagegen.api.schema import describe
from imagegen.api.shapes import AttemptShape
from imagegen.recipes import Recipe
from imagegen.states import Decision


class ProgressShape(TypedDict):
    """How far a picture is that a model on this machine draws."""

    step: int
    steps: int


class JobShape(TypedDict):
    """One picture to make. `may` lists what can be decided about it; `fence` names the claim that was seen."""

    id: str
    batch: str
    name: str
    state: str
    why: str | None
    prompt: str
    negative_prompt: str
    provider: str
    moved_from: str | None
    model: str
    size: str
    aspect_ratio: str
    style: str
    quality: str
    seed: int | None
    recipe: Recipe | None
    progress: ProgressShape | None
    image_url: str | None
    thumbnail_url: str | None
    created: datetime
    started_at: datetime | None
    ended_at: datetime | None
    fence: int
    may: list[str]
    attempts: list[AttemptShape]


class DecisionShape(TypedDict, total=False):
    """The claim that was seen: buying again is refused where another call was made since."""

    fence: int | None


class OneJob(APIView):
    """GET /api/jobs/ID: the state, why, and each call with what it cost."""

    @describe("job", "One picture with every call that was made for it", {200: JobShape})
    def get(self, request: Request, job_id: str) -> Response:
        accounts.check_may_read(request.user)
        return Response(_job(request, UUID(job_id)))


class DecideOnJob(APIView):
    """POST /api/jobs/ID/cancel, …/retry or …/buy-again; answers with the job.

    `{"fence": N}` names the claim that was seen: buying again is then refused (409) where another call was made since.
    """

    parser_classes = (JSONObjectParser,)

    @describe("decide_on_job", "Cancel, retry or buy again", {200: JobShape}, body=DecisionShape)
    def post(self, request: Request, job_id: str, decision: str) -> Response:
        if not decisions.on_job(Decision(decision), UUID(job_id), viewer=request.user, fence=_fence(request)):
            raise Http404("No such job.")
        return Response(_job(request, UUID(job_id)))


def _fence(request: Request) -> int | None:
    fence = cast(dict[str, Any], request.data).get("fence")
    if fence is not None and (isinstance(fence, bool) or not isinstance(fence, int)):
        raise in_field("fence", "must be a whole number, as GET of the job gives it")
    return fence


def _job(request: Request, job_id: UUID) -> JobShape:
    found = statements.of_job(job_id, request.user, base_url=addresses.base_url(request))
    if found is None:
        raise Http404("No such job.")
    card, job = found.card, found.job
    return {
        "id": card.task_id,
        "batch": str(job.batch_id),
        "name": job.name,
        "state": card.state,
        "why": card.why,
        "prompt": job.prompt,
        "negative_prompt": job.negative_prompt,
        "provider": job.provider,
        "moved_from": job.moved_from or None,
        "model": job.model,
        "size": job.size,
        "aspect_ratio": job.aspect_ratio,
        "style": job.style,
        "quality": job.quality,
        "seed": card.seed,
        "recipe": shapes.recipe(job),
        "progress": {"step": card.step, "steps": card.steps} if card.steps else None,
        "image_url": card.image_url,
        "thumbnail_url": card.thumbnail_url,
        "created": job.created,
        "started_at": job.started_at,
        "ended_at": job.ended_at,
        "fence": card.fence,
        "may": [decision for decision, _ in card.offers],
        "attempts": [shapes.attempt(call) for call in found.attempts],
    }
