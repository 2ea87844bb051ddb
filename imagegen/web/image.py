"""The page of one picture: what was asked beside what came, what it cost, and everything to make it again."""

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from imagegen import accounts, addresses, estimates, exports, marks, metadata, queries, remaking, statements, submission
from imagegen.accounts import Viewer
from imagegen.errors import BadSubmission
from imagegen.estimates import Estimate
from imagegen.items import Item
from imagegen.models import Job
from imagegen.states import UNFINISHED
from imagegen.web import media

SOURCE = "again"
PLAIN = "plain"


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
    accounts.check_may_read(request.user)
    found = statements.of_job(UUID(job_id), request.user, base_url=addresses.base_url(request))
    if found is None:
        raise Http404("No such picture.")
    mine = queries.are_mine([job_id], request.user)
    if found.job.state in UNFINISHED:
        return redirect(f"{reverse('show-images')}?task_ids={job_id}")
    context = {
        "card": found.card,
        "job": found.job,
        "facts": _facts(found.job),
        # What was paid is nobody's business who merely looks at what another published.
        "attempts": found.attempts if mine or accounts.may_oversee(request.user) else [],
        "offers": _offers(found.job, request.user),
        "once": uuid4(),
        "mine": mine,
        "sees_batch": queries.may_see_batch(found.job.batch_id, request.user),
        "opinion": marks.of([found.job.pk], request.user)[found.job.pk],
        "stars": range(1, marks.STARS + 1),
        "has_story": found.job.content_type == "image/png",
        "ours": {"template": found.job.recipe.get("template"), "choices": found.job.recipe.get("choices", [])},
    }
    return render(request, "imagegen/image.html", context)


@require_safe
def download(request: HttpRequest, job_id: str, form: str) -> HttpResponse:
    """Answer with the picture as a file to keep: with what it says about itself, or `plain`."""
    job = _visible(request, job_id)
    if not job.picture or (form == PLAIN and job.content_type != "image/png"):
        raise Http404("No such picture.")
    headers = {
        "Content-Disposition": f'attachment; filename="{_file_name(job, form)}"',
        "Cache-Control": "private, max-age=3600",
    }
    answer = media.filled(HttpResponse(content_type=job.content_type, headers=headers), job.picture)
    if form == PLAIN and answer.status_code == 200:
        answer.content = metadata.plain(answer.content)
    return answer


@require_POST
def more(request: HttpRequest, job_id: str, way: str) -> HttpResponse:
    """Ask for the same picture again, or for others like it; a double click is one purchase."""
    accounts.check_may_submit(request.user)
    job = _visible(request, job_id)
    key = f"{way}:{job_id}:{request.POST.get('once', '')[:64] or uuid4()}"
    try:
        asked = submission.submit([_item(job, way)], viewer=request.user, source=SOURCE, key=key, name=job.batch.name)
    except BadSubmission as error:
        messages.error(request, _sentence(error))
        return redirect("image", job_id)
    return redirect("batch", asked.batch)


def _visible(request: HttpRequest, job_id: str) -> Job:
    job = queries.visible_job(job_id, request.user)
    if job is None:
        raise Http404("No such picture.")
    return job


def _file_name(job: Job, form: str) -> str:
    name = exports.file_name(job, job.position)
    if form != PLAIN:
        return name
    stem, dot, suffix = name.rpartition(".")
    return f"{stem}-{PLAIN}{dot}{suffix}"


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


def _facts(job: Job) -> list[Fact]:
    """Return what was asked beside what came, without what neither says anything of."""
    facts = [
        Fact("Provider", job.moved_from or job.provider, job.provider),
        Fact("Model", job.model, job.model),
        Fact("Size", job.size or job.aspect_ratio or "the usual", f"{job.width} × {job.height} pixels"),
        Fact("Seed", _text(job.seed), _text(job.seed_used)),
        Fact("Style", job.style_asked, job.style),
        Fact("Quality", job.quality, job.quality),
        Fact("Not in the picture", job.negative_prompt, ""),
        Fact("Format", "", job.content_type.removeprefix("image/").upper()),
        Fact("Templates' seed", _text(job.recipe.get("seed")), ""),
    ]
    came = facts if job.picture else [fact._replace(actual="") for fact in facts]
    return [fact for fact in came if fact.asked or fact.actual]


def _text(number: int | None) -> str:
    return "" if number is None else str(number)
