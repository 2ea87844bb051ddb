"""The main job's dialect: POST /generate-images takes texts, GET /show-images shows their pictures by task id."""

from dataclasses import replace
from typing import Any, TypedDict, cast

from rest_framework import serializers
from rest_framework.renderers import JSONRenderer, TemplateHTMLRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from imagegen import accounts, addresses, conf, queries, submission
from imagegen.api.parsers import JSONObjectParser
from imagegen.api.problems import in_field
from imagegen.api.schema import IDEMPOTENCY_KEY, describe
from imagegen.api.shapes import OptionsShape
from imagegen.errors import BadSubmission
from imagegen.items import OPTIONS, Item
from imagegen.progress import events_url, progress_of
from imagegen.queries import Card


class TextsShape(OptionsShape):
    """Texts, and options for all of them."""

    text: list[str]


class TasksShape(TypedDict):
    """One id for each picture, in the order asked."""

    task_ids: list[str]


class ShownShape(TypedDict):
    """One picture, or why there is none."""

    task_id: str
    prompt: str | None
    state: str
    why: str | None
    image_url: str | None
    thumbnail_url: str | None
    seed: int | None


class AllShownShape(TypedDict):
    """The pictures of some tasks, in the order asked."""

    images: list[ShownShape]


class WantedTasks(serializers.Serializer[Any]):
    """Which tasks to show."""

    task_ids = serializers.CharField(help_text="Ids with commas between them; repeated, or in a JSON body, they do as well.")


class GenerateImages(APIView):
    """`{"text": ["A red flying dog", …]}` makes one picture per text and answers with their task ids, in order."""

    parser_classes = (JSONObjectParser,)

    @describe(
        "generate_images", "Make a picture of each text", {202: TasksShape}, body=TextsShape, headers=[IDEMPOTENCY_KEY]
    )
    def post(self, request: Request) -> Response:
        texts, options = _texts(cast(dict[str, Any], request.data))
        items = [Item(prompt=text, **options) for text in texts]
        key = request.headers.get("Idempotency-Key", "")
        try:
            made = submission.submit(items, viewer=request.user, source="generate-images", key=key)
        except BadSubmission as error:
            raise BadSubmission([replace(each, field=_named(each.field)) for each in error.problems]) from error
        return Response({"task_ids": [str(job) for job in made.jobs]}, status=202)


class ShowImages(APIView):
    """The pictures of some tasks, in the order asked: a page, or JSON for `Accept: application/json`."""

    parser_classes = (JSONObjectParser,)
    renderer_classes = (TemplateHTMLRenderer, JSONRenderer)

    @describe(
        "show_images",
        "The pictures of some tasks",
        {
            **{(status, "application/json"): AllShownShape for status in (200, 404)},
            **{(status, "text/html"): str for status in (200, 404, "default")},
        },
        asked=WantedTasks,
    )
    def get(self, request: Request) -> Response:
        accounts.check_may_read(request.user)
        cards = queries.cards(_task_ids(request), request.user, base_url=addresses.base_url(request))
        status = 404 if all(card.state == queries.MISSING for card in cards) else 200
        if isinstance(request.accepted_renderer, JSONRenderer):
            return Response({"images": [_entry(card) for card in cards]}, status=status)
        progress = progress_of(cards)
        # Ids that came in a body are lost when a browser asks again.
        refresh = progress.refresh_seconds if "task_ids" in request.query_params else None
        context = {
            "heading": "Your pictures",
            "cards": cards,
            # Of ids that nobody knows nothing has come along.
            "progress": progress if status == 200 else None,
            "refresh_seconds": refresh,
            "events_url": events_url(cards, task_ids=",".join(card.task_id for card in cards)),
            "mine": queries.are_mine([card.task_id for card in cards], request.user),
        }
        return Response(context, template_name="imagegen/results.html", status=status)


def _texts(body: dict[str, Any]) -> tuple[list[object], dict[str, object]]:
    """Return the texts and the options beside them."""
    texts = body.get("text")
    if not isinstance(texts, list):
        raise in_field("text", 'must be a list of texts, like ["A red flying dog", "A piano ninja"]')
    options = {name: value for name, value in body.items() if name != "text"}
    for name in options:
        if name not in OPTIONS:
            raise in_field(name[:60], f"is not known here; beside text there are {', '.join(OPTIONS)}")
    return texts, options


def _named(field: str) -> str:
    return "text" if field == "prompt" else field


def _task_ids(request: Request) -> list[str]:
    """Return the ids from the address (`a,b,c` or repeated), or else from a JSON body."""
    asked: object = [text.strip() for part in request.query_params.getlist("task_ids") for text in part.split(",")]
    if not asked and isinstance(request.data, dict):
        asked = request.data.get("task_ids", [])
    if not isinstance(asked, list) or not all(isinstance(text, str) for text in asked):
        raise in_field("task_ids", "must be a list of task ids")
    ids = list(filter(None, dict.fromkeys(_readable(text) for text in asked)))
    if not 1 <= len(ids) <= conf.max_prompts():
        raise in_field("task_ids", f"from 1 to {conf.max_prompts()} ids can be shown at once, not {len(ids)}")
    return ids


def _readable(text: str) -> str:
    """Return what was sent as an id so that it can be shown again: half a surrogate pair cannot."""
    return text.encode(errors="replace").decode()


def _entry(card: Card) -> ShownShape:
    return {
        "task_id": card.task_id,
        "prompt": card.prompt,
        "state": card.state,
        "why": card.why,
        "image_url": card.image_url,
        "thumbnail_url": card.thumbnail_url,
        "seed": card.seed,
    }
