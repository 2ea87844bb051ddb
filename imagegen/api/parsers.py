"""Reading JSON bodies so that whatever comes is understood or refused, and never a server error."""

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


class JSONObjectParser(JSONParser):
    """A JSON object as UTF-8; nesting that exhausts the stack is bad input like any other."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        try:
            body = super().parse(stream, media_type, {**(parser_context or {}), "encoding": "utf-8"})
        except RecursionError as error:
            raise ParseError("JSON parse error - nested too deeply") from error
        if not isinstance(body, dict):
            raise ParseError('JSON parse error - the body must be an object, like {"text": ["A piano ninja"]}')
        return body
