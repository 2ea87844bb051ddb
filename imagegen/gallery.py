"""Pictures that can be found without knowing their ids, by what was asked for."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from imagegen import accounts
from imagegen.accounts import Viewer
from imagegen.models import Job
from imagegen.states import State

# Stands for every state, where one is asked for.
ANY = "any"


@dataclass(frozen=True)
class Search:
    """What to look for; None is no matter. `words` must all be in the prompt, and `size` is that of the picture.

    `state` is one of State or ANY; without one, whatever has a picture is found.
    """

    words: str | None = None
    provider: str | None = None
    model: str | None = None
    owner: str | None = None
    batch: UUID | None = None
    style: str | None = None
    size: str | None = None
    state: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def find(search: Search, viewer: Viewer) -> QuerySet[Job]:
    """Return jobs of this person, of nobody where that is theirs, and public ones; of a batch, whoever knows its id."""
    accounts.check_may_read(viewer)
    rule = accounts.may_see if search.batch else accounts.may_list
    found = Job.objects.filter(rule(viewer), deleted_at=None)
    for condition in _conditions(search):
        found = found.filter(condition)
    return found


def _conditions(search: Search) -> list[Q]:
    same = {
        "provider": search.provider,
        "model": search.model,
        "style": search.style,
        "batch": search.batch,
        "owner__username": search.owner,
        "created__gte": search.since,
        "created__lt": search.until,
    }
    conditions = [Q(**{field: value}) for field, value in same.items() if value is not None]
    conditions += [Q(prompt__icontains=word) for word in (search.words or "").split()]
    return [*conditions, *_size(search.size), _state(search.state)]


def _size(size: str | None) -> list[Q]:
    if size is None:
        return []
    width, _, height = size.partition("x")
    return [Q(width=int(width), height=int(height))]


def _state(state: str | None) -> Q:
    if state is None:
        return ~Q(picture="")
    return Q() if state == ANY else Q(state=State(state))


def after(found: QuerySet[Job], place: UUID | None, *, most: int) -> list[Job]:
    """Return some of what was found, the newest first: those that come after job `place`, however many came in meanwhile."""
    if place and (last := Job.objects.filter(pk=place).first()):
        found = found.filter(Q(created__lt=last.created) | Q(created=last.created, pk__lt=last.pk))
    return list(found.order_by("-created", "-pk")[:most])
