"""The dialect of the Django REST server: /apis/generate-image/ begins a prompt, has it written on, and draws it.

Every request is a new one, so nobody may keep its answer.
"""

from typing import TypedDict
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from rest_framework import serializers

from imagegen import accounts, addresses, prompts, queries, submission
from imagegen.accounts import Viewer
from imagegen.api import problems
from imagegen.api.awaited import database, until_ended
from imagegen.api.query import Query
from imagegen.errors import BadSubmission, NotAllowed, WriterFailed
from imagegen.items import Item
from imagegen.queries import Card
from imagegen.states import UNFINISHED

SOURCE = "apis-generate-image"
# In seconds.
USUAL_WAIT, LONGEST_WAIT = 60, 600


class RandomShape(TypedDict):
    """What was begun with, what became of it, and its picture; `image_url` is null until there is one."""

    starting_prompt: str
    prompt: str
    task_id: str
    status: str
    why: str | None
    image_url: str | None
    result_url: str


class Asked(Query):
    """How long to wait for the picture, in seconds, and who writes its prompt: one of PROMPT_WRITERS."""

    wait = serializers.FloatField(required=False, min_value=0, max_value=LONGEST_WAIT, default=USUAL_WAIT)
    writer = serializers.CharField(required=False, default="")


@csrf_exempt
@never_cache
@require_http_methods(["GET", "POST"])
async def generate_image(request: HttpRequest) -> HttpResponse:
    """Draw what a line becomes that is begun by chance; 202 where that takes longer than `wait` seconds."""
    if addresses.is_from_elsewhere(request):
        return problems.problem(403, "Another site may not ask for pictures in your name.")
    viewer = await request.auser()
    try:
        asked = Asked.read(request.GET)
        # In this request's own thread: a writer may take a minute, and others wait for those that look for pictures.
        start, job = await sync_to_async(_submit)(viewer, asked["writer"])
    except (BadSubmission, NotAllowed, WriterFailed, serializers.ValidationError) as error:
        return problems.of_error(error)
    await until_ended([job], seconds=asked["wait"])
    base_url = addresses.base_url(request)
    [card] = await database.ask(lambda: queries.cards([str(job)], viewer, base_url=base_url))
    return JsonResponse(_entry(card, start, base_url), status=202 if card.state in UNFINISHED else 200)


def _submit(viewer: Viewer, writer: str) -> tuple[str, UUID]:
    accounts.check_may_submit(viewer)
    start, prompt = prompts.begun_by_chance(viewer=viewer, writer=writer)
    [job] = submission.submit([Item(prompt=prompt)], viewer=viewer, source=SOURCE).jobs
    return start, job


def _entry(card: Card, start: str, base_url: str) -> RandomShape:
    return {
        "starting_prompt": start,
        "prompt": card.prompt or "",
        "task_id": card.task_id,
        "status": card.state,
        "why": card.why,
        "image_url": card.image_url,
        "result_url": base_url + reverse("api-job", args=[card.task_id]),
    }
