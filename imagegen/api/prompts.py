"""POST /api/prompts: prompts from a writer, to be looked at before anything is drawn."""

from typing import Any, TypedDict, cast

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from imagegen import accounts, prompts
from imagegen.api.parsers import JSONObjectParser
from imagegen.api.query import Query
from imagegen.api.schema import describe
from imagegen.providers.base import MAX_SEED
from imagegen.writers.base import MAX_COUNT, MAX_LINES, MAX_THEME

USUAL_COUNT = 10
# In characters: as long as a prompt may be.
MAX_LINE = 10_000


class WrittenShape(TypedDict):
    """What a writer wrote; `short` says why there are fewer prompts than asked for, and is null where there are not."""

    writer: str
    theme: str
    seed: int
    prompts: list[str]
    short: str | None


class PromptsAsked(Query):
    """How many prompts, about what, by whom, or which lines to make fuller ones of; without a seed, one is drawn."""

    writer = serializers.CharField(required=False, help_text="One of PROMPT_WRITERS; the default unless it is said.")
    count = serializers.IntegerField(required=False, min_value=1, max_value=MAX_COUNT, default=USUAL_COUNT)
    theme = serializers.CharField(required=False, max_length=MAX_THEME)
    improve = serializers.ListField(
        child=serializers.CharField(max_length=MAX_LINE), required=False, min_length=1, max_length=MAX_LINES
    )
    seed = serializers.IntegerField(required=False, min_value=1, max_value=MAX_SEED)


class Prompts(APIView):
    """POST /api/prompts: `{"count": 20, "theme": "the sea at night"}`; nothing is drawn."""

    parser_classes = (JSONObjectParser,)

    @describe("write_prompts", "Have prompts written", {200: WrittenShape}, body=PromptsAsked)
    def post(self, request: Request) -> Response:
        accounts.check_may_submit(request.user)
        asked = PromptsAsked.read(cast(dict[str, Any], request.data))
        lines, count = asked.pop("improve", None), asked.pop("count")
        if lines:
            asked.pop("theme", None)
            written = prompts.carry_on(lines, viewer=request.user, **asked)
        else:
            written = prompts.write(count, viewer=request.user, **asked)
        answer: WrittenShape = {
            "writer": written.writer,
            "theme": written.theme,
            "seed": written.seed,
            "prompts": written.prompts,
            "short": written.short or None,
        }
        return Response(answer)
