"""The page of word lists and styles: one's own to change, everybody's to use."""

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from imagegen import accounts, library
from imagegen.errors import BadSubmission
from imagegen.library import MAX_NAME, MAX_SUFFIX, StyleWords
from imagegen.models import Style, WordList


class ListForm(forms.Form):
    """A word list."""

    name = forms.CharField(max_length=MAX_NAME, help_text="Templates take one of its lines as __name__.")
    text = forms.CharField(
        label="Lines", strip=False, widget=forms.Textarea(attrs={"rows": 8}),
        help_text="One on each line, which may be a template. 3::often comes three times as often; # begins a remark.",
    )  # fmt: skip


class StyleForm(forms.Form):
    """A style: what it adds to prompts."""

    name = forms.CharField(max_length=MAX_NAME)
    suffix = forms.CharField(label="Words after the prompt", max_length=MAX_SUFFIX, required=False)
    negative_prompt = forms.CharField(label="Not in the picture", max_length=MAX_SUFFIX, required=False)
    preset = forms.CharField(
        label="Provider's own style", max_length=MAX_NAME, required=False,
        help_text="Where a provider has a style of this name, it is used instead of the words.",
    )  # fmt: skip


FORMS: dict[str, type[forms.Form]] = {"list": ListForm, "style": StyleForm}
ROWS: dict[str, type[WordList] | type[Style]] = {"list": WordList, "style": Style}


@require_http_methods(["GET", "HEAD"])
def shelf(request: HttpRequest) -> HttpResponse:
    """Show every list and style that this person may use."""
    accounts.check_may_read(request.user)
    return _page(request)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, kind: str, name: str = "") -> HttpResponse:
    """Make a list or a style, or change one's own; a name that is taken already is that one."""
    accounts.check_may_submit(request.user)
    row = _mine(request, kind, name) if name else None
    if request.method != "POST":
        return _form(request, kind, FORMS[kind](initial=_values(kind, row) if row else None), row)
    if row and "delete" in request.POST:
        return _deleted(request, kind, row)
    form = FORMS[kind](request.POST)
    if not form.is_valid():
        return _form(request, kind, form, row, status=400)
    try:
        saved = _save(request, kind, form.cleaned_data)
    except BadSubmission as error:
        for problem in error.problems:
            form.add_error(problem.field, f"{problem.message}.")
        return _form(request, kind, form, row, status=400)
    if row and row.pk != saved.pk:
        row.delete()
    messages.success(request, f"The {kind} {saved.name} is saved.")
    return redirect("library")


def _save(request: HttpRequest, kind: str, values: dict[str, Any]) -> WordList | Style:
    shared = "shared" in request.POST
    if kind == "list":
        return library.save_list(request.user, name=values["name"], text=values["text"], shared=shared)
    return library.save_style(request.user, StyleWords(**values), shared=shared)


def _deleted(request: HttpRequest, kind: str, row: WordList | Style) -> HttpResponse:
    """Take it away, and show it once more with a button that brings it back."""
    values = _values(kind, row)
    row.delete()
    again = FORMS[kind](initial=values)
    return _page(request, gone={"kind": kind, "name": row.name, "form": again, "shared": row.scope == library.SHARED})


def _mine(request: HttpRequest, kind: str, name: str) -> WordList | Style:
    shared = request.GET.get("of") == library.SHARED
    scope = library.SHARED if shared else accounts.scope(request.user)
    row = library.mine(cast(type[WordList], ROWS[kind]), request.user).filter(name=name, scope=scope).first()
    if row is None:
        raise Http404(f"You have no {kind} of this name.")
    return row


def _values(kind: str, row: WordList | Style) -> dict[str, object]:
    return {name: getattr(row, name) for name in FORMS[kind].base_fields}


def _form(
    request: HttpRequest, kind: str, form: forms.Form, row: WordList | Style | None, *, status: int = 200
) -> HttpResponse:
    shared = row.scope == library.SHARED if row else "shared" in request.POST
    context = {"form": form, "kind": kind, "row": row, "shared": shared, "may_share": library.may_share(request.user)}
    return render(request, "imagegen/library_form.html", context, status=status)


def _page(request: HttpRequest, **more: object) -> HttpResponse:
    viewer = request.user
    context = {
        "lists": library.visible(WordList, viewer),
        "styles": library.visible(Style, viewer),
        "our_lists": {name: lines[0] for name, lines in library.our_lists().items()},
        "our_styles": library.our_styles().values(),
        "may_edit": accounts.may_submit(viewer),
        "may_share": library.may_share(viewer),
        "shared_scope": library.SHARED,
        **more,
    }
    return render(request, "imagegen/library.html", context)
