"""Whom a line of the log is about; and lines as JSON, for machines that collect them."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

_ids: ContextVar[Mapping[str, str]] = ContextVar("ids", default={})  # noqa: B039  (never changed, only replaced)


@contextmanager
def about(**ids: object) -> Iterator[None]:
    """Let every line that is logged meanwhile, in this thread or this task, carry these ids."""
    before = _ids.set({**_ids.get(), **{name: str(value) for name, value in ids.items()}})
    try:
        yield
    finally:
        _ids.reset(before)


def facts(**values: object) -> dict[str, Any]:
    """Return what a log call takes as `extra`, so that its line of JSON has these fields, too."""
    return {"facts": values}


class JsonFormatter(logging.Formatter):
    """Writes each record as one line of JSON, with its ids and its facts.

    What libraries attach to their records stays out: a request with its query, say, in which a prompt may stand.
    """

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_ids.get(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)
