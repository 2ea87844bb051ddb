"""What one person thinks of pictures: favourites, stars and tags, of whatever they may see and for their eyes alone."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count

from imagegen import accounts, queries
from imagegen.accounts import Viewer
from imagegen.errors import BadSubmission, Problem
from imagegen.models import Mark, Tag
from imagegen.writes import writing

STARS = 5
MAX_TAG, MAX_TAGS = 40, 20


@dataclass(frozen=True)
class Opinion:
    """What somebody thinks of one picture; a rating of 0 is none."""

    is_favourite: bool = False
    rating: int = 0
    tags: tuple[str, ...] = ()


def of(jobs: Iterable[UUID], viewer: Viewer) -> defaultdict[UUID, Opinion]:
    """Return what this person thinks of each of these jobs."""
    asked, scope = list(jobs), accounts.scope(viewer)
    tags: defaultdict[UUID, list[str]] = defaultdict(list)
    for job, name in Tag.objects.filter(scope=scope, job__in=asked).order_by("name").values_list("job", "name"):
        tags[job].append(name)
    marks = {mark.job_id: mark for mark in Mark.objects.filter(scope=scope, job__in=asked)}
    found = defaultdict(Opinion)
    for job in {*tags, *marks}:
        mark = marks.get(job) or Mark()
        found[job] = Opinion(mark.is_favourite, mark.rating, tuple(tags[job]))
    return found


def favour(job: UUID, viewer: Viewer, *, is_favourite: bool) -> bool:
    """Make this picture a favourite of this person's, or not; return whether they may see it. Raises NotAllowed."""
    return _mark(job, viewer, is_favourite=is_favourite)


def rate(job: UUID, viewer: Viewer, stars: int) -> bool:
    """Give this picture so many stars, or with 0 none; return as `favour` does."""
    return _mark(job, viewer, rating=max(0, min(stars, STARS)))


def tags_in(text: str) -> list[str]:
    """Return the tags of a text that has commas between them. Raises BadSubmission."""
    names = dict.fromkeys(" ".join(unicodedata.normalize("NFC", name).lower().split()) for name in text.split(","))
    names.pop("", None)
    for position, name in enumerate(names):
        if len(name) > MAX_TAG or not name.isprintable():
            raise BadSubmission([Problem("tags", f"must have at most {MAX_TAG} characters each", position=position)])
    if len(names) > MAX_TAGS:
        raise BadSubmission([Problem("tags", f"are {len(names)}; a picture has at most {MAX_TAGS}")])
    return list(names)


def tag(jobs: Iterable[UUID], viewer: Viewer, names: list[str]) -> int:
    """Put these tags to those of these jobs that this person may see; return how many. Raises NotAllowed, BadSubmission."""
    seen = _seen(jobs, viewer)
    with writing():
        Tag.objects.bulk_create(_tags(seen, viewer, names), ignore_conflicts=True)
        _check_count(seen, viewer)
    return len(seen)


def retag(job: UUID, viewer: Viewer, names: list[str]) -> bool:
    """Let this picture have these tags and no others; return as `favour` does."""
    seen = _seen([job], viewer)
    with writing():
        Tag.objects.filter(scope=accounts.scope(viewer), job__in=seen).delete()
        Tag.objects.bulk_create(_tags(seen, viewer, names))
    return bool(seen)


def tags_of(viewer: Viewer) -> dict[str, int]:
    """Return this person's tags, and how many pictures have each."""
    mine = Tag.objects.filter(scope=accounts.scope(viewer), job__deleted_at=None)
    return dict(mine.values_list("name").annotate(Count("pk")).order_by("name"))


def _mark(job: UUID, viewer: Viewer, **values: Any) -> bool:
    seen = _seen([job], viewer)
    with writing():
        for known in seen:
            Mark.objects.update_or_create(scope=accounts.scope(viewer), job_id=known, defaults=values)
    return bool(seen)


def _seen(jobs: Iterable[UUID], viewer: Viewer) -> list[UUID]:
    accounts.check_may_submit(viewer)
    return list(queries.visible_jobs(viewer).filter(pk__in=list(jobs)).values_list("pk", flat=True))


def _tags(jobs: Iterable[UUID], viewer: Viewer, names: list[str]) -> list[Tag]:
    return [Tag(scope=accounts.scope(viewer), job_id=job, name=name) for job in jobs for name in names]


def _check_count(jobs: list[UUID], viewer: Viewer) -> None:
    full = Tag.objects.filter(scope=accounts.scope(viewer), job__in=jobs).values("job").annotate(count=Count("pk"))
    if full.filter(count__gt=MAX_TAGS).exists():
        raise BadSubmission([Problem("tags", f"would be more than {MAX_TAGS} of one picture")])
