"""Jobs and batches of our own API: read one with all its calls, and decide about it."""

from dataclasses import asdict
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from imagegen import accounts, addresses, decisions, statements
from imagegen.api.parsers import JSONObjectParser
from imagegen.api.problems import in_field
from imagegen.models import Attempt
from imagegen.statements import BatchStatement, JobStatement
from imagegen.states import Decision


class OneJob(APIView):
    """GET /api/jobs/ID: the state, why, and each call with what it cost."""

    def get(self, request: Request, job_id: str) -> Response:
        accounts.check_may_read(request.user)
        return Response(_job(request, UUID(job_id)))


class DecideOnJob(APIView):
    """POST /api/jobs/ID/cancel, …/retry or …/buy-again; answers with the job.

    `{"fence": N}` names the claim that was seen: buying again is then refused (409) where another call was made since.
    """

    parser_classes = (JSONObjectParser,)

    def post(self, request: Request, job_id: str, decision: str) -> Response:
        if not decisions.on_job(Decision(decision), UUID(job_id), viewer=request.user, fence=_fence(request)):
            raise Http404("No such job.")
        return Response(_job(request, UUID(job_id)))


class OneBatch(APIView):
    """GET /api/batches/ID: jobs by state, what they cost, and their ids in order."""

    def get(self, request: Request, batch_id: str) -> Response:
        accounts.check_may_read(request.user)
        return Response(_batch(request, UUID(batch_id)))


class DecideOnBatch(APIView):
    """POST /api/batches/ID/cancel or …/retry (failed ones only); answers with the batch and how many jobs were changed."""

    parser_classes = (JSONObjectParser,)

    def post(self, request: Request, batch_id: str, decision: str) -> Response:
        changed = decisions.on_batch(Decision(decision), UUID(batch_id), viewer=request.user)
        if changed is None:
            raise Http404("No such batch.")
        return Response({"changed": changed, **_batch(request, UUID(batch_id))})


def _fence(request: Request) -> int | None:
    fence = cast(dict[str, Any], request.data).get("fence")
    if fence is not None and (isinstance(fence, bool) or not isinstance(fence, int)):
        raise in_field("fence", "must be a whole number, as GET of the job gives it")
    return fence


def _job(request: Request, job_id: UUID) -> dict[str, object]:
    found = statements.of_job(job_id, request.user, base_url=addresses.base_url(request))
    if found is None:
        raise Http404("No such job.")
    return _shaped(found)


def _shaped(found: JobStatement) -> dict[str, object]:
    card = found.card
    return {
        "id": card.task_id,
        "batch": str(found.batch),
        "state": card.state,
        "why": card.why,
        "prompt": card.prompt,
        "provider": card.provider,
        "moved_from": card.moved_from or None,
        "model": found.model,
        "seed": card.seed,
        "image_url": card.image_url,
        "thumbnail_url": card.thumbnail_url,
        "created": found.created,
        "started_at": found.started_at,
        "ended_at": found.ended_at,
        "fence": card.fence,
        "may": [decision for decision, _ in card.offers],
        "attempts": [_attempt(attempt) for attempt in found.attempts],
    }


def _attempt(attempt: Attempt) -> dict[str, object]:
    return {
        "id": str(attempt.pk),
        "provider": attempt.provider,
        "model": attempt.model,
        "sent_at": attempt.sent_at,
        "ended_at": attempt.ended_at,
        "outcome": attempt.outcome or None,
        "charged": attempt.charged,
        "amount": _number(attempt.amount),
        "unit": attempt.unit or None,
        "usage": attempt.usage,
        "http_status": attempt.http_status,
        "request_id": attempt.request_id or None,
    }


def _batch(request: Request, batch_id: UUID) -> dict[str, object]:
    found: BatchStatement | None = statements.of_batch(batch_id, request.user)
    if found is None:
        raise Http404("No such batch.")
    amounts = {unit: _number(amount) for unit, amount in found.cost.amounts.items()}
    cost: dict[str, Any] = {**asdict(found.cost), "amounts": amounts}
    jobs = [str(job) for job in found.jobs]
    return {"id": str(found.id), "created": found.created, "states": found.states, "cost": cost, "jobs": jobs}


def _number(amount: Decimal | None) -> float | None:
    """Return an amount as JSON writes numbers; None is an unknown price, never 0."""
    return None if amount is None else float(amount)
