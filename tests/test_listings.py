"""Searches: listings, what has none yet, and what is counted of both."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from imagegen import gallery, listings, marks, retention, sharing
from imagegen.gallery import ANY, MOST_COUNTED, Search, Shelf
from imagegen.models import Job, Listing
from imagegen.states import State, Visibility, Wish
from tests.rows import make_batch, make_job

pytestmark = pytest.mark.django_db
NOBODY = AnonymousUser()


def picture(prompt: str = "A kite", **fields: Any) -> Job:
    return make_job(prompt, **{"state": State.SUCCEEDED, "picture": "a.png", "width": 64, "height": 64, **fields})


def found(shelf: Shelf = Shelf.ALL, **asked: Any) -> list[str]:
    return [job.prompt for job in gallery.find(Search(**asked), NOBODY, shelf=shelf).after(most=9)]


class TestWords:
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("A red, red kite!", ["a", "red", "kite"]),
            ("Café ÉCLAIR straße", ["cafe", "eclair", "strasse"]),
            ("under_score 3d-model", ["under", "score", "3d", "model"]),
            ("赤い猫", ["赤", "い", "猫"]),
            ("ein 🐶 hund", ["ein", "🐶", "hund"]),
            ('\'; DROP "x" \\ :* & | !', ["drop", "x"]),
            ("... ---", []),
        ],
        ids=["once", "accents", "signs", "no spaces", "pictures", "quotes", "nothing"],
    )
    def test_words_are_compared_without_case_accents_and_signs(self, text: str, words: list[str]) -> None:
        assert listings.words(text) == words

    @pytest.mark.parametrize("asked", ["kite", "KIT", "k cafe", "café", "猫", "🐶", "O'Neil", "x2"])
    def test_each_word_begins_one_of_the_prompt(self, asked: str) -> None:
        picture("A kite at O'Neil's Café with 赤い猫 and 🐶 x2"), picture("A dog")
        listings.list_new()
        assert len(found(words=asked)) == 1

    @pytest.mark.parametrize("asked", ["ite", "kite dog", "*", '"', "'", "\\", "kite -- x", "NEAR(kite)x", "words:kite"])
    def test_what_is_not_in_a_prompt_finds_nothing_and_breaks_nothing(self, asked: str) -> None:
        picture("A kite"), picture("A dog")
        listings.list_new()
        assert found(words=asked) == []

    def test_a_prompt_as_long_as_they_come_is_found(self) -> None:
        picture("ü" * 9_980 + " at last"), picture(" ".join(f"word{number}" for number in range(1000)))
        assert listings.list_new() == 2
        assert len(found(words="last")) == len(found(words="word999")) == 1


class TestListing:
    def test_a_picture_is_found_before_and_after_it_is_listed(self) -> None:
        picture("A kite")
        before = found(words="kite", provider="demo", size="64x64")
        assert listings.list_new() == 1
        assert before == found(words="kite", provider="demo", size="64x64") == ["A kite"]

    def test_what_has_no_picture_is_found_too(self) -> None:
        make_job("A kite", state=State.FAILED), picture("A kite in the sky")
        listings.list_new()
        assert found(Shelf.HISTORY, words="kite", state=ANY) == ["A kite in the sky", "A kite"]
        assert found(Shelf.HISTORY, words="kite", state="failed") == ["A kite"]

    def test_each_picture_is_listed_once(self) -> None:
        picture(), picture(), make_job()
        assert [listings.list_new(), listings.list_new()] == [2, 0]
        assert Listing.objects.count() == 2

    def test_two_of_one_place_are_both_found(self) -> None:
        moment = datetime(2026, 3, 1, tzinfo=UTC)
        first = picture("A kite", created=moment)
        picture("A kite too", created=moment, id=first.pk.int + 1)
        assert listings.list_new() == 2
        assert sorted(found(words="kite")) == ["A kite", "A kite too"]

    def test_the_order_is_that_of_the_jobs(self) -> None:
        moment = datetime(2026, 3, 1, tzinfo=UTC)
        for number in (2, 5, 1, 4, 3):
            picture(f"Kite {number}", created=moment + timedelta(microseconds=number))
            if number == 1:
                listings.list_new()
        assert found(words="kite") == [f"Kite {number}" for number in (5, 4, 3, 2, 1)]

    def test_pages_follow_each_other_both_ways_through_both_kinds(self) -> None:
        made = [picture(f"Kite {number}") for number in range(4)]
        listings.list_new()
        made += [picture(f"Kite {number}") for number in range(4, 7)]
        here = gallery.find(Search(words="kite"), NOBODY)
        middle = gallery.edge(made[3].pk)
        assert middle is not None
        assert [job.prompt for job in here.after(middle, most=2)] == ["Kite 2", "Kite 1"]
        assert [job.prompt for job in here.before(middle, most=2)] == ["Kite 5", "Kite 4"]

    @pytest.mark.parametrize("year", [1, 1970, 2026, 9999])
    def test_every_time_has_a_place_that_the_database_takes(self, year: int) -> None:
        picture("A kite", created=datetime(2026, 1, 1, tzinfo=UTC))
        listings.list_new()
        moment = datetime(year, 1, 1, tzinfo=UTC)
        assert len(found(provider="demo", since=moment)) == (year <= 2026)
        assert len(found(provider="demo", until=moment)) == (year > 2026)

    def test_a_saved_style_is_found_by_its_name(self) -> None:
        style = {"name": "ink", "suffix": "in ink", "negative_prompt": "", "preset": ""}
        picture("A kite", recipe={"style": style}), picture("A dog", style="anime")
        before = found(style="ink"), found(style="anime")
        listings.list_new()
        assert before == (found(style="ink"), found(style="anime")) == (["A kite"], ["A dog"])


class TestSharing:
    def test_what_is_thrown_away_has_no_listing_until_it_is_back(self) -> None:
        job = picture()
        listings.list_new()
        sharing.on_jobs(Wish.DELETE, [job.pk], viewer=NOBODY)
        assert (found(words="kite"), listings.list_new(), Listing.objects.count()) == ([], 0, 0)
        sharing.on_jobs(Wish.RESTORE, [job.pk], viewer=NOBODY)
        assert (found(words="kite"), listings.list_new(), found(words="kite")) == (["A kite"], 1, ["A kite"])

    @pytest.mark.parametrize("listed_first", [True, False])
    def test_a_published_one_is_found_by_others_until_it_is_taken_back(self, listed_first: bool) -> None:
        job = picture()
        if listed_first:
            listings.list_new()
        sharing.on_jobs(Wish.PUBLISH, [job.pk], viewer=NOBODY)
        listings.list_new()
        assert found(Shelf.GALLERY, words="kite") == ["A kite"]
        sharing.on_jobs(Wish.TAKE_BACK, [job.pk], viewer=NOBODY)
        assert found(Shelf.GALLERY, words="kite") == []

    def test_a_person_s_pictures_are_not_found_by_others(self) -> None:
        ada, bob = (User.objects.create_user(name) for name in ("ada", "bob"))
        picture("A kite", batch=make_batch(owner=ada))
        picture("A public kite", batch=make_batch(owner=ada, visibility=Visibility.PUBLIC))
        listings.list_new()
        seen = {who: len(gallery.find(Search(words="kite"), who).after(most=9)) for who in (ada, bob, NOBODY)}
        assert seen == {ada: 2, bob: 1, NOBODY: 1}

    def test_what_is_deleted_for_good_leaves_nothing_behind(self) -> None:
        job = picture(picture="")
        Job.objects.filter(pk=job.pk).update(picture="gone.png")
        listings.list_new()
        marks.favour(job.pk, NOBODY, is_favourite=True)
        Job.objects.update(deleted_at=datetime(2026, 1, 1, tzinfo=UTC))
        assert (retention.empty_old_trash(), Listing.objects.count(), Job.objects.count()) == (1, 0, 0)


class TestCounts:
    @pytest.fixture
    def _crowd(self) -> None:
        picture("A kite", style="anime"), picture("A kite"), picture("A dog", provider="crowded", width=128)
        listings.list_new()
        picture("A new kite", style="anime"), make_job("A kite", state=State.FAILED)

    @pytest.mark.usefixtures("_crowd")
    def test_each_value_is_counted_where_the_rest_of_what_was_chosen_fits(self) -> None:
        counts = gallery.find(Search(words="kite", style="anime", state=ANY), NOBODY, shelf=Shelf.HISTORY).counts()
        assert counts.are_all
        assert counts.of["style"] == {"anime": 2}
        assert counts.of["state"] == {"succeeded": 2}
        assert gallery.find(Search(provider="demo"), NOBODY, shelf=Shelf.HISTORY).counts().of == {
            "provider": {"demo": 3, "crowded": 1},
            "model": {"demo": 3},
            "style": {"anime": 2},
            "size": {"64x64": 3},
            "state": {"succeeded": 3},
        }

    def test_no_more_than_so_many_are_counted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(gallery, "MOST_COUNTED", 2)
        for _ in range(3):
            picture()
        counts = gallery.find(Search(), NOBODY).counts()
        assert (counts.are_all, counts.of["provider"], MOST_COUNTED > 2) == (False, {"demo": 2}, True)


@pytest.mark.parametrize("asked", [{}, {"words": "kite"}, {"style": "anime"}, {"rating": 1}, {"tag": "sky"}], ids=str)
def test_many_pictures_need_no_more_queries_than_few(asked: dict[str, Any]) -> None:
    queries = []
    for _ in range(2):
        for _ in range(6):
            job = picture(style="anime", owner=None)
            marks.rate(job.pk, NOBODY, 3), marks.tag([job.pk], NOBODY, ["sky"])
        listings.list_new()
        picture(style="anime")
        with CaptureQueriesContext(connection) as captured:
            here = gallery.find(Search(**asked), NOBODY, shelf=Shelf.HISTORY)
            here.after(most=48), here.counts()
        queries.append(len(captured))
    assert queries[0] == queries[1] <= 5


@pytest.mark.laptop
@pytest.mark.parametrize("asked", [{"words": "kite"}, {"provider": "none"}, {"words": "kite", "style": "none"}], ids=str)
@pytest.mark.parametrize("shelf", Shelf)
def test_sqlite_looks_through_no_jobs_that_are_listed(shelf: Shelf, asked: dict[str, Any]) -> None:
    with CaptureQueriesContext(connection) as captured:
        gallery.find(Search(**asked), NOBODY, shelf=shelf).after(most=48)
    with connection.cursor() as cursor:
        plans = [cursor.execute(f"EXPLAIN QUERY PLAN {query['sql']}").fetchall() for query in captured.captured_queries]
    steps = [str(step[3]) for plan in plans for step in plan if "imagegen_job" in str(step[3])]
    assert steps
    assert all("job_unlisted (place=?" in step or "job_to_list (place=?" in step for step in steps), steps
