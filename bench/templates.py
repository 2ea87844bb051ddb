"""What templates cost in CPU: to draw of one, and to read one for each row of a table, beside what others take."""

import time
import warnings
from collections.abc import Callable
from statistics import median
from typing import Any

from dynamicprompts.generators import RandomPromptGenerator
from dynamicprompts.wildcards import WildcardManager

from bench.figures import Figure, spread
from imagegen import template_signs
from imagegen.expansion import Template
from imagegen.template_decks import Book

TIMES = 1000
LISTS = {
    "animals": [
        f"a {coat} {animal}" for coat in ("red", "grey", "white") for animal in ("fox", "owl", "bear", "hare", "elk")
    ],
    "places": [
        f"{place} at {hour}" for place in ("on a pier", "in a forest", "on a roof") for hour in ("dawn", "dusk", "noon")
    ],
}
TEMPLATE = (
    "{3::a photograph|an oil painting|a {pencil|charcoal} drawing} of __animals__ __places__, "
    "{2$$ and $$soft light|falling snow|a paper kite|drifting smoke}, {muted|vivid} colors"
)
ROW = "{{kind}} of {{animal}} {3::at dawn|at dusk|in {snow|rain}}, {2$$soft light|fine grain|deep shadows}"
ROW_FORMAT = "{kind} of {animal} at dawn, soft light,fine grain"
# So many of these are no template, which shows only at the end of the text.
UNFINISHED = "{2$$a|"


def measure(repeat: int) -> list[Figure]:
    return [
        _compared(
            f"{TIMES} prompts drawn of one template over dynamicprompts", _ours, "dynamicprompts", _theirs(), repeat, most=1
        ),
        _compared(
            f"{TIMES} rows of a table, a template each, over str.format", _read_rows, "str.format", _format_rows, repeat
        ),
        _growth(repeat),
    ]


def _ours() -> None:
    template = Template(TEMPLATE, Book(LISTS.get))
    for seed in range(TIMES):
        template.draw(seed)


def _theirs() -> Callable[[], object]:
    lists: Any = {"": [LISTS]}
    generator = RandomPromptGenerator(wildcard_manager=WildcardManager(root_map=lists), seed=1)
    with warnings.catch_warnings():
        # It builds its parser with names that pyparsing has given up.
        warnings.simplefilter("ignore", DeprecationWarning)
        generator.generate(TEMPLATE, 1)
    return lambda: generator.generate(TEMPLATE, TIMES)


def _cells(row: int) -> dict[str, str]:
    return {"kind": f"photograph {row}", "animal": f"fox {row}"}


def _read_rows() -> None:
    book = Book(LISTS.get)
    for row in range(TIMES):
        Template(ROW, book, _cells(row)).draw(row)


def _format_rows() -> None:
    for row in range(TIMES):
        ROW_FORMAT.format(**_cells(row))


def _compared(
    name: str, ours: Callable[[], object], who: str, theirs: Callable[[], object], repeat: int, *, most: float | None = None
) -> Figure:
    """Measure both in turn, so that whatever else the machine does meets both."""
    taken = [(_seconds(ours), _seconds(theirs)) for _ in range(repeat)]
    mine, other = (median(side) * 1000 for side in zip(*taken, strict=True))
    ratios = spread(one / another for one, another in taken)
    return Figure(name, mine / other, most, beside=f"{mine:.1f} ms; {who} {other:.2f} ms; {ratios}")


def _growth(repeat: int) -> Figure:
    short, long = (UNFINISHED * (length // len(UNFINISHED)) for length in (10_000, 40_000))
    taken = [
        (_seconds(lambda: template_signs.read(long)), _seconds(lambda: template_signs.read(short))) for _ in range(repeat)
    ]
    more, less = (median(side) * 1000 for side in zip(*taken, strict=True))
    name = "reading 40000 characters of signs that begin and never end, over 10000"
    return Figure(name, more / less, 10, beside=f"{more:.0f} ms and {less:.0f} ms")


def _seconds(act: Callable[[], object]) -> float:
    begun = time.process_time()
    act()
    return time.process_time() - begun
