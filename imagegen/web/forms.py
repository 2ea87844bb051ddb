"""The compose form: one prompt or template per line, and options that every provider declares for itself."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, cast
from uuid import uuid4

from django import forms
from django.urls import reverse
from django.utils.html import format_html

from imagegen import library, prompt_files, texts
from imagegen.accounts import Viewer
from imagegen.errors import BadSubmission, Problem
from imagegen.items import Item
from imagegen.providers import registry
from imagegen.providers.base import MAX_SEED, Model
from imagegen.unfolding import Mode, Templates, columns_of
from imagegen.web.widgets import Select

EXAMPLES = "A red flying dog\nA piano ninja\nA footballer kid"

# A format of HTML, which takes the address of the library.
PROMPTS_HELP = """One prompt per line, or a template: {{red|blue}} becomes one of two, \
__animals__ a line of a list in the <a href="{}">library</a>."""
TABLE = "animal,place\nA fox,a library\nTwo owls,the moon"
TEMPLATES = (
    (Mode.RANDOM.value, "draw prompts by chance"),
    (Mode.ALL.value, "make every combination"),
    (Mode.OFF.value, "none: signs are text"),
)
Row = dict[str, object]

OPTIONS = ("style", "quality", "negative_prompt", "seed", "n")
TEMPLATED = ("templates", "template_count", "template_seed", "table")
# Which field of the form shows what `submission` says about one of its own.
FIELDS = {"prompt": "prompts", "aspect_ratio": "size", "model": "maker", "provider": "maker"}


def _makers() -> list[tuple[str, str]]:
    """Return a choice for each model of each provider that is ready to use, the default first."""
    return [
        (f"{name}/{model.name}", f"{name}: {model.name} ({_price(model)})")
        for name in registry.ready()
        for model in registry.get(name).models
    ]


def _takes(maker: str) -> dict[str, str]:
    """Return for the page which options and ratios a choice takes: it shows no others."""
    name, _, model = maker.partition("/")
    provider = registry.get(name)
    taken = {"seed": provider.seed, "negative_prompt": provider.negative_prompt, "quality": provider.model(model).qualities}
    return {
        "data-takes": " ".join(option for option, is_taken in taken.items() if is_taken),
        "data-qualities": " ".join(provider.model(model).qualities),
        "data-provider": name,
        "data-ratios": " ".join(provider.aspect_ratios),
    }


def _drawn_by(style: str) -> dict[str, str]:
    """Return for the page which providers have this style themselves, and no others can draw."""
    return {"data-providers": " ".join(name for name in registry.ready() if style in registry.get(name).styles)}


def _price(model: Model) -> str:
    """Say what a picture costs, or the least that it can cost where size and quality decide."""
    if not model.prices:
        return "price not known"
    least = min(model.prices, key=lambda price: price.amount)
    if not least.amount:
        return "free"
    return f"{'from ' if len(model.prices) > 1 else ''}{least.amount:g} {least.unit}"


def _styles(saved: Iterable[str]) -> list[tuple[str, str]]:
    """Return providers' own styles and saved ones, which every provider can draw."""
    known = {style for name in registry.ready() for style in registry.get(name).styles}
    return [("", "none"), *((style, style) for style in sorted(known.union(saved)))]


def _qualities() -> list[tuple[str, str]]:
    """Return the words of all models for how much work to spend, in the order in which they name them."""
    models = [model for name in registry.ready() for model in registry.get(name).models]
    known = dict.fromkeys(quality for model in models for quality in model.qualities)
    return [("", "the usual"), *((quality, quality) for quality in known)]


class ChoicesForm(forms.Form):
    """What somebody chooses each time: who draws, how large, how many, for whom; `submission` checks what it means."""

    maker = forms.ChoiceField(label="Made by", choices=_makers, required=False, widget=Select(_takes))
    size = forms.CharField(label="Size or ratio", required=False, help_text="Like 1024x1024 or 16:9; empty for the usual.")
    style = forms.ChoiceField(label="Style", required=False)
    quality = forms.ChoiceField(label="Quality", choices=_qualities, required=False)
    n = forms.IntegerField(label="Pictures per prompt", required=False, initial=1)
    publish = forms.BooleanField(
        label="Show in the gallery", required=False, help_text="To everybody, until you take them back."
    )

    def __init__(self, *args: Any, viewer: Viewer, **options: Any) -> None:
        super().__init__(*args, **options)
        self._viewer = viewer
        saved = library.styles_of(viewer)
        self.fields["style"].widget = Select(lambda style: {} if style in saved else _drawn_by(style))
        self.fields["style"].choices = _styles(saved)  # type: ignore[attr-defined]
        # Where no provider has words to choose from, there is nothing to ask.
        if len(_qualities()) == 1:
            del self.fields["quality"]

    def offers(self, name: str, value: str) -> bool:
        """Whether a field of choices has this one."""
        field = self.fields.get(name)
        return field is not None and value in dict(field.choices)  # type: ignore[attr-defined]

    def makers(self) -> list[str]:
        """Return the choices of who draws, as provider/model, the default first."""
        return [maker for maker, _ in _makers()]

    def item(self, prompt: str | None) -> Item:
        """Return what is chosen, for this prompt."""
        values = self.cleaned_data
        provider, _, model = values["maker"].partition("/")
        shape = {"aspect_ratio" if ":" in values["size"] else "size": values["size"]}
        options: dict[str, Any] = {name: values.get(name) for name in OPTIONS}
        return Item(prompt=prompt, provider=provider, model=model, **shape, **options)

    def show(self, problems: list[Problem]) -> None:
        """Put each problem beside the field that it is about, with the number of its prompt."""
        for problem in problems:
            name = FIELDS.get(problem.field, problem.field)
            prompt = problem.position if problem.field == "prompt" else None
            text = f"{problem.message}." if prompt is None else f"Prompt {prompt + 1}: {problem.message}."
            if text not in self.errors.get(name, []):
                self.add_error(name if name in self.fields else None, text)


class ComposeForm(ChoicesForm):
    """What somebody types to make pictures."""

    field_order = ("prompts", "maker", "size", "style", "quality", "negative_prompt", "seed", "n", *TEMPLATED, "publish")

    prompts = forms.CharField(
        label="Prompts", strip=False, widget=forms.Textarea(attrs={"rows": 7, "dir": "auto", "placeholder": EXAMPLES}),
    )  # fmt: skip
    negative_prompt = forms.CharField(label="Not in the picture", required=False)
    seed = forms.IntegerField(
        label="Seed", required=False, help_text="The same seed draws the same picture again; empty draws one."
    )
    templates = forms.ChoiceField(
        label="Templates", choices=TEMPLATES, required=False,
        help_text="{red|blue}, {2$$a|b|c}, __list__ and {{column}} make a template of a line.",
    )  # fmt: skip
    template_count = forms.IntegerField(
        label="Prompts per template", required=False, initial=1, min_value=1, help_text="Drawn by chance."
    )
    template_seed = forms.IntegerField(
        label="Templates' seed",
        required=False,
        min_value=1,
        max_value=MAX_SEED,
        help_text="The same seed draws the same prompts.",
    )
    table = forms.CharField(
        label="Table", required=False, strip=False, widget=forms.Textarea(attrs={"rows": 3, "placeholder": TABLE}),
        help_text="CSV whose first line names the columns: a line with {{column}} becomes a prompt for each row.",
    )  # fmt: skip
    # Makes a double click, or a form sent again after a lost answer, one purchase.
    once = forms.CharField(widget=forms.HiddenInput, initial=uuid4, required=False, max_length=64)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["prompts"].help_text = format_html(PROMPTS_HELP, reverse("library"))

    def with_values(self, **changes: object) -> "ComposeForm":
        """Return the form as somebody left it, with these changes, and nothing said about what is wrong in it."""
        left = {name: self.data[name] for name in self.fields if name in self.data}
        return ComposeForm(initial={**left, **changes}, viewer=self._viewer)

    def left(self, name: str) -> str:
        """Return what somebody left in a field, whether it can be used or not."""
        return str(self.data.get(name) or "")

    def chosen(self) -> dict[str, str]:
        """Return what was chosen other than usual, as text."""
        usual = {"maker": self.makers()[0], "n": "1"}
        values = {name: str(self.cleaned_data.get(name) or "") for name in self.fields}
        return {name: value for name, value in values.items() if value and value != usual.get(name)}

    def how_to_unfold(self) -> Templates:
        values = self.cleaned_data
        return Templates(Mode(values["templates"] or Mode.RANDOM), values["template_count"] or 1, values["template_seed"])

    def items(self) -> list[Item]:
        """Return one item for each line, or for each row of the table where the line names its columns."""
        common, rows = self.item(None), self._rows()
        texts = lines(self.cleaned_data["prompts"])
        return [replace(common, prompt=line, columns=cells) for line in texts for cells in _cells(line, rows)]

    def _rows(self) -> list[dict[str, str]]:
        """Return the rows of the table. Raises BadSubmission where it is none, or has a column that no line names."""
        try:
            table = prompt_files.read(self.cleaned_data["table"].encode(), "csv", needs_prompts=False)
        except BadSubmission as error:
            raise BadSubmission([replace(problem, field="table") for problem in error.problems]) from error
        rows = [{name: "" if cell is None else str(cell) for name, cell in cast(Row, line.prompt).items()} for line in table]
        named = {column for line in lines(self.cleaned_data["prompts"]) for column in columns_of(line)}
        for name in rows[0] if rows else ():
            if name not in named:
                told = f"no line names the column {name[:60]!r}, as {{{{{name[:60]}}}}}"
                raise BadSubmission([Problem("table", told)])
        return rows


def lines(text: str) -> list[str]:
    """Return the lines that hold something."""
    return [line for line in texts.lines(text) if line.strip()]


def _cells(line: str, rows: Sequence[dict[str, str]]) -> Sequence[dict[str, str] | None]:
    """Return what fills in a line, once for each row of the table; nothing, once, where it names no column."""
    named = columns_of(line)
    return [{name: row[name] for name in named if name in row} for row in rows] if named and rows else [None]
