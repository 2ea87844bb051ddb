"""The page of one picture: what was asked beside what came, what it cost, and everything to make it again."""

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from imagegen import accounts, addresses, estimates, file_names, metadata, queries, remaking, statements, storage, submission
from imagegen.accounts import Viewer
from imagegen.errors import BadSubmission, StorageUnavailable
from imagegen.estimates import Estimate
from imagegen.items import Item
from imagegen.models import Job
from imagegen.statements import JobStatement
from imagegen.states import UNFINISHED

SOURCE = "again"


class Fact(NamedTuple):
    """One thing about a picture: what was asked for, and what came; either may be empty."""

    name: str
    asked: str
    actual: str


@dataclass(frozen=True)
class Offer:
    """A way to ask for more: what it costs, or why it cannot be done."""

    way: str
    label: str
    estimate: Estimate | None
    fault: str = ""


@require_safe
def image(request: HttpRequest, job_id: str) -> HttpResponse:
    """Show one picture; what is still being made is watched on the page of results."""
    found = _found(request, job_id)
    if found.job.state in UNFINISHED:
        return redirect(f"{reverse('show-images')}?task_ids={job_id}")
    context = {
        "card": found.card,
        "job": found.job,
        "facts": _facts(found.job),
        "attempts": found.attempts if _may_see_calls(found.job, request.user) else [],
        "cost": statements.costs_of([found.job.pk])[found.job.pk],
        "offers": _offers(found.job, request.user),
        "once": uuid4(),
        "mine": queries.are_mine([job_id], request.user),
        "has_story": found.job.content_type == "image/png",
        "ours": {"template": found.job.recipe.get("template"), "choices": found.job.recipe.get("choices", [])},
    }
    return render(request, "imagegen/image.html", context)


@require_safe
def download(request: HttpRequest, job_id: str, form: str) -> HttpResponse:
    """Answer with the picture as a file to keep: with what it says about itself, or `plain`."""
    job = _found(request, job_id).job
    if not job.picture or (form == "plain" and job.content_type != "image/png"):
        raise Http404("No such picture.")
    try:
        body = storage.read(job.picture)
    except FileNotFoundError as error:
        raise Http404("The picture's file is gone.") from error
    except StorageUnavailable as error:
        return HttpResponse(str(error), status=503, content_type="text/plain")
    name = file_names.picture(job.position, job.name or job.prompt, job.seed_used, job.picture.rpartition(".")[2])
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, max-age=3600"}
    return HttpResponse(metadata.plain(body) if form == "plain" else body, content_type=job.content_type, headers=headers)


@require_POST
def more(request: HttpRequest, job_id: str, way: str) -> HttpResponse:
    """Ask for the same picture again, or for others like it; a double click is one purchase."""
    accounts.check_may_submit(request.user)
    job = _found(request, job_id).job
    key = f"{way}:{job_id}:{request.POST.get('once', '')[:64] or uuid4()}"
    try:
        asked = submission.submit([_item(job, way)], viewer=request.user, source=SOURCE, key=key, name=job.batch.name)
    except BadSubmission as error:
        messages.error(request, _sentence(error))
        return redirect("image", job_id)
    return redirect("batch", asked.batch)


def _found(request: HttpRequest, job_id: str) -> JobStatement:
    accounts.check_may_read(request.user)
    found = statements.of_job(UUID(job_id), request.user, base_url=addresses.base_url(request))
    if found is None:
        raise Http404("No such picture.")
    return found


def _offers(job: Job, viewer: Viewer) -> list[Offer]:
    if not accounts.may_submit(viewer):
        return []
    return [_offer(job, viewer, "again", "Make again"), _offer(job, viewer, "vary", f"Vary: {remaking.VARIATIONS} others")]


def _offer(job: Job, viewer: Viewer, way: str, label: str) -> Offer:
    try:
        return Offer(way, label, estimates.of(submission.draft([_item(job, way)], viewer=viewer)))
    except BadSubmission as error:
        return Offer(way, label, None, _sentence(error))


def _item(job: Job, way: str) -> Item:
    return remaking.item(job, varied=way == "vary")


def _sentence(error: BadSubmission) -> str:
    return " ".join(f"{problem.message[:1].upper()}{problem.message[1:]}." for problem in error.problems)


def _may_see_calls(job: Job, viewer: Viewer) -> bool:
    """Whether what was paid is this person's business: not where somebody merely looks at what another published."""
    return accounts.may_oversee(viewer) or queries.are_mine([str(job.pk)], viewer)


def _facts(job: Job) -> list[Fact]:
    """Return what was asked beside what came, without what neither says anything of."""
    facts = [
        Fact("Provider", job.moved_from or job.provider, job.provider),
        Fact("Model", job.model, job.model),
        Fact("Size", job.size or job.aspect_ratio or "the usual", f"{job.width} × {job.height} pixels"),
        Fact("Seed", _text(job.seed), _text(job.seed_used)),
        Fact("Style", job.recipe.get("style", {}).get("name") or job.style, job.style),
        Fact("Quality", job.quality, job.quality),
        Fact("Not in the picture", job.negative_prompt, ""),
        Fact("Format", "", job.content_type.removeprefix("image/").upper()),
        Fact("Templates' seed", _text(job.recipe.get("seed")), ""),
    ]
    came = facts if job.picture else [fact._replace(actual="") for fact in facts]
    return [fact for fact in came if fact.asked or fact.actual]


def _text(number: int | None) -> str:
    return "" if number is None else str(number)
