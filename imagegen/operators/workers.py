"""Workers: which processes live, what they listen to, and what they work on."""

from django.contrib import admin
from django.db.models import BooleanField, Count, ExpressionWrapper, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone

from imagegen import conf, readiness, waiting
from imagegen.models import Job, Worker
from imagegen.operators.rows import Rows
from imagegen.states import State


@admin.register(Worker)
class Workers(Rows):
    """The list, those that were heard of last first."""

    list_display = ("id", "is_alive", "last_heard", "threads", "works_on", "kinds", "machine")
    ordering = ("-heartbeat", "-pk")
    fields = ("id", "is_alive", "last_heard", "heartbeat", "threads", "works_on", "kinds", "machine")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Worker]:
        running = Job.objects.filter(state=State.RUNNING, worker=OuterRef("pk")).order_by().values("worker")
        jobs = Subquery(running.annotate(jobs=Count("pk")).values("jobs"), output_field=IntegerField())
        lives = ExpressionWrapper(readiness.lives(), output_field=BooleanField())
        found: QuerySet[Worker] = super().get_queryset(request).annotate(lives=lives, jobs=Coalesce(jobs, 0))
        return found

    @admin.display(description="alive", boolean=True)
    def is_alive(self, worker: Worker) -> bool:
        return bool(worker.lives)  # type: ignore[attr-defined]

    @admin.display(description="last heard of")
    def last_heard(self, worker: Worker) -> str:
        return f"{waiting.duration(max(int((timezone.now() - worker.heartbeat).total_seconds()), 0))} ago"

    @admin.display(description="works on")
    def works_on(self, worker: Worker) -> int:
        return int(worker.jobs)  # type: ignore[attr-defined]

    @admin.display(description="queues")
    def kinds(self, worker: Worker) -> str:
        return worker.queues.replace(",", ", ") or conf.queue_name()
