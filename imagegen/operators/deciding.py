"""What operators decide about many jobs: asked first, with what it may cost; then done as owners' own buttons do it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import pluralize
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from imagegen import decisions, estimates
from imagegen.decisions import Decided
from imagegen.models import Job
from imagegen.operators import confirming, rows
from imagegen.states import Decision, State

# Jobs of one click, so that the answer comes while somebody still waits for it.
MOST = 1000
LABELS = {
    Decision.RETRY: "Try failed ones again",
    Decision.CANCEL: "Cancel what has not ended",
    Decision.BUY_AGAIN: "Buy again what is unknown",
}
# What is asked, and what the button says.
_VERBS = {Decision.RETRY: "Try {} again", Decision.CANCEL: "Cancel {}", Decision.BUY_AGAIN: "Buy {} again"}
_DONE = {
    Decision.RETRY: "{} will be tried again.",
    Decision.CANCEL: "{} canceled, those in flight as soon as their calls end.",
    Decision.BUY_AGAIN: "{} will be bought again.",
}
Action = Callable[[Any, HttpRequest, QuerySet[Any]], HttpResponse]


def actions(jobs_of: Callable[[QuerySet[Any]], QuerySet[Job]]) -> Iterator[Action]:
    """Yield what a list offers for the rows that are ticked, whose jobs `jobs_of` returns."""
    for decision, label in LABELS.items():
        yield _action(decision, label, jobs_of)


def _action(decision: Decision, label: str, jobs_of: Callable[[QuerySet[Any]], QuerySet[Job]]) -> Action:
    def action(model_admin: Any, request: HttpRequest, ticked: QuerySet[Any]) -> HttpResponse:
        return _ask(request, decision, jobs_of(ticked), back=request.get_full_path())

    action.__name__ = decision.value
    return admin.action(description=label)(action)


def decide(request: HttpRequest, decision: str) -> HttpResponse:
    """Ask about the job that the address names; carry out what was asked about and confirmed."""
    if request.method == "POST":
        return _carry_out(request, Decision(decision), _seen(request.POST.get("jobs", "")))
    job = rows.uuid(request.GET.get("job", ""))
    if job is None:
        raise Http404("No such job.")
    back = reverse("admin:imagegen_job_change", args=[job])
    return _ask(request, Decision(decision), Job.objects.filter(pk=job), back=back)


def _ask(request: HttpRequest, decision: Decision, jobs: QuerySet[Job], *, back: str) -> HttpResponse:
    """Say what a decision would do, and what that may cost, before it is done."""
    columns = ("pk", "state", "fence", *estimates.COLUMNS)
    fitting = decisions.fitting(decision, jobs.select_related(None)).order_by("created", "position").only(*columns)
    found = list(fitting[: MOST + 1])
    if not found:
        messages.warning(request, f"Nothing was changed: {decisions.rule(decision)}.")
        return redirect(back)
    seen = found[:MOST]
    question = _VERBS[decision].format(_pictures(len(seen)))
    sentences = [_consequence(decision, seen), *_not_meant(decision, jobs, fitting)]
    fields = {"jobs": " ".join(f"{job.pk}:{job.fence}" for job in seen), "next": back}
    action = reverse("admin:imagegen_job_decide", args=[decision])
    return confirming.ask(request, question, sentences, action=action, fields=fields, back=back)


def _consequence(decision: Decision, seen: Sequence[Job]) -> str:
    states = Counter(job.state for job in seen)
    match decision:
        case Decision.RETRY:
            return f"{_calls(len(seen))} may be made anew. That may cost: {estimates.of(seen)}."
        case Decision.BUY_AGAIN:
            twice = f"{_calls(len(seen))} may be paid twice, because nobody knows what became of the last"
            return f"{twice}. That may cost, once more: {estimates.of(seen)}."
    drawn = f"{states[State.RUNNING]} in flight: such a call may be paid, and its picture is kept"
    return f"{states[State.QUEUED]} waiting: nothing is paid for them. {drawn}. What is canceled stays canceled."


def _not_meant(decision: Decision, jobs: QuerySet[Job], fitting: QuerySet[Job]) -> Iterator[str]:
    """Say of how many of those that were chosen nothing is to be done, and why."""
    chosen, fits = jobs.count(), fitting.count()
    if others := chosen - fits:
        yield f"{_pictures(others)} of those chosen stay as they are: {decisions.rule(decision)}."
    if fits > MOST:
        yield f"These are the first {MOST} of {fits}. Do the same again for the others."


def _carry_out(request: HttpRequest, decision: Decision, seen: Mapping[UUID, int]) -> HttpResponse:
    decided = decisions.on_jobs(decision, seen, viewer=request.user)
    changed = Job.objects.filter(pk__in=decided.changed).only("state")
    LogEntry.objects.log_actions(rows.key_of(request), changed, CHANGE, LABELS[decision])
    say = messages.success if decided.changed else messages.warning
    say(request, _said(decision, decided))
    page = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(page, allowed_hosts=None)
    return redirect(page if is_ours else "admin:imagegen_job_changelist")


def _said(decision: Decision, decided: Decided) -> str:
    done = _DONE[decision].format(_pictures(len(decided.changed))) if decided.changed else "Nothing was changed."
    left = ", ".join(f"{count} {why}" for why, count in sorted(decided.left.items()))
    return f"{done} Left as they are: {left}." if left else done


def _seen(text: str) -> dict[UUID, int]:
    """Return the fences of the jobs that the form names; whatever is none is left out."""
    pairs = (part.partition(":") for part in text.split())
    read = ((rows.uuid(job), fence) for job, _, fence in pairs)
    return {job: int(fence) for job, fence in read if job and fence.isascii() and fence.isdigit()}


def _calls(count: int) -> str:
    return f"{count} call{pluralize(count)}"


def _pictures(count: int) -> str:
    return f"{count} picture{pluralize(count)}"
