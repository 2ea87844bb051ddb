"""OpenAI's image API, as its SDKs speak it: POST /v1/images/generations answers when the pictures are there.

Waiting takes no thread that others need, and a client that goes away loses nothing: its pictures are made. An SDK tries
again by itself; what it sends a second time joins the first, so that nothing is bought twice. OpenAI's own say so; of others
it is taken to be the same where the first got no picture a moment ago, or was not waited for.
"""

import asyncio
import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from imagegen import accounts, addresses, queries, storage, submission
from imagegen.accounts import Viewer
from imagegen.api import repeats
from imagegen.api.awaited import database, until_ended
from imagegen.errors import BadSubmission, Conflict, NotAllowed, StorageUnavailable
from imagegen.items import Item
from imagegen.models import Job
from imagegen.providers import registry
from imagegen.queries import Card
from imagegen.states import State

SOURCE = "openai-images"
MOST_PICTURES = 10
FORMATS = ("b64_json", "url")
# What OpenAI's SDKs may send that is no matter here: who the end user is, and what every picture is like anyway.
HARMLESS: Mapping[str, tuple[object, ...]] = {
    "background": ("auto", "opaque"),
    "moderation": ("auto", "low"),
    "output_format": ("png",),
    "stream": (False,),
}
# DALL-E's, which is gone.
GONE_STYLES = ("vivid", "natural")
OPTIONS = ("size", "quality", "style", "seed", "n", "negative_prompt", "aspect_ratio")
IGNORED = ("user", "safety_identifier")


class _Refusal(Exception):
    """What a client is told instead of pictures, in OpenAI's shape."""

    def __init__(self, status: int, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        kind = "invalid_request_error" if status < 500 else "server_error"
        body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
        # The SDKs would send the same again: what was accepted is here, and what is wrong stays wrong.
        self.response = JsonResponse(body, status=status, headers={"x-should-retry": "false"})


@dataclass(frozen=True)
class _Asked:
    """What a body asks for, and whether its client says that it was sent before; None from clients that never say."""

    item: Item
    response_format: str
    is_repeated: bool | None


@csrf_exempt
@require_http_methods(["POST"])
async def generations(request: HttpRequest) -> JsonResponse:
    """Make pictures and wait for them."""
    try:
        viewer = await request.auser()
        _check_may_submit(viewer)
        asked = _read(request)
        jobs = await _made(asked, viewer)
        base_url = addresses.base_url(request)
        return await database.ask(lambda: _answer(jobs, asked.response_format, viewer, base_url))
    except _Refusal as refusal:
        return refusal.response


@csrf_exempt
@require_safe
async def models(request: HttpRequest) -> JsonResponse:
    """List what can draw, as `provider/model`; a provider's name alone stands for its first model."""
    viewer = await request.auser()
    try:
        accounts.check_may_read(viewer)
    except NotAllowed as error:
        return _Refusal(401, str(error), code="invalid_api_key").response
    listed = [f"{name}/{model.name}" for name in registry.ready() for model in registry.get(name).models]
    names = [*registry.ready(), *listed]
    return JsonResponse(
        {"object": "list", "data": [{"id": name, "object": "model", "created": 0, "owned_by": "chaotix"} for name in names]}
    )


def _read(request: HttpRequest) -> _Asked:
    """Return what is asked for; raise _Refusal where it cannot be understood."""
    if request.content_type != "application/json":
        # Also because a page of another site may send any other type without asking.
        raise _Refusal(415, "The body must be application/json.")
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise _Refusal(400, "The body is not JSON.") from error
    if not isinstance(body, dict):
        raise _Refusal(400, "The body must be an object with a prompt.")
    wanted = body.get("response_format") or ""
    if wanted and wanted not in FORMATS:
        raise _Refusal(400, f"response_format is not one of {', '.join(FORMATS)}.", param="response_format")
    _check_known(body)
    repeats = request.headers.get("x-stainless-retry-count")
    return _Asked(_item(body), wanted, repeats != "0" if repeats else None)


def _check_known(body: Mapping[str, Any]) -> None:
    known = {"prompt", "model", "response_format", *OPTIONS, *IGNORED}
    for name, value in body.items():
        if name in HARMLESS and (value is None or value in HARMLESS[name]):
            continue
        if name in HARMLESS:
            words = ", ".join(json.dumps(word) for word in HARMLESS[name])
            raise _Refusal(400, f"{name} can only be {words} here.", param=name)
        if name not in known:
            raise _Refusal(400, f"{name[:60]} is not known here.", param=name[:60])


def _item(body: Mapping[str, Any]) -> Item:
    provider, model = _maker(body.get("model"))
    options = {name: body.get(name) for name in OPTIONS}
    if options["style"] in GONE_STYLES:
        options["style"] = None
    count = options["n"]
    if isinstance(count, int) and not isinstance(count, bool) and not 1 <= count <= MOST_PICTURES:
        raise _Refusal(400, f"n is {count}: from 1 to {MOST_PICTURES} pictures can be asked for.", param="n")
    return Item(prompt=body.get("prompt"), provider=provider, model=model, **options)


def _maker(asked: object) -> tuple[str | None, str | None]:
    """Return provider and model out of `provider`, `provider/model`, or the name of a model that one provider has."""
    if asked is None or asked == "":
        return None, None
    if not isinstance(asked, str):
        raise _Refusal(400, "model must be text.", param="model")
    provider, _, model = asked.partition("/")
    if provider in registry.names():
        return provider, model or None
    for name in registry.ready():
        if any(known.name == asked for known in registry.get(name).models):
            return name, asked
    raise _Refusal(404, f"The model {asked[:60]!r} does not exist; GET /v1/models lists all.", code="model_not_found")


def _check_may_submit(viewer: Viewer) -> None:
    try:
        accounts.check_may_submit(viewer)
    except NotAllowed as error:
        raise _Refusal(401, str(error), code="invalid_api_key") from error


async def _made(asked: _Asked, viewer: Viewer) -> list[UUID]:
    """Ask for the pictures and return their jobs when all have ended; note whose client does not wait for it."""
    submitted = asyncio.ensure_future(database.ask(partial(_submit, asked, viewer)))
    try:
        jobs = await asyncio.shield(submitted)
        await until_ended(jobs)
    except asyncio.CancelledError:
        await database.ask(partial(repeats.leave, asked.item, viewer, await submitted, is_repeated=asked.is_repeated))
        raise
    return jobs


def _submit(asked: _Asked, viewer: Viewer) -> list[UUID]:
    """Ask for the pictures, or join the request that asked for the same before."""
    try:
        before = repeats.asked_before(asked.item, viewer, source=SOURCE, is_repeated=asked.is_repeated)
        return before or submission.submit([asked.item], viewer=viewer, source=SOURCE).jobs
    except BadSubmission as error:
        problem = error.problems[0]
        raise _Refusal(
            400, "; ".join(f"{each.field}: {each.message}" for each in error.problems), param=problem.field
        ) from error
    except Conflict as error:
        raise _Refusal(409, str(error)) from error


def _answer(jobs: list[UUID], response_format: str, viewer: Viewer, base_url: str) -> JsonResponse:
    """Return the pictures; where one is missing, why: the others stay in the history."""
    cards = queries.cards([str(job) for job in jobs], viewer, base_url=base_url)
    for card in cards:
        if not card.has_picture:
            raise _missing(card)
    created = max((int(card.created.timestamp()) for card in cards if card.created), default=0)
    names = dict(Job.objects.filter(pk__in=jobs).values_list("pk", "picture"))
    data = [_picture(card, names[UUID(card.task_id)], response_format) for card in cards]
    return JsonResponse({"created": created, "data": data})


def _picture(card: Card, name: str, response_format: str) -> dict[str, str | None]:
    """Return one picture in the format asked for; in both where none was, because clients look for either."""
    entry: dict[str, str | None] = {}
    if response_format != "url":
        try:
            entry["b64_json"] = base64.b64encode(storage.read(name)).decode()
        except (FileNotFoundError, StorageUnavailable) as error:
            raise _Refusal(502, f"The picture is made and cannot be read now; it is task {card.task_id}.") from error
    if response_format != "b64_json":
        entry["url"] = card.image_url
    return entry


def _missing(card: Card) -> _Refusal:
    """Return what to say of a picture that did not come."""
    why = f"{card.why or card.label} (task {card.task_id})"
    match card.state:
        case State.REFUSED:
            return _Refusal(400, why, code="moderation_blocked")
        case State.UNKNOWN:
            return _Refusal(502, why, code="outcome_unknown")
        case State.CANCELED:
            return _Refusal(409, why, code="canceled")
    return _Refusal(502, why, code="failed")
