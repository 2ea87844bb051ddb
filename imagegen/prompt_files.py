"""Files of prompts: plain text with one on each line, CSV with named columns, or JSON Lines.

What a prompt and its options may be is not decided here: `items` does that, wherever they come from.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, cast

from imagegen import texts
from imagegen.errors import BadSubmission, Problem

# What a cell of a CSV file is read as where it is no text.
_NUMBERS = ("n", "seed")


@dataclass(frozen=True)
class Line:
    """One prompt of a file: a text, or an object with its options, and the line where it begins, from 1."""

    number: int
    prompt: object


def read(body: bytes, kind: str, *, needs_prompts: bool = True) -> list[Line]:
    """Return the prompts of a file of one of KINDS. Raises BadSubmission, naming the line.

    A table may have no column `prompt` where one template is for all of its rows. An empty cell is None.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = body.count(b"\n", 0, error.start) + 1
        raise _wrong(f"line {number}: the file is not UTF-8 text") from error
    lines = list(KINDS[kind](text))
    if needs_prompts and kind == "csv" and lines and "prompt" not in cast(dict[str, object], lines[0].prompt):
        raise _wrong("line 1: names the columns, and one of them must be prompt")
    return lines


def _plain(text: str) -> Iterator[Line]:
    for number, line in enumerate(texts.lines(text), 1):
        if line.strip():
            yield Line(number, line.strip())


def _csv(text: str) -> Iterator[Line]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = [column.strip() for column in next(reader, [])]
        _check_columns(columns)
        begins = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield Line(begins, _row(columns, cells, begins))
            begins = reader.line_num + 1
    except csv.Error as error:
        raise _wrong(f"line {reader.line_num}: this is not CSV ({error})") from error


def _check_columns(columns: list[str]) -> None:
    if twice := next((column for column in columns if columns.count(column) > 1), None):
        raise _wrong(f"line 1: there are two columns {twice[:60]!r}")


def _row(columns: list[str], cells: list[str], number: int) -> dict[str, object]:
    if len(cells) > len(columns):
        raise _wrong(f"line {number}: has {len(cells)} cells, and there are {len(columns)} columns")
    return {column: _cell(column, cell) for column, cell in zip_longest(columns, cells, fillvalue="")}


def _cell(column: str, cell: str) -> object:
    """Return a cell's value, None where it is empty; what should be a number stays as it is, for others to name."""
    if not cell.strip():
        return None
    return int(cell) if column in _NUMBERS and re.fullmatch(r"\s*-?[0-9]{1,19}\s*", cell) else cell


def _json_lines(text: str) -> Iterator[Line]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield Line(number, _value(line, number))


def _value(line: str, number: int) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _wrong(f"line {number}: this is not JSON ({error})") from error


def _wrong(message: str) -> BadSubmission:
    return BadSubmission([Problem("file", message)])


# How each kind is read, by the last part of a file's name.
KINDS: dict[str, Callable[[str], Iterator[Line]]] = {"txt": _plain, "csv": _csv, "jsonl": _json_lines}
