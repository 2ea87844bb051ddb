"""The page to compose on: prompts and templates, what they would become, and help that never overwrites."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast
from uuid import uuid4

from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from imagegen import accounts, addresses, defaults, estimates, prompts, queries, remaking, submission
from imagegen.errors import BadSubmission, NotAllowed, Problem, WriterFailed
from imagegen.estimates import Estimate
from imagegen.items import Item
from imagegen.models import Job
from imagegen.providers import registry
from imagegen.states import Visibility
from imagegen.web import choices, ideas, restored, shapes
from imagegen.web.forms import ComposeForm, lines
from imagegen.web.ideas import Ideas, IdeasForm
from imagegen.web.restored import Restored
from imagegen.writers import registry as writers

SOURCE, BY_CHANCE = "compose", "random"
# Of a thousand prompts, so many are shown before they are paid for.
SHOWN = 100
EVERY, INSTEAD, AGAIN = "all", "instead", "again"


@dataclass(frozen=True)
class Preview:
    """What a form would make: the first of its prompts, how many more there are, and what all of them cost."""

    shown: Sequence[Job]
    more: int
    estimate: Estimate
    is_by_chance: bool


@require_http_methods(["GET", "HEAD", "POST"])
def compose(request: HttpRequest) -> HttpResponse:
    """Show the form; a good one leads to the page of its pictures, or shows first what they would be."""
    if request.method != "POST":
        return _begun(request)
    form = ComposeForm(request.POST, viewer=request.user)
    # A file that was chosen and not taken over yet is not forgotten, and nothing is paid before it was seen.
    if request.FILES or "take" in request.POST:
        return _taken(request, form)
    if "estimate" in request.POST:
        return _estimated(request, form)
    if "help" in request.POST:
        return _helped(request, form)
    if "add" in request.POST:
        return _added(request, form)
    is_preview = "preview" in request.POST
    if form.is_valid():
        try:
            return _previewed(request, form) if is_preview else _submitted(request, form)
        except BadSubmission as error:
            form.show(error.problems)
    # A preview does what it is for when it says what is wrong.
    return _page(request, form, status=200 if is_preview else 400)


@require_POST
def draw_by_chance(request: HttpRequest) -> HttpResponse:
    """Draw one picture that nobody had to think of, for everybody to see; a double click is one picture."""
    accounts.check_may_submit(request.user)
    key = f"random:{request.POST.get('once', '')[:64] or uuid4()}"
    batch = submission.batch_of(request.user, key)
    if batch is None:
        options: dict[str, Any] = {"source": BY_CHANCE, "key": key, "visibility": Visibility.PUBLIC}
        try:
            _, prompt = prompts.begun_by_chance(viewer=request.user, writer=request.POST.get("writer", ""))
            batch = submission.submit([Item(prompt=prompt)], viewer=request.user, **options).batch
        except WriterFailed as error:
            return _nobody_wrote(request, error)
        except BadSubmission as error:
            return _not_drawn(request, error)
    return redirect("batch", batch)


def _begun(request: HttpRequest) -> HttpResponse:
    """Show an empty form with one's own choices or those of last time, or one filled in with what made a picture."""
    empty = ComposeForm(viewer=request.user)
    if not (asked := request.GET.get("from")):
        own = defaults.of(request.user)
        begun = choices.of_row(own) if own else choices.last(request)
        form = ComposeForm(initial=begun, viewer=request.user)
        return _page(request, form, options_open=bool(begun), is_own=bool(own))
    job = queries.visible_job(asked, request.user)
    if job is None:
        raise Http404("No such picture.")
    return _filled(request, empty, restored.of_settings(remaking.of_job(job), empty))


def _taken(request: HttpRequest, form: ComposeForm) -> HttpResponse:
    """Fill in the form from a file: prompts, a table, or a picture."""
    files = cast("list[UploadedFile[Any]]", request.FILES.getlist("file"))
    try:
        if len(files) != 1:
            raise BadSubmission([Problem("file", "choose one file at a time" if files else "choose a file first")])
        name = files[0].name or ""
        return _filled(request, form, restored.of_file(name, files[0].read(), form), taken=name)
    except BadSubmission as error:
        fault = " ".join(f"Nothing was taken over: {problem.message}." for problem in error.problems)
        # Somebody who asks what a file holds is told; somebody who wanted pictures gets none.
        status = 200 if "take" in request.POST else 400
        return _page(request, form.with_values(), beside=_kept(request), file_fault=fault, status=status)


def _filled(request: HttpRequest, form: ComposeForm, found: Restored, *, taken: str = "") -> HttpResponse:
    beside = _kept(request) if form.is_bound else None
    return _page(
        request,
        form.with_values(**found.values),
        beside=beside,
        notes=found.notes,
        taken=taken,
        is_filled=form.is_bound,
        options_open=True,
    )


def _estimated(request: HttpRequest, form: ComposeForm) -> JsonResponse:
    """Say what the form would make as it stands, for its button; nothing where it cannot be sent like that."""
    try:
        jobs = submission.draft(form.items(), viewer=request.user, templates=form.how_to_unfold()) if form.is_valid() else []
    except (BadSubmission, NotAllowed):
        jobs = []
    return JsonResponse({"estimate": f"{len(jobs)}, {estimates.of(jobs)}" if jobs else ""})


def _submitted(request: HttpRequest, form: ComposeForm) -> HttpResponse:
    options: dict[str, Any] = {"source": SOURCE, "key": _key(request, form), "templates": form.how_to_unfold()}
    options["visibility"] = Visibility.PUBLIC if form.cleaned_data["publish"] else Visibility.PRIVATE
    answer = redirect("batch", submission.submit(form.items(), viewer=request.user, **options).batch)
    choices.keep(answer, form.chosen())
    return answer


def _previewed(request: HttpRequest, form: ComposeForm) -> HttpResponse:
    asked = form.how_to_unfold()
    templates = (replace(asked, seed=None) if request.POST["preview"] == AGAIN else asked).with_seed()
    jobs = submission.draft(form.items(), viewer=request.user, templates=templates)
    is_by_chance = any(job.recipe.get("seed") for job in jobs)
    # What is bought is what was seen: the seed stays in the form.
    seen = form.with_values(template_seed=templates.seed if is_by_chance else asked.seed)
    preview = Preview(jobs[:SHOWN], max(len(jobs) - SHOWN, 0), estimates.of(jobs), is_by_chance)
    return _page(request, seen, preview=preview, beside=_kept(request))


def _helped(request: HttpRequest, form: ComposeForm) -> HttpResponse:
    accounts.check_may_submit(request.user)
    written = lines(request.POST.get("prompts", ""))
    found = ideas.ask(IdeasForm(request.POST), request.POST["help"], written, request.user)
    return _page(request, form.with_values(), beside=found)


def _added(request: HttpRequest, form: ComposeForm) -> HttpResponse:
    """Put suggestions below what somebody wrote, and leave the others beside it; or let the two change places."""
    written, suggestions, wanted = request.POST.get("prompts", ""), request.POST.getlist("suggestion"), request.POST["add"]
    if wanted == INSTEAD:
        added, left = suggestions, lines(written)
    else:
        added = [text for place, text in enumerate(suggestions) if wanted in (EVERY, str(place))]
        left = [text for text in suggestions if text not in added]
        added = [*filter(None, [written.rstrip()]), *added]
    return _page(request, form.with_values(prompts="\n".join(added)), beside=Ideas(_kept(request).form, tuple(left)))


def _kept(request: HttpRequest) -> Ideas:
    """Return the suggestions as they were, without asking anybody again."""
    given = {name: request.POST.get(name) for name in IdeasForm.base_fields}
    return Ideas(IdeasForm(initial=given), tuple(request.POST.getlist("suggestion")))


def _nobody_wrote(request: HttpRequest, error: WriterFailed) -> HttpResponse:
    beside = Ideas(IdeasForm(), fault=str(error))
    other = prompts.instead_of(error.writer)
    return _page(request, ComposeForm(viewer=request.user), beside=beside, chance_writer=other, status=502)


def _not_drawn(request: HttpRequest, error: BadSubmission) -> HttpResponse:
    beside = Ideas(IdeasForm(), fault=" ".join(f"{problem.message}." for problem in error.problems))
    return _page(request, ComposeForm(viewer=request.user), beside=beside, status=400)


def _key(request: HttpRequest, form: ComposeForm) -> str:
    """Return a key for this form and this content: sent twice it is one batch, edited and sent again it is another."""
    once = form.cleaned_data["once"]
    content = sorted((name, values) for name, values in request.POST.lists() if name != "csrfmiddlewaretoken")
    return f"{once}:{hashlib.sha256(repr(content).encode()).hexdigest()}" if once else ""


def _page(
    request: HttpRequest, form: ComposeForm, *, beside: Ideas | None = None, status: int = 200, **more: object
) -> HttpResponse:
    options = [field.name for field in form.visible_fields() if field.name != "prompts"]
    provider = registry.get(registry.default())
    context = {
        "form": form,
        "options_open": any(name in form.errors for name in options),
        "shapes": shapes.known(),
        "demo": provider.is_demo,
        "base_url": addresses.base_url(request),
        "beside": beside or Ideas(IdeasForm()),
        "chance_price": _price_of_chance(),
        "chance_writer": "",
        "writer": writers.default(),
        "once": uuid4(),
        **more,
    }
    return render(request, "imagegen/compose.html", context, status=status)


def _price_of_chance() -> str:
    provider = registry.get(registry.default())
    return str(estimates.of([Job(provider=registry.default(), model=provider.models[0].name)]))
