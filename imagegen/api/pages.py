"""Lists a page at a time, from where the last page ended, however many came in between."""

from django.utils.dateparse import parse_datetime
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

from imagegen.api.query import Query

USUAL, MOST = 20, 100


class NewestFirst(CursorPagination):
    """What was asked for last comes first; `cursor` says where to go on."""

    ordering = ("-created", "-pk")
    page_size = USUAL
    page_size_query_param = "limit"
    max_page_size = MOST

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Return where to go on; a moment that is none would reach the database."""
        cursor = super().decode_cursor(request)
        if cursor and cursor.position and not _is_moment(str(cursor.position)):
            raise NotFound(self.invalid_cursor_message)
        return cursor


class Paged(Query):
    """What the address of any list may say."""

    limit = serializers.IntegerField(required=False, min_value=1, max_value=MOST, help_text=f"{USUAL} unless it is said.")
    cursor = serializers.CharField(
        required=False, trim_whitespace=False, help_text="From `next` or `previous` of another page."
    )


def _is_moment(text: str) -> bool:
    try:
        return parse_datetime(text) is not None
    except ValueError:
        return False
