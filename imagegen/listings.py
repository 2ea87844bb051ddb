"""Listings: what searches read of a picture, made soon after it came, and gone while it lies in the trash.

They are made beside the road of a paid call, never on it; what has none yet is found by looking at its job (gallery.py).
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import OuterRef, QuerySet, Subquery

from imagegen.models import TO_LIST, Job, Listing
from imagegen.states import Visibility
from imagegen.writes import locked, writing

# So many are made in one transaction.
AT_ONCE = 500
MAX_WORD = 60
# Signs of scripts that put no spaces between words, and pictures among letters: each is a word by itself.
_ALONE = "\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff\u2600-\u27bf\U0001f000-\U0001faff"
_WORD = re.compile(rf"[{_ALONE}]|[^\W_{_ALONE}]+")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The key is a time in microseconds, and then these bits of the job's id for those of the same time.
_BITS = 11
# SQLite's index of words (0021_words_of_listings).
_INDEX = "imagegen_listing_words"
_MOST = 2**63 - 1


def words(text: str) -> list[str]:
    """Return the words of a text, each once, as searches compare them: without case, accents, and signs between them."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(part for part in parts if not unicodedata.combining(part))
    return list(dict.fromkeys(word[:MAX_WORD] for word in _WORD.findall(plain)))


def place(created: datetime, job: UUID | None = None) -> int:
    """Return the key of a job that was asked for then; without a job, one that is not after any of that time."""
    microseconds = (created - _EPOCH) // timedelta(microseconds=1)
    key = (microseconds << _BITS) + (job.int >> 128 - _BITS if job else 0)
    return max(-_MOST, min(key, _MOST))


def list_new() -> int:
    """Make listings of some pictures that have none; return how many."""
    new = list(Job.objects.filter(TO_LIST).order_by("ended_at").values_list("pk", flat=True)[:AT_ONCE])
    if not new:
        return 0
    with writing():
        ids = locked(Job.objects.filter(pk__in=new))
        jobs = list(Job.objects.filter(TO_LIST, pk__in=ids))
        # Two pictures of one place are one in ten million; the second one's job goes on to be looked at itself.
        Listing.objects.bulk_create(map(_listing, jobs), ignore_conflicts=True)
        Job.objects.filter(pk__in=ids).update(place=Subquery(Listing.objects.filter(job=OuterRef("pk")).values("place")))
    return len(jobs)


def forget(jobs: Sequence[UUID]) -> None:
    """Delete the listings of these jobs, in the caller's transaction."""
    Listing.objects.filter(job__in=jobs).delete()
    Job.objects.filter(pk__in=jobs).update(place=None)


def show_to(visibility: Visibility, jobs: Sequence[UUID]) -> None:
    """Let others see the listings of these jobs or not, in the caller's transaction."""
    Listing.objects.filter(job__in=jobs).update(visibility=visibility)


def _listing(job: Job) -> Listing:
    same = {name: getattr(job, name) for name in ("owner_id", "visibility", "state", "provider", "model", "width", "height")}
    return Listing(
        place=place(job.created, job.pk), job=job, style=job.style_asked, words=" ".join(words(job.prompt)), **same
    )


def in_order(rows: QuerySet[Listing], wanted: list[str], *, oldest_first: bool = False) -> QuerySet[Listing]:
    """Return those of these listings of which each of these words begins one of theirs, the newest first."""
    if not wanted:
        return rows.order_by("place" if oldest_first else "-place")
    if connection.vendor == "postgresql":
        matching = " & ".join(f"'{word}':*" for word in wanted)
        found = rows.extra(where=["array_to_tsvector(string_to_array(words, ' ')) @@ %s::tsquery"], params=[matching])
        return found.order_by("place" if oldest_first else "-place")
    # The index of words is in the order of places, and stands first: nothing is sorted, and reading ends with the page.
    return rows.extra(
        tables=[_INDEX],
        where=[f"{_INDEX}.rowid = imagegen_listing.place", f"{_INDEX} MATCH %s"],
        params=[" ".join(f'"{word}"*' for word in wanted)],
        order_by=[f"{'' if oldest_first else '-'}{_INDEX}.rowid"],
    )
