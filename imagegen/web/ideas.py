"""Prompts that a writer suggests, beside what somebody wrote: nothing is taken over unless they say so."""

from dataclasses import dataclass

from django import forms

from imagegen import prompts
from imagegen.accounts import Viewer
from imagegen.errors import BadSubmission, WriterFailed
from imagegen.writers import registry
from imagegen.writers.base import MAX_THEME

USUAL_COUNT, MOST = 10, 50


def _writers() -> list[tuple[str, str]]:
    """Return a choice for each writer that could write now, the default first."""
    return [(name, f"{name} (free)" if registry.get(name).is_free else f"{name} (costs money)") for name in prompts.ready()]


class IdeasForm(forms.Form):
    """What to write about, how many, and who does it."""

    theme = forms.CharField(label="About", required=False, max_length=MAX_THEME, help_text="Like: the sea at night.")
    count = forms.IntegerField(label="How many", required=False, initial=USUAL_COUNT, min_value=1, max_value=MOST)
    writer = forms.ChoiceField(label="Written by", choices=_writers, required=False)


@dataclass(frozen=True)
class Ideas:
    """What is shown beside the form: suggestions, or why there are none and who could be asked instead."""

    form: IdeasForm
    suggestions: tuple[str, ...] = ()
    fault: str = ""
    offered: str = ""


def ask(form: IdeasForm, wish: str, lines: list[str], viewer: Viewer) -> Ideas:
    """Have prompts written: one by surprise, a list about a theme, or fuller ones of these lines."""
    if not form.is_valid():
        return Ideas(form)
    values = form.cleaned_data
    try:
        match wish:
            case "improve":
                written = prompts.carry_on(lines, viewer=viewer, writer=values["writer"])
            case "surprise":
                written = prompts.write(1, viewer=viewer, writer=values["writer"])
            case _:  # "write"
                count = values["count"] or USUAL_COUNT
                written = prompts.write(count, viewer=viewer, writer=values["writer"], theme=values["theme"])
    except WriterFailed as error:
        return Ideas(form, fault=str(error), offered=prompts.instead_of(error.writer))
    except BadSubmission as error:
        sentences = [f"{problem.message}." for problem in error.problems]
        return Ideas(form, fault="Write a line first." if wish == "improve" and not lines else " ".join(sentences))
    return Ideas(form, tuple(written.prompts), fault=written.short)
