"""How a prompt came about that is not as somebody typed it: kept with each job, so that it can be made again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict

from imagegen.expansion import Choice


class ChoiceShape(TypedDict):
    """What became of one sign of a template."""

    sign: str
    text: str


class StyleShape(TypedDict):
    """A saved style: the words it added, or the provider's own style that it stands for."""

    name: str
    suffix: str
    negative_prompt: str
    preset: str


class Recipe(TypedDict):
    """How a prompt came about. The same template and seed become the same again, while its lists stay as they are.

    `seed` is null where every prompt that a template can become was asked for.
    """

    template: NotRequired[str]
    seed: NotRequired[int | None]
    choices: NotRequired[list[ChoiceShape]]
    style: NotRequired[StyleShape]


@dataclass(frozen=True)
class Unfolded:
    """The template that a prompt was made of, the seed if it was made by chance, and the choices."""

    template: str
    seed: int | None
    choices: Sequence[Choice]

    def recipe(self) -> Recipe:
        chosen: list[ChoiceShape] = [{"sign": choice.sign, "text": choice.text} for choice in self.choices]
        return {"template": self.template, "seed": self.seed, "choices": chosen}
