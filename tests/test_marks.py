"""Favourites, stars and tags: each person's own, of whatever they may see."""

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.test import Client

from imagegen import gallery, listings, marks
from imagegen.errors import BadSubmission, NotAllowed
from imagegen.gallery import Search
from imagegen.marks import Opinion
from imagegen.models import Job, Mark, Tag
from imagegen.states import State, Visibility
from tests.rows import NOBODYS, make_batch, make_job

pytestmark = pytest.mark.django_db
NOBODY = AnonymousUser()


@pytest.fixture
def job(ada: User) -> Job:
    public = make_batch(owner=ada, visibility=Visibility.PUBLIC)
    made = make_job(batch=public, state=State.SUCCEEDED, picture="a.png")
    make_job("Another", batch=public, state=State.SUCCEEDED, picture="b.png")
    return made


def opinion(job: Job, who: User) -> Opinion:
    return marks.of([job.pk], who)[job.pk]


class TestMarks:
    def test_what_one_person_thinks_nobody_else_is_told(self, job: Job, ada: User, bob: User) -> None:
        marks.favour(job.pk, ada, is_favourite=True)
        marks.rate(job.pk, bob, 4)
        marks.retag(job.pk, bob, ["sky"])
        assert opinion(job, ada) == Opinion(True, 0, ())
        assert opinion(job, bob) == Opinion(False, 4, ("sky",))

    def test_it_can_be_changed_and_taken_back(self, job: Job, ada: User) -> None:
        marks.rate(job.pk, ada, 4), marks.favour(job.pk, ada, is_favourite=True), marks.retag(job.pk, ada, ["a", "b"])
        marks.rate(job.pk, ada, 0), marks.favour(job.pk, ada, is_favourite=False), marks.retag(job.pk, ada, ["b"])
        assert opinion(job, ada) == Opinion(False, 0, ("b",))
        assert Mark.objects.count() == 1

    def test_what_nobody_may_see_nobody_marks(self, job: Job, bob: User) -> None:
        Job.objects.update(visibility=Visibility.PRIVATE)
        assert not marks.favour(job.pk, bob, is_favourite=True)
        assert not marks.retag(job.pk, bob, ["sky"])
        assert marks.tag([job.pk, NOBODYS], bob, ["sky"]) == Mark.objects.count() == Tag.objects.count() == 0

    def test_who_may_make_no_pictures_marks_none(self, job: Job, settings: object) -> None:
        settings.ANONYMOUS_ACCESS = "read"  # type: ignore[attr-defined]
        with pytest.raises(NotAllowed):
            marks.rate(job.pk, NOBODY, 3)

    @pytest.mark.parametrize("is_listed", [True, False])
    def test_pictures_are_found_by_what_somebody_thinks_of_them(
        self, job: Job, ada: User, bob: User, is_listed: bool
    ) -> None:
        marks.rate(job.pk, ada, 4), marks.favour(job.pk, ada, is_favourite=True), marks.tag([job.pk], ada, ["sky"])
        if is_listed:
            listings.list_new()
        for asked in (Search(rating=3), Search(is_favourite=True), Search(tag="sky")):
            assert gallery.find(asked, ada).after(most=9) == [job]
            assert gallery.find(asked, bob).after(most=9) == []
        assert gallery.find(Search(rating=5), ada).after(most=9) == []


class TestTags:
    def test_they_are_written_with_commas_between_them(self) -> None:
        assert marks.tags_in(" Red  sky, , SEA,red sky") == ["red sky", "sea"]

    @pytest.mark.parametrize("text", ["x" * 41, ",".join(map(str, range(21))), "a\x00b", "a\nb\x07"])
    def test_too_long_and_too_many_are_refused(self, text: str) -> None:
        with pytest.raises(BadSubmission):
            marks.tags_in(text)

    def test_they_are_added_to_many_at_once(self, job: Job, ada: User) -> None:
        marks.tag([job.pk], ada, ["sky"])
        assert marks.tag(Job.objects.values_list("pk", flat=True), ada, ["sky", "sea"]) == 2
        assert marks.tags_of(ada) == {"sea": 2, "sky": 2}

    def test_where_it_would_be_too_many_nothing_is_added(self, job: Job, ada: User) -> None:
        marks.retag(job.pk, ada, [str(number) for number in range(marks.MAX_TAGS)])
        with pytest.raises(BadSubmission):
            marks.tag([job.pk], ada, ["one more"])
        assert len(opinion(job, ada).tags) == marks.MAX_TAGS


class TestPages:
    @pytest.fixture(autouse=True)
    def _signed_in(self, client: Client, ada: User) -> None:
        client.force_login(ada)

    def test_a_heart_leads_back_to_its_card(self, client: Client, job: Job, ada: User) -> None:
        answer = client.post(f"/images/{job.pk}/favourite", {"favourite": "yes", "next": "/gallery?q=ninja"})
        assert answer["Location"] == f"/gallery?q=ninja#card-{job.pk}"
        assert opinion(job, ada).is_favourite
        client.post(f"/images/{job.pk}/favourite", {"favourite": "no"})
        assert not opinion(job, ada).is_favourite

    @pytest.mark.parametrize("what", ["favourite", "rating", "tags"])
    def test_what_is_said_on_a_picture_s_page_leads_back_to_where_it_was_said(
        self, client: Client, job: Job, what: str
    ) -> None:
        place = f"/images/{job.pk}#opinion"
        page = client.get(f"/images/{job.pk}").content.decode()
        assert 'id="opinion"' in page
        assert page.count(f'name="next" value="{place}"') == 2
        assert client.post(f"/images/{job.pk}/{what}", {"next": place})["Location"] == place

    @pytest.mark.parametrize(("said", "stars"), [("3", 3), ("0", 0), ("99", 5), ("-1", 0), ("x", 0), ("³", 0)])
    def test_stars_are_none_to_five(self, client: Client, job: Job, ada: User, said: str, stars: int) -> None:
        client.post(f"/images/{job.pk}/rating", {"rating": said})
        assert opinion(job, ada).rating == stars

    def test_a_picture_s_page_shows_what_is_thought_of_it(self, client: Client, job: Job, ada: User) -> None:
        marks.rate(job.pk, ada, 2)
        client.post(f"/images/{job.pk}/tags", {"tags": "sky, sea"})
        page = client.get(f"/images/{job.pk}").content.decode()
        assert (page.count("★"), page.count("☆"), 'value="sea, sky"' in page) == (2, 3, True)

    def test_a_bad_tag_is_said_and_changes_nothing(self, client: Client, job: Job, ada: User) -> None:
        marks.retag(job.pk, ada, ["sky"])
        page = f"/images/{job.pk}"
        answer = client.post(f"{page}/tags", {"tags": "x" * 41, "next": f"{page}#opinion"}, follow=True)
        # The message stands at the top.
        assert answer.redirect_chain == [(page, 302)]
        assert "Tags must have at most 40 characters each." in answer.content.decode()
        assert opinion(job, ada).tags == ("sky",)

    @pytest.mark.parametrize("what", ["favourite", "rating", "tags"])
    def test_a_picture_that_is_none_is_not_found(self, client: Client, what: str) -> None:
        assert client.post(f"/images/{NOBODYS}/{what}").status_code == 404

    def test_what_is_ticked_is_tagged(self, client: Client, job: Job, ada: User) -> None:
        answer = client.post("/history/selection", {"job": [str(job.pk)], "wish": "tag", "tags": "Sky"}, follow=True)
        assert "1 picture is tagged sky now." in answer.content.decode()
        assert "sky (1)" in answer.content.decode()

    @pytest.mark.parametrize(("tags", "said"), [("", "Write a tag first"), ("x" * 41, "at most 40 characters")])
    def test_without_a_good_tag_nothing_is_tagged(self, client: Client, job: Job, tags: str, said: str) -> None:
        answer = client.post("/history/selection", {"job": [str(job.pk)], "wish": "tag", "tags": tags}, follow=True)
        assert said in answer.content.decode()
        assert not Tag.objects.exists()
