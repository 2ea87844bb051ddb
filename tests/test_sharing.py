"""Publishing, taking back, throwing away and bringing back: the owner's alone, and held to from the next question on."""

import io
import zipfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.utils import timezone

from imagegen import decisions, exports, gallery, generation, listings, outputs, queries, retention, sharing, storage, usage
from imagegen.errors import NotAllowed
from imagegen.gallery import ANY, Search
from imagegen.models import Attempt, Batch, Job
from imagegen.states import Charged, Decision, State, Visibility, Wish
from tests.rows import make_batch, make_job

pytestmark = pytest.mark.django_db(transaction=True)
NOBODY = AnonymousUser()


@pytest.fixture
def batch(ada: User) -> Batch:
    return make_batch(owner=ada)


@pytest.fixture
def job(batch: Batch) -> Job:
    made = make_job(batch=batch, size="64x64")
    generation.run(made.pk)
    listings.list_new()
    made.refresh_from_db()
    return made


def wish(what: Wish, job: Job, who: Any) -> int:
    return sharing.on_jobs(what, [job.pk], viewer=who)


def sees(who: Any, job: Job) -> dict[str, bool]:
    """Say on which ways somebody comes to a picture."""
    return {
        "card": queries.cards([str(job.pk)], who)[0].state != queries.MISSING,
        "file": queries.picture(job.pk, "png", who) is not None,
        "output": outputs.find(str(outputs.name(job)), who) is not None,
        "list": job in gallery.find(Search(), who).after(most=9),
        "search": job in gallery.find(Search(words="ninja"), who).after(most=9),
        "settings": queries.visible_job(str(job.pk), who) is not None,
        "live": job.pk in queries.visible_glances(who, batch="", task_ids=[str(job.pk)]),
        "zip": str(job.pk).encode() in b"".join(exports.of_jobs([job.pk], who)),
    }


class TestPublishing:
    def test_a_private_picture_is_seen_by_its_owner_alone(self, job: Job, ada: User, bob: User) -> None:
        assert all(sees(ada, job).values())
        assert not any(sees(bob, job).values())
        assert not any(sees(NOBODY, job).values())

    def test_a_published_one_is_seen_by_everybody_and_one_taken_back_by_nobody(self, job: Job, ada: User) -> None:
        assert wish(Wish.PUBLISH, job, ada) == 1
        assert all(sees(NOBODY, job).values())
        assert wish(Wish.TAKE_BACK, job, ada) == 1
        assert not any(sees(NOBODY, job).values())

    def test_of_a_batch_that_is_published_one_picture_can_be_taken_back(self, job: Job, ada: User, bob: User) -> None:
        other = make_job(batch=job.batch)
        assert sharing.on_batch(Wish.PUBLISH, job.batch_id, viewer=ada) == 2
        wish(Wish.TAKE_BACK, job, ada)
        shown = queries.batch_cards(job.batch_id, bob)
        assert shown is not None
        assert [card.task_id for card in shown] == [str(other.pk)]

    def test_a_batch_that_is_taken_back_opens_to_nobody_else(self, job: Job, ada: User, bob: User) -> None:
        sharing.on_batch(Wish.PUBLISH, job.batch_id, viewer=ada)
        assert sharing.on_batch(Wish.TAKE_BACK, job.batch_id, viewer=ada) == 1
        assert queries.batch_cards(job.batch_id, bob) is None
        assert not any(sees(bob, job).values())

    def test_a_published_picture_opens_nothing_else_of_its_batch(self, job: Job, ada: User, bob: User) -> None:
        other = make_job(batch=job.batch)
        wish(Wish.PUBLISH, job, ada)
        assert queries.batch_cards(job.batch_id, bob) is None
        assert not any(sees(bob, other).values())

    def test_twice_is_once(self, job: Job, ada: User) -> None:
        assert (wish(Wish.PUBLISH, job, ada), wish(Wish.PUBLISH, job, ada)) == (1, 0)

    def test_an_open_page_hears_of_it(self, job: Job, ada: User) -> None:
        before = job.changed
        wish(Wish.PUBLISH, job, ada)
        job.refresh_from_db()
        assert job.changed > before


class TestTrash:
    def test_what_is_thrown_away_is_gone_for_everybody_but_lies_in_the_trash(self, job: Job, ada: User) -> None:
        wish(Wish.PUBLISH, job, ada)
        assert wish(Wish.DELETE, job, ada) == 1
        assert not any(sees(NOBODY, job).values())
        assert {way for way, is_open in sees(ada, job).items() if is_open} == {"file"}
        assert list(sharing.trash(ada)) == [job]

    def test_nobody_else_finds_it_there(self, job: Job, ada: User, bob: User) -> None:
        wish(Wish.DELETE, job, ada)
        assert not any(sees(bob, job).values())
        assert list(sharing.trash(bob)) == []

    def test_it_comes_back_as_it_was(self, job: Job, ada: User) -> None:
        wish(Wish.PUBLISH, job, ada)
        wish(Wish.DELETE, job, ada)
        assert wish(Wish.RESTORE, job, ada) == 1
        assert all(sees(NOBODY, job).values())
        assert list(sharing.trash(ada)) == []

    @pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING])
    def test_what_is_still_being_made_is_not_thrown_away(self, batch: Batch, ada: User, state: State) -> None:
        assert wish(Wish.DELETE, make_job(batch=batch, state=state), ada) == 0

    def test_nobody_buys_again_what_lies_in_the_trash(self, batch: Batch, ada: User) -> None:
        thrown = make_job(batch=batch, state=State.FAILED)
        wish(Wish.DELETE, thrown, ada)
        assert decisions.on_batch(Decision.RETRY, batch.pk, viewer=ada) == 0
        assert not decisions.on_job(Decision.RETRY, thrown.pk, viewer=ada)

    def test_a_zip_of_the_batch_leaves_it_out(self, job: Job, ada: User) -> None:
        left = make_job(batch=job.batch, state=State.FAILED)
        wish(Wish.DELETE, job, ada)
        archive = zipfile.ZipFile(io.BytesIO(b"".join(exports.of_batch(job.batch_id, ada))))
        manifest = archive.read(exports.MANIFEST).decode()
        assert (str(left.pk) in manifest, str(job.pk) in manifest) == (True, False)


@pytest.mark.parametrize("what", Wish)
class TestOwners:
    def test_another_persons_picture_stays_as_it_is(self, job: Job, bob: User, what: Wish) -> None:
        Job.objects.update(visibility=Visibility.PUBLIC)
        columns = Job.objects.values("visibility", "deleted_at", "changed")
        before = columns.get()
        assert wish(what, job, bob) == 0
        assert sharing.on_batch(what, job.batch_id, viewer=bob) is None
        assert columns.get() == before

    def test_staff_do_not_decide_for_others(self, job: Job, what: Wish) -> None:
        assert wish(what, job, User.objects.create_user("eve", is_staff=True)) == 0

    def test_who_may_make_nothing_may_change_nothing(self, job: Job, settings: Any, what: Wish) -> None:
        settings.ANONYMOUS_ACCESS = "read"
        with pytest.raises(NotAllowed):
            wish(what, job, NOBODY)


class TestRetention:
    @pytest.fixture
    def age(self, job: Job) -> Callable[[float], None]:
        def age(days: float) -> None:
            Job.objects.filter(pk=job.pk).update(deleted_at=timezone.now() - timedelta(days=days))

        return age

    def test_what_was_thrown_away_lately_stays(self, job: Job, age: Callable[[float], None]) -> None:
        age(retention.DAYS - 0.1)
        assert retention.empty_old_trash() == 0
        assert storage.read(job.picture)

    def test_after_thirty_days_row_and_file_are_gone(self, job: Job, age: Callable[[float], None]) -> None:
        age(retention.DAYS + 0.1)
        assert retention.empty_old_trash() == 1
        assert not Job.objects.exists()
        with pytest.raises(FileNotFoundError):
            storage.read(job.picture)

    def test_what_was_paid_stays_in_the_ledger_with_who_paid(
        self, job: Job, age: Callable[[float], None], ada: User
    ) -> None:
        Attempt.objects.update(charged=Charged.YES, amount="3", unit="credits", provider="stability")
        before = usage.by_day(ada, mine=True)
        age(retention.DAYS + 1)
        retention.empty_old_trash()
        assert usage.by_day(ada, mine=True) == before != []

    def test_what_is_not_in_the_trash_is_never_touched(self, job: Job) -> None:
        Job.objects.update(created=timezone.now() - timedelta(days=400))
        assert retention.empty_old_trash() == 0

    def test_one_whose_file_is_gone_already_goes_too(self, job: Job, age: Callable[[float], None]) -> None:
        storage.delete(job.picture)
        age(retention.DAYS + 1)
        assert retention.empty_old_trash() == 1


def test_the_history_lists_whatever_is_theirs_and_not_in_the_trash(job: Job, ada: User) -> None:
    make_job(batch=job.batch, state=State.FAILED)
    wish(Wish.DELETE, job, ada)
    assert [found.state for found in gallery.find(Search(state=ANY), ada).after(most=9)] == [State.FAILED]
