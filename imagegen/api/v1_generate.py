"""The dialect of the FastAPI program: POST /v1/generate asks for one picture, GET /v1/jobs/ID tells what became of it.

Its words for states are Celery's. A `style_id` names the picture at /output; where the provider has a style of that name, it
is drawn in it.
"""

from typing import Any, NotRequired, TypedDict, cast
from uuid import UUID

from django.http import Http404
from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from imagegen import accounts, outputs, queries, submission
from imagegen.api.parsers import JSONObjectParser
from imagegen.api.problems import in_field
from imagegen.api.schema import describe
from imagegen.items import Item
from imagegen.models import Job
from imagegen.providers import registry
from imagegen.states import State

FIELDS = ("prompt", "negative_prompt", "style_id", "seed")
WORDS = {
    State.QUEUED: "PENDING",
    State.RUNNING: "STARTED",
    State.SUCCEEDED: "SUCCESS",
    State.FAILED: "FAILURE",
    State.REFUSED: "FAILURE",
    State.UNKNOWN: "FAILURE",
    State.CANCELED: "REVOKED",
}


class GenerateShape(TypedDict):
    """What the FastAPI program takes."""

    prompt: str
    negative_prompt: NotRequired[str | None]
    style_id: NotRequired[str | int | None]
    seed: NotRequired[int | None]


class JobAcceptedShape(TypedDict):
    """The job that was made."""

    job_id: str


class StatusShape(TypedDict):
    """Where a job is, in Celery's words, and its picture's address."""

    job_id: str
    status: str
    result_urls: list[str] | None


class Generate(APIView):
    """`{"prompt", "negative_prompt", "style_id", "seed"}` makes one picture; a seed below 1 draws one."""

    parser_classes = (JSONObjectParser,)

    @describe("v1_generate", "Make one picture, as the FastAPI program does", {202: JobAcceptedShape}, body=GenerateShape)
    def post(self, request: Request) -> Response:
        body = cast(dict[str, Any], request.data)
        for name in body:
            if name not in FIELDS:
                raise in_field(name[:60], f"is not known here; there are {', '.join(FIELDS)}")
        style = _style(body.get("style_id"))
        item = Item(
            prompt=body.get("prompt"),
            negative_prompt=body.get("negative_prompt"),
            style=_known(style),
            seed=_seed(body.get("seed")),
        )
        key = request.headers.get("Idempotency-Key", "")
        made = submission.submit([item], viewer=request.user, source="v1-generate", key=key, name=style)
        return Response({"job_id": str(made.jobs[0])}, status=202)


class JobStatus(APIView):
    """`{"job_id", "status", "result_urls"}`; the list is null until there is a picture."""

    @describe("v1_job", "What became of it", {200: StatusShape})
    def get(self, request: Request, job_id: str) -> Response:
        accounts.check_may_read(request.user)
        card = queries.cards([job_id], request.user)[0]
        if card.state == queries.MISSING:
            raise Http404("No such job.")
        job = Job.objects.select_related("batch").get(pk=UUID(job_id))
        name = outputs.name(job)
        urls = [reverse("output", args=[name])] if name else None
        return Response({"job_id": card.task_id, "status": _word(job), "result_urls": urls})


def _word(job: Job) -> str:
    """Return Celery's word for where a job is; one that was tried and waits again is a RETRY."""
    return "RETRY" if job.state == State.QUEUED and job.fence else WORDS[State(job.state)]


def _style(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise in_field("style_id", "must be text or a number")
    text = str(value).strip()
    if len(text) > outputs.MAX_STYLE or not text.isprintable():
        raise in_field("style_id", f"must be printable and have at most {outputs.MAX_STYLE} characters")
    return text


def _known(style: str) -> str | None:
    """Return a style's word as the default provider spells it; None where it has none that is called so."""
    spelled = style.lower().replace("_", "-")
    return spelled if spelled in registry.get(registry.default()).styles else None


def _seed(value: object) -> object:
    """Return a seed as it is checked everywhere; any that is below 1 asks for a draw."""
    return -1 if isinstance(value, int) and not isinstance(value, bool) and value < 1 else value
