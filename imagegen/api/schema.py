"""The schema of our own API: made of the shapes that the code itself is checked against."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NotRequired, TypedDict, TypeVar, is_typeddict

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.plumbing import resolve_type_hint
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.serializers import Serializer

from imagegen.api.problems import TYPE

View = TypeVar("View", bound=Callable[..., Any])
Bodies = Mapping[str, object]


IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, description="The same key and body bring the first answer again."
)


class FaultShape(TypedDict):
    """One thing wrong with what was sent; `position` is that of the item, from 0, where it is about one."""

    field: str
    message: str
    position: NotRequired[int]


class ProblemShape(TypedDict):
    """Any error, as RFC 9457 has it; `errors` names each field that is wrong."""

    type: str
    title: str
    status: int
    detail: str
    errors: NotRequired[list[FaultShape]]


def describe(
    name: str,
    summary: str,
    answers: Mapping[int | tuple[int | str, str], object],
    *,
    body: object = None,
    asked: type[Serializer[Any]] | None = None,
    headers: Sequence[OpenApiParameter] = (),
) -> Callable[[View], View]:
    """Say what a method answers with, by status, and what it takes: a body (or several, by media type) and a query.

    `name` is the operation's own, for clients that are made of the schema. Every other answer is a problem.
    """
    parameters: list[Any] = [*([asked] if asked else []), *headers]
    responses: dict[Any, object] = {("default", TYPE): ProblemShape, **answers}
    return extend_schema(operation_id=name, summary=summary, request=body, responses=responses, parameters=parameters)


def without_slashes(endpoints: list[tuple[str, str, str, Any]], **_: object) -> list[tuple[str, str, str, Any]]:
    """Spell each address as the documents do; the slash at its end is for clients that send one."""
    return [(path.rstrip("/") or "/", regex, method, view) for path, regex, method, view in endpoints]


def of_shape(shape: object) -> dict[str, Any]:
    """Return the schema of a TypedDict."""
    schema: dict[str, Any] = _as_in_31(resolve_type_hint(shape))  # type: ignore[no-untyped-call]
    return schema


def _as_in_31(schema: Any) -> Any:
    """Spell what may be null as OpenAPI 3.1 does; drf-spectacular does so for serializers alone."""
    if isinstance(schema, list):
        return [_as_in_31(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    spelled = {name: _as_in_31(value) for name, value in schema.items() if name != "nullable"}
    if not schema.get("nullable"):
        return spelled
    if "type" in spelled and "enum" not in spelled:
        return {**spelled, "type": [spelled["type"], "null"]}
    return {"anyOf": [spelled, {"type": "null"}]}


class _Shape(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Lets a TypedDict stand where drf-spectacular wants a serializer."""

    @classmethod
    def _matches(cls, target: Any) -> bool:
        return is_typeddict(target)

    def get_name(self, auto_schema: Any, direction: Any) -> str:
        return str(self.target.__name__).removesuffix("Shape")

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        return of_shape(self.target)
