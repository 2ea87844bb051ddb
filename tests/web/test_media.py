"""/media/<task id>.png: one picture, to those who may see it and to nobody else."""

import hashlib
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client

from imagegen import storage
from imagegen.models import Job
from imagegen.states import State, Visibility
from tests.api.test_show_images import PNG, make_picture
from tests.rows import make_batch, make_job

pytestmark = pytest.mark.django_db
ETAG = f'"{hashlib.sha256(PNG).hexdigest()}"'


@pytest.fixture
def shown() -> Job:
    return make_picture()


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada")


@pytest.fixture
def hers(ada: User) -> Job:
    return make_picture(batch=make_batch(owner=ada))


def get(client: Client, job: Job, suffix: str = "png", **headers: str) -> Any:
    return client.get(f"/media/{job.pk}.{suffix}", headers={name.replace("_", "-"): text for name, text in headers.items()})


# --- What comes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_a_picture_comes_with_its_bytes_and_its_own_type(client: Client, suffix: str) -> None:
    answer = get(client, make_picture(suffix=suffix), suffix)
    assert (answer.status_code, answer["Content-Type"], answer.content) == (200, f"image/{suffix}", PNG)


def test_a_picture_is_never_read_as_anything_else(client: Client, shown: Job) -> None:
    assert get(client, shown)["X-Content-Type-Options"] == "nosniff"


def test_a_picture_has_a_validator_and_is_kept_by_browsers_alone(client: Client, shown: Job) -> None:
    answer = get(client, shown)
    assert answer["ETag"] == ETAG
    assert "private" in answer["Cache-Control"]


@pytest.mark.parametrize("known", [ETAG, f"W/{ETAG}", f'"other", {ETAG}', "*"])
def test_whoever_has_the_picture_is_told_that_it_is_the_same(client: Client, shown: Job, known: str) -> None:
    answer = get(client, shown, If_None_Match=known)
    assert (answer.status_code, answer.content) == (304, b"")


def test_a_304_carries_the_validator_and_how_long_it_holds(client: Client, shown: Job) -> None:
    answer = get(client, shown, If_None_Match=ETAG)
    assert {"ETag", "Cache-Control"} <= set(answer.headers)


def test_whoever_has_another_picture_gets_this_one(client: Client, shown: Job) -> None:
    assert get(client, shown, If_None_Match='"other"').content == PNG


def test_head_tells_the_length_without_the_bytes(client: Client, shown: Job) -> None:
    answer = client.head(f"/media/{shown.pk}.png")
    assert (answer.status_code, answer["Content-Length"], answer.content) == (200, str(len(PNG)), b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nobody_changes_a_picture(client: Client, shown: Job, method: str) -> None:
    assert client.generic(method, f"/media/{shown.pk}.png").status_code == 405


def test_a_public_picture_comes_to_everybody(client: Client, ada: User) -> None:
    assert get(client, make_picture(batch=make_batch(owner=ada, visibility=Visibility.PUBLIC))).content == PNG


def test_the_owner_gets_the_picture(client: Client, ada: User, hers: Job) -> None:
    client.force_login(ada)
    assert get(client, hers).content == PNG


def test_staff_gets_the_picture(client: Client, hers: Job) -> None:
    client.force_login(User.objects.create_user("eve", is_staff=True))
    assert get(client, hers).content == PNG


# --- What does not ------------------------------------------------------------------------------------------------


def test_a_picture_that_nobody_knows_is_a_404(client: Client) -> None:
    assert client.get(f"/media/{uuid4()}.png").status_code == 404


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.FAILED, State.REFUSED, State.UNKNOWN])
def test_a_job_without_a_picture_is_a_404(client: Client, state: State) -> None:
    assert get(client, make_job(state=state)).status_code == 404


@pytest.mark.parametrize("suffix", ["jpg", "webp", "gif", "svg", "html", "PNG", "png.html"])
def test_a_picture_under_another_ending_is_a_404(client: Client, shown: Job, suffix: str) -> None:
    assert get(client, shown, suffix).status_code == 404


def test_a_picture_whose_file_is_gone_is_a_404(client: Client, shown: Job) -> None:
    storage.delete(shown.picture)
    assert get(client, shown).status_code == 404


@pytest.mark.parametrize("headers", [{}, {"If_None_Match": ETAG}, {"If_None_Match": "*"}])
def test_somebody_elses_picture_is_a_404_even_to_those_who_know_its_bytes(
    client: Client, hers: Job, headers: dict[str, str]
) -> None:
    assert get(client, hers, **headers).status_code == 404
    client.force_login(User.objects.create_user("bob"))
    assert get(client, hers, **headers).status_code == 404


@pytest.mark.parametrize(("access", "status"), [("open", 200), ("read", 200), ("closed", 403)])
def test_somebody_without_a_name_gets_no_picture_where_that_is_closed(
    client: Client, shown: Job, settings: Any, access: str, status: int
) -> None:
    settings.ANONYMOUS_ACCESS = access
    answer = get(client, shown)
    assert (answer.status_code, PNG in answer.content) == (status, status == 200)


@pytest.mark.parametrize("access", ["read", "closed"])
def test_somebody_who_signed_in_gets_it_where_that_is_closed(
    client: Client, ada: User, hers: Job, settings: Any, access: str
) -> None:
    settings.ANONYMOUS_ACCESS = access
    client.force_login(ada)
    assert get(client, hers).content == PNG


TRICKS = [
    "/media/",
    "/media/../{name}",
    "/media/{name}",
    "/media/./{id}.png",
    "/media//{id}.png",
    "/media/x/../{id}.png",
    "/media/%2e%2e/{name}",
    "/media/..%2f..%2fetc%2fpasswd",
    "/media/../../../../etc/passwd",
    "/media/%252e%252e/{name}",
    "/media/..%5c{name}",
    "/media/{id}.png/",
    "/media/{id}.png%00",
    "/media/{id}.png%0a",
    "/media/{id}.png%00.html",
    "/media/{id}%2epng.png",
    "/media/{ID}.png",
    "/media/{hex}.png",
    "/media/%7b{id}%7d.png",
    "/media/{id}-1.png",
    "/media/*.png",
    "/media/%27%20OR%201=1.png",
    "/media/%ff%fe.png",
]


@pytest.mark.parametrize("trick", TRICKS)
def test_no_other_address_leads_to_a_file(client: Client, shown: Job, trick: str) -> None:
    names = {"id": shown.pk, "ID": str(shown.pk).upper(), "hex": shown.pk.hex, "name": shown.picture}
    assert client.get(trick.format(**names)).status_code == 404
