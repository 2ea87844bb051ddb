"""The compose form: one prompt per line, and options that every provider declares for itself."""

from typing import Any
from uuid import uuid4

from django import forms

from imagegen.errors import Problem
from imagegen.providers import registry
from imagegen.submission import Item

EXAMPLES = "A red flying dog\nA piano ninja\nA footballer kid"


def _makers() -> list[tuple[str, str]]:
    """Return a choice for each model of each provider that is ready to use, the default first."""
    return [
        (f"{name}/{model.name}", f"{name}: {model.name}") for name in registry.ready() for model in registry.get(name).models
    ]


def _styles() -> list[tuple[str, str]]:
    known = {style for name in registry.ready() for style in registry.get(name).styles}
    return [("", "none"), *((style, style) for style in sorted(known))]


class ComposeForm(forms.Form):
    """What somebody types to make pictures; `submission` checks what it means."""

    prompts = forms.CharField(
        label="Prompts", help_text="One prompt per line.", strip=False,
        widget=forms.Textarea(attrs={"rows": 7, "dir": "auto", "placeholder": EXAMPLES}),
    )  # fmt: skip
    maker = forms.ChoiceField(label="Made by", choices=_makers, required=False)
    size = forms.CharField(label="Size or ratio", required=False, help_text="Like 1024x1024 or 16:9; empty for the usual.")
    style = forms.ChoiceField(label="Style", choices=_styles, required=False)
    negative_prompt = forms.CharField(label="Not in the picture", required=False)
    seed = forms.IntegerField(
        label="Seed", required=False, help_text="The same seed draws the same picture again; empty draws one."
    )
    n = forms.IntegerField(label="Pictures per prompt", required=False, initial=1)
    # Makes a double click, or a form sent again after a lost answer, one purchase.
    once = forms.CharField(widget=forms.HiddenInput, initial=uuid4, required=False, max_length=64)

    def items(self) -> list[Item]:
        values = self.cleaned_data
        provider, _, model = values["maker"].partition("/")
        shape = {"aspect_ratio" if ":" in values["size"] else "size": values["size"]}
        options: dict[str, Any] = {name: values[name] for name in ("style", "negative_prompt", "seed", "n")}
        return [Item(prompt=line, provider=provider, model=model, **shape, **options) for line in self._lines()]

    def show(self, problems: list[Problem]) -> None:
        """Put each problem beside the field that it is about, with the number of its line."""
        for problem in problems:
            name = {"prompt": "prompts", "aspect_ratio": "size", "model": "maker", "provider": "maker"}.get(
                problem.field, problem.field
            )
            several = problem.position is not None and problem.field == "prompt"
            text = (
                f"Prompt {problem.position + 1} {problem.message}."
                if several and problem.position is not None
                else f"{problem.message}."
            )
            if text not in self.errors.get(name, []):
                self.add_error(name if name in self.fields else None, text)

    def _lines(self) -> list[str]:
        return [line for line in self.cleaned_data["prompts"].splitlines() if line.strip()]
