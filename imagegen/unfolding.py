"""Templates among the prompts of a submission, and the prompts that they become."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from imagegen import conf, texts
from imagegen.errors import BadSubmission, Problem
from imagegen.expansion import Prompt, Template
from imagegen.items import MAX_PROBLEMS, OPTIONS, Item, Placed
from imagegen.providers.base import MAX_SEED
from imagegen.recipes import Unfolded
from imagegen.template_decks import Book, Lists, UnfitTemplate
from imagegen.template_signs import Column, read, walk


class Mode(StrEnum):
    """What becomes of a template."""

    RANDOM = "random"  # prompts drawn by chance
    ALL = "all"  # every prompt that it can become
    OFF = "off"  # nothing: it is text


@dataclass(frozen=True)
class Templates:
    """How to unfold templates: by chance `count` prompts of each, the same with the same seed; without one, one is drawn."""

    mode: Mode = Mode.RANDOM
    count: int = 1
    seed: int | None = None

    def with_seed(self) -> "Templates":
        """Return the same with a seed, so that it can be done again."""
        return self if self.seed else replace(self, seed=random.randint(1, MAX_SEED - conf.max_prompts()))


# What is asked for where nobody says anything about templates.
LITERAL = Templates(Mode.OFF)


def unfold(items: Sequence[Item], how: Templates, lists: Lists) -> list[Placed]:
    """Return the items with each template as the prompts that it becomes. Raises BadSubmission.

    What is wrong with an item besides its template is left for items.read to say.
    """
    return _Unfolding(how.with_seed(), Book(lists)).unfold(items)


class _Unfolding:
    """One submission's templates: they share their lists, the limit, and the count that their seeds go by."""

    def __init__(self, how: Templates, book: Book) -> None:
        self._how, self._book = how, book
        self._limit = conf.max_prompts()
        self._drawn = self._made = 0

    def unfold(self, items: Sequence[Item]) -> list[Placed]:
        self._check()
        if len(items) > self._limit:
            # More than a submission may have, whatever they become; items.read says so.
            return [Placed(item, position) for position, item in enumerate(items)]
        made, problems = list[Placed](), list[Problem]()
        for position, item in enumerate(items):
            try:
                made.extend(self._unfolded(item, position))
            except UnfitTemplate as error:
                problems.append(Problem("prompt", str(error), position))
            problems += _unused(item, position, self._how.mode)
        if problems:
            raise BadSubmission(problems[:MAX_PROBLEMS])
        return made

    def _check(self) -> None:
        if not 1 <= self._how.count <= self._limit:
            raise BadSubmission([Problem("template_count", f"{self._how.count} is out of range: 1 to {self._limit}")])

    def _unfolded(self, item: Item, position: int) -> Iterator[Placed]:
        if self._how.mode == Mode.OFF or not isinstance(item.prompt, str) or texts.fault(item.prompt):
            self._count(1, position)
            yield Placed(item, position)
            return
        template = Template(item.prompt.strip(), self._book, item.cells)
        if not template.has_signs:
            self._count(1, position)
            # Without the backslashes that keep a sign from being one.
            yield Placed(replace(item, prompt=template.draw(0).text), position)
            return
        self._count(template.count() if self._how.mode == Mode.ALL else self._how.count, position)
        for prompt, seed in self._prompts(template):
            yield Placed(replace(item, prompt=prompt.text), position, Unfolded(template.text, seed, prompt.choices))

    def _count(self, prompts: int, position: int) -> None:
        """Raise BadSubmission before a template is written out that becomes too many prompts."""
        self._made += prompts
        if self._made > self._limit:
            became = f"the templates become more than {self._limit} prompts, the most allowed at once"
            raise BadSubmission([Problem("prompt", became, position)])

    def _prompts(self, template: Template) -> Iterator[tuple[Prompt, int | None]]:
        if self._how.mode == Mode.ALL:
            for number in range(template.count()):
                yield template.nth(number), None
            return
        for _ in range(self._how.count):
            seed = (self._how.seed or 0) + self._drawn
            self._drawn += 1
            yield template.draw(seed), seed


def _unused(item: Item, position: int, mode: Mode) -> Iterator[Problem]:
    """Yield the columns that no sign of the template names: whoever wrote them meant something."""
    named = columns_of(item.prompt) if isinstance(item.prompt, str) and mode != Mode.OFF else set()
    for column in item.cells:
        if column not in named:
            known = ", ".join(("prompt", "name", *OPTIONS))
            told = f"is not known here: it is neither {known} nor named by the template, as {{{{{column[:60]}}}}}"
            yield Problem(column[:60], told, position)


def columns_of(prompt: str) -> set[str]:
    """Return the columns of a table that a template names."""
    return {part.name for part in walk(read(prompt)) if isinstance(part, Column)}
