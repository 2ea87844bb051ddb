"""The compose form: one prompt per line, and options that every provider declares for itself."""

import re
from typing import Any
from uuid import uuid4

from django import forms

from imagegen.errors import Problem
from imagegen.items import Item
from imagegen.providers import registry
from imagegen.providers.base import Model

EXAMPLES = "A red flying dog\nA piano ninja\nA footballer kid"

OPTIONS = ("style", "quality", "negative_prompt", "seed", "n")
# Which field of the form shows what `submission` says about one of its own.
FIELDS = {"prompt": "prompts", "aspect_ratio": "size", "model": "maker", "provider": "maker"}


def _makers() -> list[tuple[str, str]]:
    """Return a choice for each model of each provider that is ready to use, the default first."""
    return [
        (f"{name}/{model.name}", f"{name}: {model.name} ({_price(model)})")
        for name in registry.ready()
        for model in registry.get(name).models
    ]


def _price(model: Model) -> str:
    """Say what a picture costs, or the least that it can cost where size and quality decide."""
    if not model.prices:
        return "price not known"
    least = min(model.prices, key=lambda price: price.amount)
    if not least.amount:
        return "free"
    return f"{'from ' if len(model.prices) > 1 else ''}{least.amount:g} {least.unit}"


def _styles() -> list[tuple[str, str]]:
    known = {style for name in registry.ready() for style in registry.get(name).styles}
    return [("", "none"), *((style, style) for style in sorted(known))]


def _qualities() -> list[tuple[str, str]]:
    """Return the words of all models for how much work to spend, in the order in which they name them."""
    models = [model for name in registry.ready() for model in registry.get(name).models]
    known = dict.fromkeys(quality for model in models for quality in model.qualities)
    return [("", "the usual"), *((quality, quality) for quality in known)]


class ComposeForm(forms.Form):
    """What somebody types to make pictures; `submission` checks what it means."""

    prompts = forms.CharField(
        label="Prompts", help_text="One prompt per line.", strip=False,
        widget=forms.Textarea(attrs={"rows": 7, "dir": "auto", "placeholder": EXAMPLES}),
    )  # fmt: skip
    maker = forms.ChoiceField(label="Made by", choices=_makers, required=False)
    size = forms.CharField(label="Size or ratio", required=False, help_text="Like 1024x1024 or 16:9; empty for the usual.")
    style = forms.ChoiceField(label="Style", choices=_styles, required=False)
    quality = forms.ChoiceField(label="Quality", choices=_qualities, required=False)
    negative_prompt = forms.CharField(label="Not in the picture", required=False)
    seed = forms.IntegerField(
        label="Seed", required=False, help_text="The same seed draws the same picture again; empty draws one."
    )
    n = forms.IntegerField(label="Pictures per prompt", required=False, initial=1)
    # Makes a double click, or a form sent again after a lost answer, one purchase.
    once = forms.CharField(widget=forms.HiddenInput, initial=uuid4, required=False, max_length=64)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # Where no provider has words to choose from, there is nothing to ask.
        for name, choices in (("style", _styles()), ("quality", _qualities())):
            if len(choices) == 1:
                del self.fields[name]

    def items(self) -> list[Item]:
        values = self.cleaned_data
        provider, _, model = values["maker"].partition("/")
        shape = {"aspect_ratio" if ":" in values["size"] else "size": values["size"]}
        options: dict[str, Any] = {name: values.get(name) for name in OPTIONS}
        return [Item(prompt=line, provider=provider, model=model, **shape, **options) for line in self._lines()]

    def show(self, problems: list[Problem]) -> None:
        """Put each problem beside the field that it is about, with the number of its prompt."""
        for problem in problems:
            name = FIELDS.get(problem.field, problem.field)
            prompt = problem.position if problem.field == "prompt" else None
            text = f"{problem.message}." if prompt is None else f"Prompt {prompt + 1} {problem.message}."
            if text not in self.errors.get(name, []):
                self.add_error(name if name in self.fields else None, text)

    def _lines(self) -> list[str]:
        # Not splitlines(), which also breaks at signs that a browser shows inside a line.
        return [line for line in re.split(r"[\r\n]+", self.cleaned_data["prompts"]) if line.strip()]
