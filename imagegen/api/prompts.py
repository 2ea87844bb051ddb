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
from imagegen.writers.base import MAX_COUNT, MAX_THEME

USUAL_COUNT = 10


class WrittenShape(TypedDict):
    """What a writer wrote; the same seed writes the same again."""

    writer: str
    theme: str
    seed: int
    prompts: list[str]


class PromptsAsked(Query):
    """How many prompts, about what, by whom; without a seed, one is drawn."""

    writer = serializers.CharField(required=False, help_text="One of PROMPT_WRITERS; the default unless it is said.")
    count = serializers.IntegerField(required=False, min_value=1, max_value=MAX_COUNT, default=USUAL_COUNT)
    theme = serializers.CharField(required=False, max_length=MAX_THEME)
    seed = serializers.IntegerField(required=False, min_value=1, max_value=MAX_SEED)


class Prompts(APIView):
    """POST /api/prompts: `{"count": 20, "theme": "the sea at night"}`; nothing is drawn."""

    parser_classes = (JSONObjectParser,)

    @describe("write_prompts", "Have prompts written", {200: WrittenShape}, body=PromptsAsked)
    def post(self, request: Request) -> Response:
        accounts.check_may_submit(request.user)
        asked = PromptsAsked.read(cast(dict[str, Any], request.data))
        written = prompts.write(asked.pop("count"), **asked)
        answer: WrittenShape = {
            "writer": written.writer,
            "theme": written.theme,
            "seed": written.seed,
            "prompts": written.prompts,
        }
        return Response(answer)
