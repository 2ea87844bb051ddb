"""Providers: whether each can be called now, why not and until when; what waits for it; resumed with a button."""

import math
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_protect

from imagegen import catalog, metrics, pauses, usage, waiting
from imagegen.catalog import Entry
from imagegen.metrics import Queue
from imagegen.models import ProviderPause
from imagegen.operators.rows import Rows


@dataclass(frozen=True)
class Line:
    """One provider: `entry` is None where settings have it no more, `pause` and `queue` where it is not paused, or idle."""

    name: str
    entry: Entry | None
    pause: ProviderPause | None
    queue: Queue | None

    @property
    def crowded_for(self) -> str:
        return waiting.duration(math.ceil(self.entry.crowded)) if self.entry else ""


@admin.register(ProviderPause)
class Providers(Rows):
    """One page with every provider, paused or not, in place of a list of pauses."""

    @method_decorator(csrf_protect)
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method == "POST":
            return _carry_out(request)
        page = {
            **self.admin_site.each_context(request),
            "title": "Providers",
            "opts": self.opts,
            "lines": _lines(),
            "stopped": pauses.stopped_by(),
        }
        return TemplateResponse(request, "admin/imagegen/providers.html", page)


def _carry_out(request: HttpRequest) -> HttpResponse:
    provider = request.POST.get("resume")
    if provider is None:
        pauses.stop_everything(request.user.get_username())
        messages.success(request, "Everything is paused. Calls in flight end, and no new one is made.")
    elif usage.resume(provider):
        messages.success(request, f"{provider or 'Everything'} goes on within seconds.")
    else:
        messages.warning(request, f"{provider or 'Everything'} was not paused any more.")
    return redirect("admin:imagegen_providerpause_changelist")


def _lines() -> list[Line]:
    """Return every provider of the settings, the default first, and others that jobs wait for or that are paused."""
    entries = {entry.name: entry for entry in catalog.entries()}
    paused, queues = pauses.current(), {queue.provider: queue for queue in metrics.queues()}
    names = dict.fromkeys([*entries, *queues, *paused])
    return [Line(name, entries.get(name), paused.get(name), queues.get(name)) for name in names if name != pauses.EVERYTHING]
