"""The dialect of Django Text_to_Image: POST /api/generate_image/ asks for pictures, GET hands them out as base64.

In a browser it is Django REST Framework's own page, with a form.
"""

import base64
from dataclasses import replace
from datetime import datetime
from typing import Any, TypedDict, cast
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from imagegen import accounts, storage, submission
from imagegen.accounts import Viewer
from imagegen.api.docs import with_styles_inside
from imagegen.api.parsers import JSONObjectParser
from imagegen.api.problems import in_field
from imagegen.api.query import Query
from imagegen.api.schema import describe
from imagegen.errors import BadSubmission, StorageUnavailable
from imagegen.items import Item
from imagegen.models import Job

SOURCE = "generate-image"
FIELDS = ("text_prompts", "image_size")
EXAMPLES = ["A red flying dog", "A husky ninja", "A footballer kid"]
# Each picture is a megabyte or two, and a third more as base64.
USUAL_LIMIT, LARGEST_LIMIT = 20, 50


class Asked(serializers.Serializer[Any]):
    """What the page's form begins with; `submission` says what is wrong with what comes."""

    text_prompts = serializers.ListField(child=serializers.CharField(), initial=EXAMPLES)
    image_size = serializers.CharField(initial="1024x1024", required=False)


class AcceptedShape(TypedDict):
    """What was asked for, by one id and by one for each picture."""

    message: str
    request_id: str
    task_ids: list[str]


class PictureShape(TypedDict):
    """One picture; `image_data` is its file in base64."""

    id: str
    text_prompt: str
    image_data: str
    created_at: datetime
    content_type: str
    request_id: str


class Wanted(Query):
    """Which pictures to list."""

    limit = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_LIMIT)
    request_id = serializers.UUIDField(required=False)


@with_styles_inside
class GenerateImage(APIView):
    """`{"text_prompts": ["A red flying dog", …], "image_size": "1024x1024"}` makes a picture for each.

    GET lists pictures, the newest first: `limit` (20, at most 50) and `request_id`, for those of one request.
    """

    parser_classes = (JSONObjectParser,)
    renderer_classes = (JSONRenderer, BrowsableAPIRenderer)

    def get_serializer(self, **options: Any) -> Asked:
        """Return what the page's form is made of."""
        return Asked(**options)

    @describe("generate_image", "Make pictures, as Django Text_to_Image does", {202: AcceptedShape}, body=Asked)
    def post(self, request: Request) -> Response:
        texts, size = _asked(cast(dict[str, Any], request.data))
        key = request.headers.get("Idempotency-Key", "")
        try:
            items = [Item(prompt=text, size=size) for text in texts]
            made = submission.submit(items, viewer=request.user, source=SOURCE, key=key)
        except BadSubmission as error:
            raise BadSubmission([replace(each, field=_named(each.field)) for each in error.problems]) from error
        body = {
            "message": f"Image generation request submitted: {len(made.jobs)} pictures are on their way.",
            "request_id": str(made.batch),
            "task_ids": [str(job) for job in made.jobs],
        }
        return Response(body, status=202)

    @describe("generated_images", "Pictures as base64, the newest first", {200: list[PictureShape]}, asked=Wanted)
    def get(self, request: Request) -> Response:
        accounts.check_may_read(request.user)
        wanted = Wanted.read(request.query_params)
        found = _pictures(request.user, wanted.get("request_id"))
        newest = found.order_by("-created", "-position")[: wanted.get("limit", USUAL_LIMIT)]
        return Response([entry for job in newest if (entry := _entry(job))])


def _asked(body: dict[str, Any]) -> tuple[list[object], object]:
    for name in body:
        if name not in FIELDS:
            raise in_field(name[:60], f"is not known here; there are {' and '.join(FIELDS)}")
    texts = body.get("text_prompts")
    if not isinstance(texts, list):
        raise in_field("text_prompts", 'must be a list of texts, like ["A red flying dog", "A husky ninja"]')
    return texts, body.get("image_size")


def _named(field: str) -> str:
    return {"prompt": "text_prompts", "size": "image_size"}.get(field, field)


def _pictures(viewer: Viewer, request_id: UUID | None) -> QuerySet[Job]:
    """Return finished jobs: of one request for whoever knows its id, else one's own.

    What nobody owns opens to whoever knows its id. Here nobody is asked for it, so without one people without a name see
    only what was asked for at this door, and only where everybody may do everything.
    """
    finished = Job.objects.filter(deleted_at=None).exclude(picture="")
    if request_id:
        return finished.filter(accounts.may_see(viewer), batch=request_id)
    theirs = finished.filter(accounts.is_theirs(viewer))
    return theirs if viewer.is_authenticated else theirs.filter(batch__source=SOURCE)


def _entry(job: Job) -> PictureShape | None:
    """Return one picture; None where its file is gone. Nothing else of the list is lost for it."""
    try:
        body = storage.read(job.picture)
    except (FileNotFoundError, StorageUnavailable):
        return None
    return {
        "id": str(job.pk),
        "text_prompt": job.prompt,
        "image_data": base64.b64encode(body).decode(),
        "created_at": job.created,
        "content_type": job.content_type,
        "request_id": str(job.batch_id),
    }
