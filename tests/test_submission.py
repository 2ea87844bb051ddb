"""Prompts in, jobs made: everything is right and there is one batch, or nothing is made and the problems say why."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, NoReturn
from uuid import UUID

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import connection
from pytest_django import DjangoCaptureOnCommitCallbacks

from imagegen import announcements, redis, submission, tasks
from imagegen.accounts import Viewer
from imagegen.errors import BadSubmission, Conflict, NotAllowed, Problem
from imagegen.items import Item
from imagegen.models import Batch, Job
from imagegen.providers.base import MAX_SEED, Answer, ImageRequest, ImageResult, Keep, Model, Provider
from imagegen.submission import Submission
from tests.standins.stability import StabilityStandIn

NOBODY = AnonymousUser()
Submit = Callable[..., Submission]


def messages() -> list[UUID]:
    """Return the jobs that workers were told about, the first one first."""
    announcements.wait_until_idle()
    lists: list[Any] = [redis.client().lrange(name, 0, -1) for name in tasks.queue_names()]
    return [UUID(json.loads(message)["headers"]["id"]) for waiting in lists for message in reversed(waiting)]


def nothing_was_made() -> bool:
    """Whether there is no row and no message."""
    return not Batch.objects.exists() and not Job.objects.exists() and not messages()


@pytest.fixture
def submit(db: None, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> Submit:
    """Submit as a request would: what happens on commit happens."""

    def send(items: Sequence[Item], *, viewer: Viewer = NOBODY, source: str = "test", key: str = "") -> Submission:
        with django_capture_on_commit_callbacks(execute=True):
            return submission.submit(items, viewer=viewer, source=source, key=key)

    return send


def problems_of(submit: Submit, items: Sequence[Item], **more: Any) -> list[Problem]:
    with pytest.raises(BadSubmission) as caught:
        submit(items, **more)
    return caught.value.problems


def prompts_and_seeds(made: Submission) -> list[tuple[str, int | None]]:
    jobs = Job.objects.in_bulk(made.jobs)
    return [(jobs[job].prompt, jobs[job].seed) for job in made.jobs]


def shapes(made: Submission) -> list[tuple[str, str]]:
    return list(Job.objects.filter(batch=made.batch).order_by("position").values_list("size", "aspect_ratio"))


class Plain(Provider):
    """Understands a prompt of 20 characters and one size, and nothing else."""

    models = (Model("plain"),)
    max_prompt = 20

    def send(self, request: ImageRequest, keep: Keep) -> NoReturn:
        raise AssertionError("no test sends")

    def read(self, answer: Answer) -> ImageResult:
        raise AssertionError("no test reads")


@pytest.fixture
def plain(settings: Any) -> None:
    settings.IMAGE_PROVIDERS = {**settings.IMAGE_PROVIDERS, "plain": {"BACKEND": "tests.test_submission.Plain"}}


# --- What is made -------------------------------------------------------------------------------------------------


def test_each_prompt_is_one_job_in_the_order_given(submit: Submit) -> None:
    made = submit([Item("a dog"), Item("a cat"), Item("a dog")])
    rows = Job.objects.filter(batch=made.batch).order_by("position")
    assert [(row.pk, row.prompt, row.position) for row in rows] == list(
        zip(made.jobs, ["a dog", "a cat", "a dog"], range(3), strict=True)
    )


def test_workers_are_told_about_each_job_once_in_order_with_its_own_id(submit: Submit) -> None:
    made = submit([Item(f"picture {number}") for number in range(5)])
    assert messages() == made.jobs


@pytest.mark.django_db
def test_workers_are_told_nothing_before_the_rows_are_committed() -> None:
    submission.submit([Item("a dog")], viewer=NOBODY, source="test")
    assert messages() == []


def test_a_prompt_is_trimmed_and_otherwise_kept_as_it_came(submit: Submit) -> None:
    made = submit([Item("  Ein Hündchen 🐕\n\tim  Schnee ../../x <b>\u200b \r\n")])
    assert prompts_and_seeds(made)[0][0] == "Ein Hündchen 🐕\n\tim  Schnee ../../x <b>\u200b"


def test_the_default_provider_and_its_first_model_are_written_down(submit: Submit) -> None:
    job = Job.objects.get(pk=submit([Item("a dog")]).jobs[0])
    assert (job.provider, job.model) == ("demo", "demo")


def test_options_are_written_down(submit: Submit) -> None:
    asked = {"negative_prompt": "fog", "aspect_ratio": "16:9", "style": "forest", "seed": 7}
    made = submit([Item("a dog", **asked)])
    assert Job.objects.values(*asked).get(pk=made.jobs[0]) == asked


@pytest.mark.parametrize("word", ["", "auto", "standard", "AUTO", " Standard ", None])
def test_auto_standard_and_nothing_mean_absent(submit: Submit, word: str | None) -> None:
    made = submit([Item("a dog", provider=word, model=word, size=word, aspect_ratio=word, style=word)])
    job = Job.objects.get(pk=made.jobs[0])
    assert (job.provider, job.model, job.size, job.aspect_ratio, job.style) == ("demo", "demo", "", "", "")


def test_a_prompt_and_what_is_not_wanted_may_be_the_word_auto(submit: Submit) -> None:
    job = Job.objects.get(pk=submit([Item("auto", negative_prompt="standard")]).jobs[0])
    assert (job.prompt, job.negative_prompt) == ("auto", "standard")


def test_a_size_becomes_the_ratio_of_a_provider_that_draws_ratios(
    submit: Submit, stability_provider: StabilityStandIn
) -> None:
    made = submit([Item("a dog", size="1920x1088"), Item("a cat", size="1024X1024")])
    assert shapes(made) == [("1920x1088", "16:9"), ("1024x1024", "1:1")]


def test_a_size_stays_a_size_where_the_provider_draws_sizes(submit: Submit) -> None:
    assert shapes(submit([Item("a dog", size="640x480")])) == [("640x480", "")]


# --- Seeds and n --------------------------------------------------------------------------------------------------


def test_n_expands_prompt_by_prompt_with_seeds_that_count_on(submit: Submit) -> None:
    made = submit([Item("a dog", n=3, seed=7), Item("a cat", seed=1), Item("an ox", n=2, seed=MAX_SEED - 1)])
    dogs = [("a dog", 7), ("a dog", 8), ("a dog", 9)]
    assert prompts_and_seeds(made) == [*dogs, ("a cat", 1), ("an ox", MAX_SEED - 1), ("an ox", MAX_SEED)]


@pytest.mark.parametrize("seed", [-1, 0, None, ""])
def test_a_seed_is_drawn_where_none_is_given(submit: Submit, seed: object) -> None:
    drawn = [each for _, each in prompts_and_seeds(submit([Item("a dog", seed=seed) for _ in range(20)]))]
    assert all(each is not None and 1 <= each <= MAX_SEED for each in drawn)
    assert len(set(drawn)) == 20


@pytest.mark.parametrize("seed", [-1, 0, None])
def test_pictures_of_one_prompt_count_on_from_a_drawn_seed(submit: Submit, seed: object) -> None:
    seeds = [drawn or 0 for _, drawn in prompts_and_seeds(submit([Item("a dog", seed=seed, n=4)]))]
    assert seeds == list(range(seeds[0], seeds[0] + 4))


@pytest.mark.usefixtures("plain")
def test_no_seed_is_drawn_for_a_provider_that_takes_none(submit: Submit) -> None:
    assert prompts_and_seeds(submit([Item("a dog", provider="plain", n=2)])) == [("a dog", None), ("a dog", None)]


# --- Bad input ----------------------------------------------------------------------------------------------------

BAD_ITEMS: list[tuple[Item, str, str]] = [
    (Item(""), "prompt", "empty"),
    (Item(" \t\r\n\u3000"), "prompt", "empty"),
    (Item(None), "prompt", "text"),
    (Item(5), "prompt", "text, not a number"),
    (Item(1.5), "prompt", "text, not a number"),
    (Item(True), "prompt", "text, not true or false"),
    (Item(["a dog"]), "prompt", "text, not a list"),
    (Item({"prompt": "a dog"}), "prompt", "text, not an object"),
    (Item("a\x00dog"), "prompt", "NUL"),
    (Item("a dog \ud83d"), "prompt", "surrogate"),
    (Item("x" * 10_001), "prompt", "10000"),
    (Item("a dog", negative_prompt=5), "negative_prompt", "text"),
    (Item("a dog", negative_prompt="fog\x00"), "negative_prompt", "NUL"),
    (Item("a dog", negative_prompt="x" * 10_001), "negative_prompt", "10000"),
    (Item("a dog", provider="dall-e"), "provider", "demo"),
    (Item("a dog", provider=7), "provider", "text"),
    (Item("a dog", provider="\ud800"), "provider", "surrogate"),
    (Item("a dog", provider="stability"), "provider", "STABILITY_API_KEY"),
    (Item("a dog", model="core"), "model", "demo"),
    (Item("a dog", model=["demo"]), "model", "text"),
    (Item("a dog", style="noir"), "style", "forest"),
    (Item("a dog", style=False), "style", "text"),
    (Item("a dog", size="big"), "size", "WIDTHxHEIGHT"),
    (Item("a dog", size="1024"), "size", "WIDTHxHEIGHT"),
    (Item("a dog", size="0x1024"), "size", "WIDTHxHEIGHT"),
    (Item("a dog", size="-1x1024"), "size", "WIDTHxHEIGHT"),
    (Item("a dog", size="١٠٢٤x١٠٢٤"), "size", "WIDTHxHEIGHT"),
    (Item("a dog", size="1024x1024\n1"), "size", "WIDTHxHEIGHT"),
    (Item("a dog", size=1024), "size", "text"),
    (Item("a dog", size="8192x8192"), "size", "64x64 to 2048x2048"),
    (Item("a dog", aspect_ratio="7:3"), "aspect_ratio", "16:9"),
    (Item("a dog", aspect_ratio=1.5), "aspect_ratio", "text"),
    (Item("a dog", size="1024x1024", aspect_ratio="1:1"), "aspect_ratio", "not both"),
    (Item("a dog", seed=-2), "seed", str(MAX_SEED)),
    (Item("a dog", seed=MAX_SEED + 1), "seed", str(MAX_SEED)),
    (Item("a dog", seed=10**400), "seed", str(MAX_SEED)),
    (Item("a dog", seed="7"), "seed", "whole number"),
    (Item("a dog", seed=7.0), "seed", "whole number"),
    (Item("a dog", seed=True), "seed", "whole number, not true or false"),
    (Item("a dog", seed=MAX_SEED, n=2), "seed", str(MAX_SEED)),
    (Item("a dog", n=0), "n", "1000"),
    (Item("a dog", n=-1), "n", "1000"),
    (Item("a dog", n=1001), "n", "1000"),
    (Item("a dog", n="2"), "n", "whole number"),
    (Item("a dog", n=True), "n", "whole number"),
    (Item("a dog", n=1.5), "n", "whole number"),
]


@pytest.mark.parametrize(("item", "field", "said"), BAD_ITEMS)
def test_what_is_wrong_is_named_by_field_and_position_and_nothing_is_made(
    submit: Submit, item: Item, field: str, said: str
) -> None:
    [problem] = problems_of(submit, [Item("good"), Item("good"), item, Item("good")])
    assert (problem.field, problem.position) == (field, 2)
    assert said in problem.message
    assert nothing_was_made()


BAD_FOR_PLAIN: list[tuple[Item, str]] = [
    (Item("a dog", negative_prompt="fog"), "negative_prompt"),
    (Item("a dog", seed=7), "seed"),
    (Item("a dog", style="forest"), "style"),
    (Item("a dog", aspect_ratio="1:1"), "aspect_ratio"),
    (Item("a dog", size="640x480"), "size"),
    (Item("x" * 21), "prompt"),
]


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize(("item", "field"), BAD_FOR_PLAIN)
def test_what_a_provider_does_not_support_is_refused_not_dropped(
    submit: Submit, settings: Any, item: Item, field: str
) -> None:
    settings.DEFAULT_PROVIDER = "plain"
    [problem] = problems_of(submit, [item])
    assert (problem.field, problem.position) == (field, 0)
    assert nothing_was_made()


def test_a_size_whose_ratio_the_provider_does_not_draw_lists_the_ratios(
    submit: Submit, stability_provider: StabilityStandIn
) -> None:
    [problem] = problems_of(submit, [Item("a dog", size="1000x100")])
    assert problem.field == "size"
    assert "21:9" in problem.message


@pytest.mark.parametrize(
    ("field", "known"), [("provider", ["stability", "demo"]), ("model", ["core", "ultra", "sd3.5-flash"])]
)
def test_an_unknown_word_lists_the_ones_there_are(
    submit: Submit, stability_provider: StabilityStandIn, field: str, known: list[str]
) -> None:
    [problem] = problems_of(submit, [Item("a dog", **{field: "nonsense"})])
    assert all(word in problem.message for word in known)


def test_an_empty_list_is_refused(submit: Submit) -> None:
    assert problems_of(submit, []) == [Problem("prompt", "the list is empty: at least one prompt is needed")]
    assert nothing_was_made()


@pytest.mark.parametrize("key", ["k" * 256, "a\nb", "a\x00b", "a\u2028b"])
def test_a_key_that_is_too_long_or_not_printable_is_refused(submit: Submit, key: str) -> None:
    [problem] = problems_of(submit, [Item("a dog")], key=key)
    assert problem.field == "Idempotency-Key"
    assert nothing_was_made()


def test_everything_that_is_wrong_is_said_at_once(submit: Submit) -> None:
    found = problems_of(submit, [Item("", n=0), Item("a dog"), Item("a cat", seed="x", style=5)])
    assert {(each.field, each.position) for each in found} == {("prompt", 0), ("n", 0), ("seed", 2), ("style", 2)}


def test_a_thousand_wrong_prompts_get_few_sentences(submit: Submit) -> None:
    found = problems_of(submit, [Item("")] * 1000)
    assert [each.position for each in found] == list(range(20))


def test_a_ratio_of_the_wrong_type_beside_a_size_is_said_once(submit: Submit) -> None:
    assert len(problems_of(submit, [Item("a dog", size="640x480", aspect_ratio=5)])) == 1


@pytest.mark.parametrize("access", ["read", "closed"])
def test_somebody_without_a_name_makes_nothing_where_that_is_not_open(submit: Submit, settings: Any, access: str) -> None:
    settings.ANONYMOUS_ACCESS = access
    with pytest.raises(NotAllowed):
        submit([Item("a dog")])
    assert nothing_was_made()


# --- Limits -------------------------------------------------------------------------------------------------------


def test_a_prompt_may_have_ten_thousand_characters_after_trimming(submit: Submit) -> None:
    assert len(prompts_and_seeds(submit([Item("  " + "é" * 10_000 + "\n")]))[0][0]) == 10_000


@pytest.mark.django_db(transaction=True)
def test_a_thousand_prompts_make_a_thousand_rows_and_a_thousand_messages() -> None:
    made = submission.submit([Item(f"picture {number}") for number in range(1000)], viewer=NOBODY, source="test")
    assert Job.objects.filter(batch=made.batch).count() == len(set(made.jobs)) == 1000
    assert messages() == made.jobs


TOO_MANY: list[tuple[list[Item], str, int | None]] = [
    ([Item("a dog")] * 1001, "prompt", None),
    ([Item("")] * 1001, "prompt", None),
    ([Item("a dog", n=500), Item("a cat", n=500), Item("an ox")], "n", 2),
    ([Item("a dog")] * 500 + [Item("a cat", n=501)], "n", 500),
]


@pytest.mark.parametrize(("items", "field", "position"), TOO_MANY)
def test_more_than_a_thousand_pictures_are_refused_counted_after_n(
    submit: Submit, items: list[Item], field: str, position: int | None
) -> None:
    [problem] = problems_of(submit, items)
    assert (problem.field, problem.position) == (field, position)
    assert "1000" in problem.message
    assert nothing_was_made()


def test_a_thousand_pictures_counted_after_n_are_allowed(submit: Submit) -> None:
    assert len(submit([Item("a dog", n=999), Item("a cat")]).jobs) == 1000


def test_the_limit_is_a_setting(submit: Submit, settings: Any) -> None:
    settings.MAX_PROMPTS = 2
    [problem] = problems_of(submit, [Item("a dog")] * 3)
    assert "at most 2" in problem.message


# --- Idempotency --------------------------------------------------------------------------------------------------


def test_the_same_key_and_body_is_the_same_batch_and_workers_hear_of_it_once(submit: Submit) -> None:
    items = [Item("a dog", n=3), Item("a cat", seed=5)]
    first, second = submit(items, key="k"), submit(items, key="k")
    assert (second.batch, second.jobs) == (first.batch, first.jobs)
    assert (first.replayed, second.replayed) == (False, True)
    assert messages() == first.jobs


OTHER_BODIES = [[Item("a cat")], [Item("a dog", seed=5)], [Item("a dog", n=2)], [Item("a dog"), Item("a dog")]]


@pytest.mark.parametrize("other", OTHER_BODIES)
def test_the_same_key_with_another_body_is_a_conflict_and_makes_nothing(submit: Submit, other: list[Item]) -> None:
    first = submit([Item("a dog")], key="k")
    with pytest.raises(Conflict):
        submit(other, key="k")
    assert list(Job.objects.values_list("pk", flat=True)) == messages() == first.jobs


def test_the_same_key_at_another_door_is_a_conflict(submit: Submit) -> None:
    submit([Item("a dog")], key="k", source="one door")
    with pytest.raises(Conflict):
        submit([Item("a dog")], key="k", source="another door")


def test_a_key_belongs_to_its_owner(submit: Submit) -> None:
    viewers: list[Viewer] = [NOBODY, *(User.objects.create_user(name) for name in ("ada", "bob"))]
    made = [submit([Item(f"for {number}")], viewer=viewer, key="k") for number, viewer in enumerate(viewers)]
    owners = [Batch.objects.get(pk=each.batch).owner_id for each in made]
    assert owners == [viewer.pk for viewer in viewers]


def test_without_a_key_the_same_body_is_bought_again(submit: Submit) -> None:
    assert submit([Item("a dog")]).batch != submit([Item("a dog")]).batch


def test_a_key_is_not_used_up_by_a_submission_that_was_refused(submit: Submit) -> None:
    problems_of(submit, [Item("")], key="k")
    assert not submit([Item("a dog")], key="k").replayed


@pytest.mark.django_db(transaction=True)
def test_twenty_at_once_with_one_key_make_one_batch() -> None:
    start = Barrier(20)

    def send(_: int) -> Submission:
        start.wait(timeout=20)
        try:
            return submission.submit([Item("a dog", n=3)], viewer=NOBODY, source="test", key="k")
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        made = list(pool.map(send, range(20)))
    assert sorted(each.replayed for each in made) == [False] + [True] * 19
    assert all(each.jobs == made[0].jobs for each in made)
    assert messages() == made[0].jobs
    assert Batch.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_twenty_at_once_without_a_key_make_twenty_batches() -> None:
    def send(_: int) -> UUID:
        try:
            return submission.submit([Item("a dog")], viewer=NOBODY, source="test").batch
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        assert len(set(pool.map(send, range(20)))) == Batch.objects.count() == len(messages()) == 20
