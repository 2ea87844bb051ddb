"""What drf-spectacular cannot see: doors that are no views of Django REST Framework, described by hand."""

from typing import Any, NotRequired, TypedDict

from imagegen import prompts
from imagegen.api.events import EventShape
from imagegen.api.problems import TYPE
from imagegen.api.random_image import LONGEST_WAIT, RandomShape
from imagegen.api.schema import ProblemShape, of_shape


class GenerationsBody(TypedDict):
    """What OpenAI's SDKs send; more of their options are taken where they make no difference."""

    prompt: str
    model: NotRequired[str | None]
    n: NotRequired[int | None]
    size: NotRequired[str | None]
    quality: NotRequired[str | None]
    style: NotRequired[str | None]
    response_format: NotRequired[str | None]
    user: NotRequired[str | None]
    seed: NotRequired[int | None]
    negative_prompt: NotRequired[str | None]
    aspect_ratio: NotRequired[str | None]


class Picture(TypedDict):
    """One picture, in the format that was asked for, or in both."""

    b64_json: NotRequired[str]
    url: NotRequired[str]


class Generations(TypedDict):
    """The pictures."""

    created: int
    data: list[Picture]


class Model(TypedDict):
    """What can draw."""

    id: str
    object: str
    created: int
    owned_by: str


class Models(TypedDict):
    """All that can draw."""

    object: str
    data: list[Model]


class Fault(TypedDict):
    """What went wrong, in OpenAI's words."""

    message: str
    type: str
    param: str | None
    code: str | None


class Error(TypedDict):
    """An error as OpenAI's SDKs read it."""

    error: Fault


class Health(TypedDict):
    """One word, and beside it what each part says."""

    status: str


def add(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """Add these doors to the schema that was made of the others."""
    error = _json("What went wrong", Error)
    generations = {
        "operationId": "openai_generations",
        "summary": "Make pictures and wait for them, as OpenAI does",
        "tags": ["v1"],
        "requestBody": {"required": True, "content": _content(GenerationsBody)},
        "responses": {"200": _json("The pictures", Generations), "default": error},
    }
    chance = {
        "tags": ["apis"],
        "parameters": [
            {"name": "wait", "in": "query", "schema": {"type": "number", "minimum": 0, "maximum": LONGEST_WAIT}},
            {"name": "writer", "in": "query", "schema": {"type": "string", "enum": prompts.ready()}},
        ],
        "responses": {
            "200": _json("The picture, or why there is none", RandomShape),
            "202": _json("The picture is still to come", RandomShape),
            "default": {"description": "Any error", "content": {TYPE: {"schema": of_shape(ProblemShape)}}},
        },
    }
    events = {
        "operationId": "events",
        "summary": "One's own jobs as they change, as server-sent events",
        "tags": ["api"],
        "parameters": [{"name": "Last-Event-ID", "in": "header", "schema": {"type": "string"}}],
        "responses": {
            "200": {"description": EventShape.__doc__, "content": {"text/event-stream": {"schema": {"type": "string"}}}},
            "default": {"description": "Any error", "content": {TYPE: {"schema": of_shape(ProblemShape)}}},
        },
    }
    result["paths"] |= {
        "/api/events": {"get": events},
        "/apis/generate-image": {
            method: {"operationId": f"{method}_random_image", "summary": "Draw what a line becomes by chance", **chance}
            for method in ("get", "post")
        },
        "/v1/images/generations": {"post": generations},
        "/v1/models": {"get": _get("openai_models", "What can draw, as OpenAI lists it", {"200": Models, "default": Error})},
        "/healthz": {"get": _get("healthz", "Whether it answers", {"200": Health})},
        "/readyz": {"get": _get("readyz", "Whether pictures can be made", {"200": Health, "503": Health})},
    }
    return result


def _get(name: str, summary: str, answers: dict[str, object]) -> dict[str, Any]:
    responses = {status: _json(summary, shape) for status, shape in answers.items()}
    return {"operationId": name, "summary": summary, "tags": [name.split("_")[0]], "responses": responses}


def _json(description: str, shape: object) -> dict[str, Any]:
    return {"description": description, "content": _content(shape)}


def _content(shape: object) -> dict[str, Any]:
    return {"application/json": {"schema": of_shape(shape)}}
