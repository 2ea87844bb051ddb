"""GET /show-images: the pictures of some tasks in the order asked, as a page or as JSON, and nothing of other people's."""

import hashlib
import html
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from imagegen import storage
from imagegen.models import Batch, Job, ProviderPause, Worker
from imagegen.states import PauseReason, State, Visibility
from tests.rows import make_batch, make_job
from tests.test_submission import nothing_was_made

pytestmark = pytest.mark.django_db
KEYS = ["task_id", "prompt", "state", "why", "image_url", "thumbnail_url", "seed"]
PNG = b"\x89PNG\r\n\x1a\n as far as a store can tell"


def make_picture(prompt: str = "a dog", *, batch: Batch | None = None, suffix: str = "png", **columns: Any) -> Job:
    """Make a job that succeeded, with its picture in the store."""
    facts = {
        "state": State.SUCCEEDED,
        "content_type": f"image/{suffix}",
        "sha256": hashlib.sha256(PNG).hexdigest(),
        **columns,
    }
    job = make_job(prompt, batch=batch, **facts)
    job.picture = storage.save(job.pk, 1, suffix, PNG)
    job.save()
    return job


def ask(client: Client, *ids: object, accept: str = "application/json", path: str = "/show-images") -> Any:
    """Ask by address, as a browser or a script does."""
    return client.get(path, {"task_ids": ",".join(map(str, ids))}, headers={"accept": accept})


def ask_by_body(client: Client, body: object, **headers: str) -> Any:
    """Ask by a JSON body on GET, as the README's curl does."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.generic("GET", "/show-images", raw, content_type="application/json", headers=headers)


def entry(client: Client, job: Job) -> dict[str, Any]:
    [only] = ask(client, job.pk).json()["images"]
    return dict(only)


def page(client: Client, *ids: object) -> str:
    answer = ask(client, *ids, accept="text/html")
    assert answer["Content-Type"].startswith("text/html")
    return str(answer.content.decode())


# --- How it is asked ----------------------------------------------------------------------------------------------


@pytest.fixture
def three() -> list[str]:
    """Three tasks, asked for in another order than they were made in."""
    jobs = [make_picture("first"), make_job("second"), make_job("third", state=State.FAILED)]
    return [str(jobs[place].pk) for place in (2, 0, 1)]


def test_ids_come_in_a_json_body_and_their_order_is_kept(client: Client, three: list[str]) -> None:
    answer = ask_by_body(client, {"task_ids": three}, accept="application/json")
    assert [image["task_id"] for image in answer.json()["images"]] == three


@pytest.mark.parametrize("path", ["/show-images", "/show-images/"])
def test_ids_come_in_the_address_with_commas_and_their_order_is_kept(client: Client, three: list[str], path: str) -> None:
    images = ask(client, *three, path=path).json()["images"]
    assert [image["task_id"] for image in images] == three


def test_ids_come_in_the_address_repeated_and_their_order_is_kept(client: Client, three: list[str]) -> None:
    answer = client.get("/show-images", {"task_ids": three}, headers={"accept": "application/json"})
    assert [image["task_id"] for image in answer.json()["images"]] == three


def test_spaces_and_empty_places_between_ids_do_not_matter(client: Client, three: list[str]) -> None:
    answer = client.get("/show-images", {"task_ids": f" {three[0]} ,, {three[1]},"}, headers={"accept": "application/json"})
    assert [image["task_id"] for image in answer.json()["images"]] == three[:2]


@pytest.mark.parametrize("headers", [{}, {"accept": "*/*"}, {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}])
def test_the_answer_is_a_page_unless_json_is_asked_for(client: Client, three: list[str], headers: dict[str, str]) -> None:
    answer = client.get("/show-images", {"task_ids": three}, headers=headers)
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/html; charset=utf-8")


def test_the_readmes_curl_gets_a_page_with_every_prompt_in_the_order_asked(client: Client, three: list[str]) -> None:
    text = ask_by_body(client, {"task_ids": three}, accept="*/*").content.decode()
    places = [text.index(f"card-{task}") for task in three]
    assert places == sorted(places)
    assert text.index("third") < text.index("first") < text.index("second")


BAD_QUESTIONS: list[object] = [
    {},
    {"task_ids": []},
    {"task_ids": [""]},
    {"task_ids": None},
    {"task_ids": "06b9e3ef-a8f8-42aa-bb5a-d71fa144959e"},
    {"task_ids": 5},
    {"task_ids": [5]},
    {"task_ids": [None]},
    {"task_ids": [["06b9e3ef-a8f8-42aa-bb5a-d71fa144959e"]]},
    {"task_ids": {"a": "b"}},
    {"task_ids": [f"id {number}" for number in range(1001)]},
    b"not json",
    b"[]",
    b"[" * 100_000,
    b"\xff",
]


@pytest.mark.parametrize("body", BAD_QUESTIONS, ids=lambda body: repr(body)[:40])
def test_a_question_that_cannot_be_read_is_a_400_in_json(client: Client, body: object) -> None:
    answer = ask_by_body(client, body, accept="application/json")
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    if isinstance(body, dict):
        assert [error["field"] for error in answer.json()["errors"]] == ["task_ids"]


@pytest.mark.parametrize("address", ["/show-images", "/show-images?task_ids=", "/show-images?task_ids=,%20,"])
def test_no_ids_at_all_is_a_page_that_says_so(client: Client, address: str) -> None:
    answer = client.get(address)
    assert (answer.status_code, answer["Content-Type"]) == (400, "text/html; charset=utf-8")
    assert "task_ids" in answer.content.decode()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_another_method_is_a_405_that_says_which_is_allowed(client: Client, method: str, accept: str) -> None:
    raw = b'{"text": ["a dog"]}'
    answer = client.generic(method, "/show-images", raw, content_type="application/json", headers={"accept": accept})
    assert (answer.status_code, "GET" in answer.get("Allow", "")) == (405, True)
    assert nothing_was_made()


# --- What is answered ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", list(State))
def test_an_entry_has_the_same_keys_in_every_state(client: Client, state: State) -> None:
    job = make_job("a dog", state=state, seed=7)
    answer = entry(client, job)
    assert list(answer) == KEYS
    assert (answer["task_id"], answer["prompt"], answer["state"], answer["seed"]) == (str(job.pk), "a dog", state, 7)


def test_a_picture_has_a_complete_address_that_ends_in_png_and_leads_to_it(client: Client) -> None:
    job = make_picture()
    address = entry(client, job)["image_url"]
    assert address == f"http://testserver/media/{job.pk}.png"
    assert client.get(address).content == PNG


def test_there_is_no_address_until_there_is_a_picture(client: Client) -> None:
    answer = entry(client, make_job())
    assert (answer["image_url"], answer["thumbnail_url"]) == (None, None)


def test_addresses_begin_with_public_url_where_it_is_set(client: Client, settings: Any) -> None:
    settings.PUBLIC_URL = "https://pictures.example.org"
    job = make_picture()
    assert entry(client, job)["image_url"] == f"https://pictures.example.org/media/{job.pk}.png"


def test_addresses_follow_the_host_that_was_asked(client: Client) -> None:
    job = make_picture()
    answer = client.get(f"/show-images?task_ids={job.pk}", headers={"accept": "application/json", "host": "localhost:8123"})
    assert answer.json()["images"][0]["image_url"] == f"http://localhost:8123/media/{job.pk}.png"


def test_the_page_shows_the_picture_by_its_complete_address(client: Client) -> None:
    job = make_picture()
    assert f'src="http://testserver/media/{job.pk}.png"' in page(client, job.pk)


def test_the_page_shows_the_picture_by_public_url_where_it_is_set(client: Client, settings: Any) -> None:
    settings.PUBLIC_URL = "https://pictures.example.org"
    job = make_picture()
    assert f'src="https://pictures.example.org/media/{job.pk}.png"' in page(client, job.pk)


def test_the_seed_that_the_provider_names_is_the_one_shown(client: Client) -> None:
    assert entry(client, make_picture(seed=7, actual_seed=8))["seed"] == 8


def test_two_pictures_of_one_prompt_are_two_entries(client: Client) -> None:
    twins = [make_picture("twins"), make_picture("twins")]
    addresses = [image["image_url"] for image in ask(client, *(job.pk for job in twins)).json()["images"]]
    assert addresses == [f"http://testserver/media/{job.pk}.png" for job in twins]


@pytest.mark.parametrize("state", [State.FAILED, State.REFUSED, State.UNKNOWN])
def test_what_failed_says_why_in_json_and_on_the_page(client: Client, state: State) -> None:
    job = make_job(state=state, error_sentence="Moderation said no & nothing was charged.")
    assert entry(client, job)["why"] == "Moderation said no & nothing was charged."
    assert "Moderation said no &amp; nothing was charged." in page(client, job.pk)


def test_one_failed_task_does_not_hide_the_others(client: Client) -> None:
    jobs = [make_picture("a dog"), make_job("a cat", state=State.FAILED, error_sentence="It broke."), make_picture("an ox")]
    text = page(client, *(job.pk for job in jobs))
    assert all(said in text for said in ("a dog", "a cat", "an ox", "It broke.", f"{jobs[0].pk}.png", f"{jobs[2].pk}.png"))


def test_what_succeeded_needs_no_reason(client: Client) -> None:
    assert entry(client, make_picture())["why"] is None


# --- Why it waits -------------------------------------------------------------------------------------------------


def listening() -> None:
    Worker.objects.create(machine=uuid4(), threads=4, heartbeat=timezone.now())


def test_a_job_says_that_no_worker_is_listening(client: Client) -> None:
    assert entry(client, make_job())["why"] == "No worker is listening."


def test_a_job_says_that_it_waits_for_its_turn(client: Client) -> None:
    listening()
    assert entry(client, make_job())["why"] == "Waiting for its turn."


def test_a_job_says_when_it_is_tried_again_and_what_went_wrong(client: Client) -> None:
    listening()
    later = timezone.now() + timedelta(minutes=5)
    why = entry(client, make_job(not_before=later, error_sentence="Too many calls."))["why"]
    assert why == f"Trying again at {later:%H:%M:%S} UTC. Too many calls."


def test_a_job_says_that_its_provider_is_paused_and_why(client: Client) -> None:
    listening()
    now = timezone.now()
    ProviderPause.objects.create(
        provider="demo", reason=PauseReason.NO_CREDIT, sentence="No credit.", since=now, until=now + timedelta(minutes=1)
    )
    why = f"No credit. One waiting job tries it again at {now + timedelta(minutes=1):%H:%M:%S} UTC."
    assert entry(client, make_job())["why"] == why


# --- Ids that nobody knows ----------------------------------------------------------------------------------------

STRANGE_IDS = [
    "06b9e3ef-a8f8-42aa-bb5a-d71fa144959e",
    "1",
    "not an id",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "'; DROP TABLE imagegen_job; --",
    "{{ 7|add:7 }}",
    "𝟘6b9e3ef-a8f8-42aa-bb5a-d71fa144959e",
    "x" * 10_000,
    "a\x00b",
]


@pytest.mark.parametrize("strange", STRANGE_IDS, ids=lambda strange: strange[:20].replace("\x00", "NUL"))
def test_an_id_that_nobody_knows_is_a_404_that_says_so(client: Client, strange: str) -> None:
    answer = ask_by_body(client, {"task_ids": [strange]}, accept="application/json")
    assert answer.status_code == 404
    assert answer.json()["images"][0] == {**dict.fromkeys(KEYS), **answer.json()["images"][0], "task_id": strange}


@pytest.mark.parametrize("strange", STRANGE_IDS, ids=lambda strange: strange[:20].replace("\x00", "NUL"))
def test_an_id_that_nobody_knows_stands_escaped_on_a_404_page(client: Client, strange: str) -> None:
    answer = ask_by_body(client, {"task_ids": [strange]}, accept="text/html")
    assert answer.status_code == 404
    assert html.escape(strange).replace("\x00", "") in answer.content.decode().replace("\x00", "")
    assert "<script>" not in answer.content.decode()


def test_of_an_id_that_nobody_knows_nothing_is_said_to_be_done(client: Client) -> None:
    told = ask_by_body(client, {"task_ids": [str(uuid4())]}, accept="text/html").content.decode()
    assert ("No task has this id" in told, "1 of 1 done" in told, "<progress" in told) == (True, False, False)


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_an_id_that_is_half_a_surrogate_pair_is_like_unknown(client: Client, accept: str) -> None:
    assert ask_by_body(client, {"task_ids": ["\ud800"]}, accept=accept).status_code in (400, 404)


def test_an_unknown_id_among_known_ones_has_an_entry_that_says_so_in_its_place(client: Client) -> None:
    jobs, unknown = [make_job("a dog"), make_job("a cat")], str(uuid4())
    answer = ask(client, jobs[0].pk, unknown, jobs[1].pk)
    image = answer.json()["images"][1]
    assert answer.status_code == 200
    assert (image["task_id"], image["prompt"], image["state"], image["image_url"]) == (unknown, None, "missing", None)
    assert "No task has this id" in image["why"]


def test_an_unknown_id_among_known_ones_has_a_card_that_says_so(client: Client) -> None:
    unknown = uuid4()
    text = page(client, make_job().pk, unknown)
    assert f"card-{unknown}" in text
    assert "No task has this id" in text


# --- Whose they are -----------------------------------------------------------------------------------------------


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada")


@pytest.fixture
def hers(ada: User) -> Job:
    return make_picture("a secret", batch=make_batch(owner=ada))


def test_somebody_elses_task_is_exactly_like_an_unknown_one(client: Client, hers: Job) -> None:
    client.force_login(User.objects.create_user("bob"))
    unknown = uuid4()
    theirs, nobodys = ask(client, hers.pk), ask(client, unknown)
    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.content == nobodys.content.replace(str(unknown).encode(), str(hers.pk).encode())


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_somebody_without_a_name_does_not_see_an_owned_task(client: Client, hers: Job, accept: str) -> None:
    answer = ask(client, hers.pk, make_job("a dog").pk, accept=accept).content.decode()
    assert "a dog" in answer
    assert "a secret" not in answer


def test_the_owner_sees_it(client: Client, ada: User, hers: Job) -> None:
    client.force_login(ada)
    assert entry(client, hers)["prompt"] == "a secret"


def test_staff_sees_it(client: Client, hers: Job) -> None:
    client.force_login(User.objects.create_user("eve", is_staff=True))
    assert entry(client, hers)["prompt"] == "a secret"


def test_everybody_sees_what_is_public(client: Client, ada: User) -> None:
    job = make_picture("a sight", batch=make_batch(owner=ada, visibility=Visibility.PUBLIC))
    assert entry(client, job)["prompt"] == "a sight"


def test_whoever_knows_the_id_sees_what_nobody_owns(client: Client, ada: User) -> None:
    client.force_login(ada)
    assert entry(client, make_picture("found"))["prompt"] == "found"


@pytest.mark.parametrize(("access", "status"), [("open", 200), ("read", 200), ("closed", 401)])
@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_somebody_without_a_name_sees_nothing_where_that_is_closed(
    client: Client, settings: Any, access: str, status: int, accept: str
) -> None:
    settings.ANONYMOUS_ACCESS = access
    answer = ask(client, make_job("a dog").pk, accept=accept)
    assert answer.status_code == status
    assert ("a dog" in answer.content.decode()) == (status == 200)


def test_a_page_that_is_closed_says_why(client: Client, settings: Any) -> None:
    settings.ANONYMOUS_ACCESS = "closed"
    assert "Sign in to see pictures" in page(client, uuid4())


# --- Hostile and large --------------------------------------------------------------------------------------------

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</figcaption></body><h1>mine</h1>",
    "{{ settings.SECRET_KEY }}{% csrf_token %}",
    "&lt;script&gt;",
]


@pytest.mark.parametrize("prompt", HOSTILE)
@pytest.mark.parametrize("make", [make_job, make_picture])
def test_a_hostile_prompt_stands_on_the_page_as_text(client: Client, prompt: str, make: Any) -> None:
    text = page(client, make(prompt).pk)
    assert html.escape(prompt) in text
    assert prompt not in text or prompt == html.escape(prompt)


@pytest.mark.parametrize("prompt", HOSTILE)
def test_a_hostile_reason_stands_on_the_page_as_text(client: Client, prompt: str) -> None:
    text = page(client, make_job("a dog", state=State.FAILED, error_sentence=prompt).pk)
    assert html.escape(prompt) in text
    assert prompt not in text or prompt == html.escape(prompt)


def test_a_prompt_is_whole_in_json_however_long(client: Client) -> None:
    assert entry(client, make_job("é" * 10_000))["prompt"] == "é" * 10_000


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_a_thousand_ids_take_few_queries(
    client: Client, accept: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    batch = make_batch()
    jobs = [Job(batch=batch, position=place, prompt=f"number {place}", provider="demo") for place in range(1000)]
    Job.objects.bulk_create(jobs)
    with django_assert_max_num_queries(14):
        answer = ask_by_body(client, {"task_ids": [str(job.pk) for job in jobs]}, accept=accept)
    assert answer.content.decode().count("number ") >= 1000


# --- A page that fills in by itself -------------------------------------------------------------------------------


@pytest.mark.parametrize("state", list(State))
def test_the_page_asks_again_only_while_something_is_unfinished(client: Client, state: State) -> None:
    refreshes = 'http-equiv="refresh"' in page(client, make_picture().pk, make_job(state=state).pk)
    assert refreshes == (state in (State.QUEUED, State.RUNNING))


def test_a_page_asked_for_by_body_does_not_ask_again_because_its_ids_would_be_lost(client: Client) -> None:
    answer = ask_by_body(client, {"task_ids": [str(make_job().pk)]}, accept="text/html")
    assert 'http-equiv="refresh"' not in answer.content.decode()


def test_whoever_reads_may_stop_the_page_from_asking_again(client: Client) -> None:
    answer = client.get(f"/show-images?task_ids={make_job().pk}&refresh=off", headers={"accept": "text/html"})
    assert 'http-equiv="refresh"' not in answer.content.decode()
