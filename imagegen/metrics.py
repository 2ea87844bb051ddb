"""What an operator watches, for Prometheus: read from the rows and from Redis when it is asked for.

So every web server gives the same figures, about all workers on all machines, and a restart of any part changes none.
Counters begin anew at midnight UTC, as the day's limit does; Prometheus knows how to go on from there.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Count, DurationField, ExpressionWrapper, F, Min, Q, Sum
from django.db.models.functions import Now
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from imagegen import conf, ledger, limits, pauses, readiness
from imagegen.models import Job
from imagegen.providers import registry
from imagegen.states import State

# Upper bounds of the buckets in which calls are counted by their length, in seconds.
BUCKETS = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 180)


def text() -> bytes:
    """Return everything in Prometheus's text format."""
    collected = CollectorRegistry(auto_describe=False)
    collected.register(_Rows())
    return generate_latest(collected)


class Queue(NamedTuple):
    """What waits for a provider: how many jobs, how many of them for their next try, since when, and the rest for what."""

    provider: str
    waiting: int
    retries: int
    oldest: datetime
    reason: str

    @property
    def reason_in_words(self) -> str:
        return self.reason.replace("_", " ")


def jobs_by(*columns: str) -> list[tuple[Any, ...]]:
    """Count jobs by these columns, such as `state`: rows of their values and how many."""
    return list(Job.objects.order_by().values_list(*columns).annotate(Count("pk")))


def queues() -> list[Queue]:
    """Return what waits, by provider."""
    later = Count("pk", filter=Q(not_before__gt=Now()))
    queued = Job.objects.filter(state=State.QUEUED).order_by("provider").values_list("provider")
    rows = queued.annotate(all=Count("pk"), later=later, first=Min("created"))
    return [Queue(name, count, retries, first, _reason(name)) for name, count, retries, first in rows]


class _Rows(Collector):
    def collect(self) -> Iterable[Metric]:
        yield from _jobs()
        yield from _waiting()
        yield from _calls()
        yield from _providers()
        yield _gauge("worker_threads", "Calls that the workers that live can make at once", readiness.live_threads())
        yield _gauge("calls_in_flight", "Calls that were begun and have not ended", readiness.calls_in_flight())


def _jobs() -> Iterator[Metric]:
    jobs = GaugeMetricFamily("chaotix_jobs", "Jobs by provider and state", labels=["provider", "state"])
    for provider, state, count in jobs_by("provider", "state"):
        jobs.add_metric([provider, state], count)
    yield jobs


def _waiting() -> Iterator[Metric]:
    waiting = GaugeMetricFamily("chaotix_jobs_waiting", "Jobs that wait, by what for", labels=["provider", "reason"])
    oldest = GaugeMetricFamily("chaotix_oldest_waiting_seconds", "How long the oldest has waited", labels=["provider"])
    for queue in queues():
        waiting.add_metric([queue.provider, "retry"], queue.retries)
        waiting.add_metric([queue.provider, queue.reason], queue.waiting - queue.retries)
        oldest.add_metric([queue.provider], (timezone.now() - queue.oldest).total_seconds())
    yield waiting
    yield oldest


def _reason(provider: str) -> str:
    """Return what jobs of a provider wait for that could run by themselves: the first thing that would have to change."""
    paused = pauses.current()
    if pause := paused.get(pauses.EVERYTHING) or paused.get(provider):
        return pause.reason
    if ledger.left_today() == 0 and provider not in registry.free():
        return "limit_of_the_day"
    if not readiness.threads_by_queue()[conf.queue_name(registry.queue(provider))]:
        return "no_worker"
    return "rate_limit" if limits.paused_for(provider) else "turn"


def _calls() -> Iterator[Metric]:
    calls = CounterMetricFamily(
        "chaotix_attempts",
        "Calls that ended today (UTC), by outcome and charge",
        labels=["provider", "outcome", "charged"],
    )
    # One that has not ended is no count yet: it would be taken back when it does.
    ended = ledger.today().exclude(ended_at=None).order_by().values_list("provider", "outcome", "charged")
    for provider, outcome, charged, count in ended.annotate(Count("pk")):
        calls.add_metric([provider, outcome, charged], count)
    yield calls
    yield _lengths()


def _lengths() -> Metric:
    lengths = HistogramMetricFamily("chaotix_call_seconds", "How long calls took since midnight UTC", labels=["provider"])
    took = ExpressionWrapper(F("ended_at") - F("sent_at"), output_field=DurationField())
    counts = {f"le_{number}": Count("pk", filter=Q(took__lte=timedelta(seconds=le))) for number, le in enumerate(BUCKETS)}
    ended = ledger.today().exclude(ended_at=None).annotate(took=took)
    rows: Any = ended.order_by().values("provider").annotate(all=Count("pk"), sum=Sum("took"), **counts)
    for row in rows:
        buckets = [(str(float(le)), row[f"le_{number}"]) for number, le in enumerate(BUCKETS)]
        lengths.add_metric([row["provider"]], [*buckets, ("+Inf", row["all"])], row["sum"].total_seconds())
    return lengths


def _providers() -> Iterator[Metric]:
    paused = GaugeMetricFamily(
        "chaotix_provider_paused", "1 where a provider is paused; * is all", labels=["provider", "reason"]
    )
    for provider, pause in pauses.current().items():
        paused.add_metric([provider or "*", pause.reason], 1)
    rests = GaugeMetricFamily("chaotix_provider_rest_seconds", "How long a provider rests after a 429", labels=["provider"])
    for provider, seconds in limits.rests(registry.names()).items():
        rests.add_metric([provider], seconds)
    yield paused
    yield rests


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"chaotix_{name}", help_text, value=value)
