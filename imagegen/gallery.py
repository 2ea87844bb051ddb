"""Pictures that can be found without knowing their ids, by what was asked for.

A search reads listings (listings.py), and looks besides at the jobs that have none: those without a picture, and those whose
picture has only just come. So nothing is missing, and a hundred thousand pictures are looked through in a moment.
"""

import heapq
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import cached_property, reduce
from itertools import islice
from operator import and_
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet

from imagegen import accounts, listings
from imagegen.accounts import Viewer
from imagegen.models import NEWEST, PUBLISHED, Job, Listing, Mark, Tag
from imagegen.states import Visibility

# Stands for every state, where one is asked for.
ANY = "any"
# Values are counted among so many pictures at most, the newest.
MOST_COUNTED = 5_000
# What values are counted of.
FACETS = ("provider", "model", "style", "size", "state")


class Shelf(Enum):
    """Where to look: at what was published, at what is one's own, or at both, which for staff is everything."""

    GALLERY = "gallery"
    HISTORY = "history"
    ALL = "all"


@dataclass(frozen=True)
class Search:
    """What to look for; None is no matter. Each of `words` must begin one of the prompt, and `size` is that of the picture.

    `state` is one of State or ANY; without one, whatever has a picture is found. `rating` is how many stars this person gave
    at least; favourites and tags are this person's as well.
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
    rating: int | None = None
    is_favourite: bool = False
    tag: str | None = None

    @property
    def is_narrow(self) -> bool:
        """Whether there may be long stretches of pictures that do not fit."""
        return bool(self.words or self.owner or self.rating or self.is_favourite or self.tag or self.chosen)

    @property
    def chosen(self) -> dict[str, str]:
        """What was chosen of what is counted."""
        return {name: value for name in FACETS if (value := getattr(self, name)) and value != ANY}


class Edge(NamedTuple):
    """A job's place in the order of all: when it was asked for, and its id."""

    created: datetime
    job: UUID


class Counts(NamedTuple):
    """How often each value of each facet is found where everything else that was chosen fits.

    `are_all` says whether all pictures were counted, or only the newest.
    """

    of: dict[str, Counter[str]]
    are_all: bool


def find(search: Search, viewer: Viewer, *, shelf: Shelf = Shelf.ALL) -> "Found":
    """Return what this person may find there; of a batch, whoever knows its id. Raises NotAllowed."""
    accounts.check_may_read(viewer)
    return Found(search, viewer, shelf)


class Found:
    """What fits a search, the newest first; nothing is read before it is asked for."""

    def __init__(self, search: Search, viewer: Viewer, shelf: Shelf) -> None:
        self._search, self._viewer, self._shelf = search, viewer, shelf
        self._of_jobs, self._of_listings = _Jobs(search, viewer), _Listings(search, viewer)

    def after(self, edge: Edge | None = None, *, most: int) -> list[Job]:
        """Return those that come after this place, however many came in meanwhile, or the first ones."""
        return self._some(edge, most, backwards=False)

    def before(self, edge: Edge, *, most: int) -> list[Job]:
        """Return the last ones that come before this place."""
        return self._some(edge, most, backwards=True)[::-1]

    def counts(self) -> Counts:
        """Count the values of each facet."""
        unlisted = self._of_jobs.counted(self._jobs.filter(place=None))
        rows = [*unlisted, *self._of_listings.counted(self._listings)]
        return Counts({name: self._count(name, rows) for name in FACETS}, sum(row["count"] for row in rows) < MOST_COUNTED)

    def _count(self, facet: str, rows: list[dict[str, Any]]) -> Counter[str]:
        others = {name: value for name, value in self._search.chosen.items() if name != facet}
        counter: Counter[str] = Counter()
        for row in rows:
            if all(row[name] == value for name, value in others.items()) and row[facet]:
                counter[row[facet]] += row["count"]
        return counter

    def _some(self, edge: Edge | None, most: int, *, backwards: bool) -> list[Job]:
        if self._search.batch or not self._search.is_narrow:
            return self._of_jobs.some(self._jobs, edge, most, backwards)
        # In this order: a picture that is listed meanwhile is found twice, not missed.
        unlisted = self._of_jobs.some(self._jobs.filter(place=None), edge, most, backwards)
        # Rows of nothing but ids: a database that has to put fifty thousand in order does so in half the time.
        ids = self._of_listings.some(self._listings.values_list("job"), edge, most, backwards)
        jobs = Job.objects.filter(deleted_at=None).in_bulk([job for (job,) in ids])
        listed = [jobs[job] for (job,) in ids if job in jobs]
        merged = heapq.merge(unlisted, listed, key=_edge, reverse=not backwards)
        return list(islice({job.pk: job for job in merged}.values(), most))

    @cached_property
    def _jobs(self) -> QuerySet[Job]:
        rule = accounts.may_see if self._search.batch else accounts.may_list
        rules = {Shelf.GALLERY: PUBLISHED, Shelf.HISTORY: accounts.is_theirs(self._viewer), Shelf.ALL: rule(self._viewer)}
        jobs = Job.objects.filter(rules[self._shelf], deleted_at=None)
        return jobs.filter(batch=self._search.batch) if self._search.batch else jobs

    @cached_property
    def _listings(self) -> QuerySet[Listing]:
        published = Q(visibility=Visibility.PUBLIC)
        mine, any_ = accounts.is_theirs(self._viewer), accounts.may_list(self._viewer)
        rules = {Shelf.GALLERY: published, Shelf.HISTORY: mine, Shelf.ALL: any_}
        return Listing.objects.filter(rules[self._shelf])


class _Rows:
    """How a search is put to one kind of rows."""

    # The key, the same as marks and tags have it, and the columns behind the facets.
    key: str
    key_of_mark: str
    columns: tuple[str, ...]

    def __init__(self, search: Search, viewer: Viewer) -> None:
        self._search, self._viewer = search, viewer

    def some(self, rows: QuerySet[Any], edge: Edge | None, most: int, backwards: bool) -> list[Any]:
        """Return the first rows of those that fit, from this place on."""
        fitting = rows.filter(self.usual(), self.facets())
        if edge:
            fitting = fitting.filter(self.beyond(edge, backwards))
        return list(self.in_order(fitting, backwards)[:most])

    def counted(self, rows: QuerySet[Any]) -> list[dict[str, Any]]:
        """Return how many rows there are of each combination of facets, whatever was chosen of these.

        They are counted here: SQLite would sort them for it, which takes three times as long.
        """
        newest = self.in_order(rows.filter(self.usual()), False).values_list(*self.columns)[:MOST_COUNTED]
        found = Counter(newest)
        return [self.facets_of(dict(zip(self.columns, row, strict=True)), count) for row, count in found.items()]

    def usual(self) -> Q:
        """Return the condition for what is not a facet."""
        owner = Q(owner__username=self._search.owner) if self._search.owner else Q()
        return self.times() & self.has_picture() & self._marks() & owner

    def facets(self) -> Q:
        """Return the condition for what was chosen."""
        chosen = self._search.chosen
        same = Q(**{name: value for name, value in chosen.items() if name not in ("size", "style")})
        if size := chosen.get("size"):
            width, _, height = size.partition("x")
            same &= Q(width=int(width), height=int(height))
        return same & self.style(style) if (style := chosen.get("style")) else same

    def facets_of(self, row: dict[str, Any], count: int) -> dict[str, Any]:
        """Return a row of counts by the names of the facets."""
        size = f"{row['width']}x{row['height']}" if row["width"] else ""
        return {**row, "size": size, "count": count}

    def in_order(self, rows: QuerySet[Any], backwards: bool) -> QuerySet[Any]:
        """Return those that have the words, in their order."""
        raise NotImplementedError

    def times(self) -> Q:
        raise NotImplementedError

    def has_picture(self) -> Q:
        raise NotImplementedError

    def style(self, name: str) -> Q:
        raise NotImplementedError

    def beyond(self, edge: Edge, backwards: bool) -> Q:
        raise NotImplementedError

    def _marks(self) -> Q:
        search, scope = self._search, accounts.scope(self._viewer)
        conditions: list[QuerySet[Any]] = []
        if search.is_favourite:
            conditions.append(Mark.objects.filter(scope=scope, is_favourite=True))
        if search.rating:
            conditions.append(Mark.objects.filter(scope=scope, rating__gte=search.rating))
        if search.tag:
            conditions.append(Tag.objects.filter(scope=scope, name=search.tag))
        return reduce(and_, (Q(**{f"{self.key}__in": marked.values(self.key_of_mark)}) for marked in conditions), Q())


class _Jobs(_Rows):
    """Jobs themselves."""

    key, key_of_mark = "pk", "job"
    columns = ("provider", "model", "style", "recipe__style__name", "state", "width", "height")

    def facets_of(self, row: dict[str, Any], count: int) -> dict[str, Any]:
        return super().facets_of({**row, "style": row["recipe__style__name"] or row["style"]}, count)

    def in_order(self, rows: QuerySet[Any], backwards: bool) -> QuerySet[Any]:
        having = reduce(and_, (Q(prompt__icontains=word) for word in (self._search.words or "").split()), Q())
        return rows.filter(having).order_by(*(("created", "pk") if backwards else NEWEST))

    def times(self) -> Q:
        limits = {"created__gte": self._search.since, "created__lt": self._search.until}
        return Q(**{name: value for name, value in limits.items() if value is not None})

    def has_picture(self) -> Q:
        return Q() if self._search.state else ~Q(picture="")

    def style(self, name: str) -> Q:
        return Q(recipe__style__name=name) | Q(style=name, recipe__style__isnull=True)

    def beyond(self, edge: Edge, backwards: bool) -> Q:
        side = "gt" if backwards else "lt"
        return Q(**{f"created__{side}": edge.created}) | Q(**{"created": edge.created, f"pk__{side}": edge.job})


class _Listings(_Rows):
    """Listings, which all have pictures."""

    key, key_of_mark = "place", "job__place"
    columns = ("provider", "model", "style", "state", "width", "height")

    def in_order(self, rows: QuerySet[Any], backwards: bool) -> QuerySet[Any]:
        wanted = listings.words(self._search.words or "")
        found = rows.none() if self._search.words and not wanted else rows
        return listings.in_order(found, wanted, oldest_first=backwards)

    def times(self) -> Q:
        limits = {"place__gte": self._search.since, "place__lt": self._search.until}
        return Q(**{name: listings.place(value) for name, value in limits.items() if value is not None})

    def has_picture(self) -> Q:
        return Q()

    def style(self, name: str) -> Q:
        return Q(style=name)

    def beyond(self, edge: Edge, backwards: bool) -> Q:
        return Q(**{"place__gt" if backwards else "place__lt": listings.place(*edge)})


def edge(job: UUID) -> Edge | None:
    """Return the place of a job; None where there is no such job."""
    known = Job.objects.filter(pk=job).values_list("created", "pk").first()
    return Edge(*known) if known else None


def _edge(job: Job) -> Edge:
    return Edge(job.created, job.pk)
