"""Prompts that a machine writes: a list about a theme, or fuller ones out of lines that somebody began.

A call that costs money is written down before it is made, as one for a picture is, and counts towards the day's limit. A
writer that fails says so: nobody else takes its place.
"""

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from imagegen import conf, desk, ledger, pauses, readiness, texts
from imagegen.accounts import Viewer
from imagegen.errors import BadSubmission, Problem, ProviderError, Unavailable, WriterFailed
from imagegen.ledger import Receipt
from imagegen.providers.base import MAX_SEED
from imagegen.states import Charged
from imagegen.writers import registry
from imagegen.writers.base import MAX_LINES, MAX_THEME, PromptWriter, Writing
from imagegen.writers.starts import STARTS

log = logging.getLogger(__name__)
# A machine that wrote fewer prompts than asked for is asked for the rest; so often in all.
ASKS = 3
# The longest line that is carried on, in characters.
MAX_LINE = 2_000


@dataclass(frozen=True)
class Written:
    """What a writer wrote; where the writer promises it, the same seed writes the same again.

    `short` says why there are fewer prompts than asked for, and is empty where there are not.
    """

    writer: str
    theme: str
    seed: int
    prompts: list[str]
    short: str = ""


def write(count: int, *, viewer: Viewer, writer: str = "", theme: str = "", seed: int | None = None) -> Written:
    """Return so many different prompts, by the default writer where none is named. Raises BadSubmission or WriterFailed."""
    name = writer or registry.default()
    author = _writer(name)
    if not 1 <= count <= author.most:
        raise BadSubmission([Problem("count", f"{count} is out of range: {name} writes 1 to {author.most} at once")])
    _check_text("theme", theme, MAX_THEME)
    seed = random.randint(1, MAX_SEED) if seed is None else seed
    prompts, why = _written(name, author, viewer, count, theme, seed)
    short = f"{name} wrote {len(prompts)} of {count} prompts.{why}" if len(prompts) < count else ""
    return Written(name, theme, seed, prompts, short)


def carry_on(lines: Sequence[str], *, viewer: Viewer, writer: str = "", seed: int | None = None) -> Written:
    """Return a fuller prompt for each line, in their order. Raises BadSubmission or WriterFailed."""
    name = writer or registry.default()
    author = _writer(name)
    if not 1 <= len(lines) <= MAX_LINES:
        raise BadSubmission([Problem("prompts", f"{len(lines)} cannot be improved at once; 1 to {MAX_LINES} can")])
    for line in lines:
        _check_text("prompts", line, MAX_LINE)
    seed = random.randint(1, MAX_SEED) if seed is None else seed
    return Written(name, "", seed, _asked(name, author, viewer, "carry_on", list(lines), seed))


def begun_by_chance(*, viewer: Viewer, writer: str = "") -> tuple[str, str]:
    """Return a line of STARTS, and the prompt that a writer makes of it. Raises BadSubmission or WriterFailed."""
    start = random.choice(STARTS)
    [prompt] = carry_on([start], viewer=viewer, writer=writer).prompts
    return start, prompt


def ready() -> list[str]:
    """Return the names of the writers that could write now, the default first."""
    return [name for name, author in registry.made() if not author.not_configured()]


def instead_of(writer: str) -> str:
    """Return the name of a writer that costs nothing, to be offered where this one fails; empty where there is none."""
    return next((name for name in ready() if name != writer and registry.get(name).is_free), "")


def _written(name: str, author: PromptWriter, viewer: Viewer, count: int, theme: str, seed: int) -> tuple[list[str], str]:
    """Return what a writer writes when asked for the rest again, and why it stopped; what is paid is never lost."""
    prompts: dict[str, None] = {}
    for ask in range(ASKS):
        try:
            prompts |= dict.fromkeys(_asked(name, author, viewer, "write", count - len(prompts), theme, seed + ask))
        except WriterFailed as error:
            if not prompts:
                raise
            return list(prompts), f" {error}"
        if len(prompts) == count:
            break
    return list(prompts), ""


def _asked(name: str, author: PromptWriter, viewer: Viewer, method: str, *arguments: object) -> list[str]:
    """Return what a writer writes when asked once, here or in the worker that it belongs to. Raises WriterFailed."""
    ask = (
        partial(desk.ask, author.queue, name, method, arguments)
        if author.queue
        else partial(getattr(author, method), *arguments)
    )
    try:
        _check_somebody_listens(author)
        return (ask() if author.is_free else _paid(name, author, viewer, ask)).prompts
    except ProviderError as error:
        log.warning("writer %s: %s", name, error)
        raise WriterFailed(name, f"The writer {name!r} wrote nothing. {error}", error.code) from error


def _check_somebody_listens(author: PromptWriter) -> None:
    if author.queue and not readiness.threads_by_queue()[conf.queue_name(author.queue)]:
        raise Unavailable(f"No worker of the kind {author.queue!r} is listening.")


def _paid(name: str, author: PromptWriter, viewer: Viewer, ask: Callable[[], Writing]) -> Writing:
    """Make one call that costs money, written down before and after."""
    if stopped := pauses.stopped_by():
        raise WriterFailed(name, stopped, "stopped")
    attempt = ledger.open_writing(provider=f"writer:{name}", model=author.model, asked_by=viewer.pk)
    if attempt is None:
        raise WriterFailed(name, "No more calls that cost money may be made today.", "daily_limit")
    try:
        writing = ask()
    except ProviderError as error:
        receipt = Receipt(error.http_status, error.request_id[:200], usage=dict(error.usage))
        ledger.close(attempt, error.code, error.charged, receipt)
        raise
    except Exception:
        ledger.close(attempt, "bug", Charged.UNKNOWN, Receipt())
        raise
    ledger.close(attempt, "succeeded", Charged.YES, Receipt(200, writing.request_id[:200], usage=writing.usage))
    return writing


def _check_text(field: str, text: str, most: int) -> None:
    fault = texts.fault(text) or (f"has {len(text)} characters; at most {most} are allowed" if len(text) > most else "")
    if fault:
        raise BadSubmission([Problem(field, fault)])


def _writer(name: str) -> PromptWriter:
    try:
        author = registry.get(name)
    except KeyError as error:
        known = ", ".join(registry.names())
        raise BadSubmission([Problem("writer", f"writer {name[:60]!r} is not one of {known}")]) from error
    if missing := author.not_configured():
        raise BadSubmission([Problem("writer", f"writer {name!r} cannot be used yet: {missing}")])
    return author
