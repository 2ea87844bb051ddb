"""The FastAPI program's clients: one prompt to /v1/generate, Celery's words from /v1/jobs, the picture at /output."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from imagegen import generation, lifecycle
from imagegen.models import Job
from imagegen.states import State
from tests.rows import make_batch, make_job
from tests.test_submission import nothing_was_made

pytestmark = pytest.mark.django_db(transaction=True)
Post = Callable[..., Any]


def ask(client: Client, **body: object) -> Any:
    return client.post("/v1/generate", {"prompt": "A stone tower", **body}, content_type="application/json")


def made(client: Client, **body: object) -> Job:
    answer = ask(client, **body)
    assert (answer.status_code, list(answer.json())) == (202, ["job_id"])
    return Job.objects.get(pk=answer.json()["job_id"])


def status(client: Client, job: Job | str) -> dict[str, Any]:
    answer = client.get(f"/v1/jobs/{job.pk if isinstance(job, Job) else job}")
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json()
    return told


def drawn(client: Client, **body: object) -> Job:
    job = made(client, **body)
    generation.run(job.pk)
    job.refresh_from_db()
    return job


def test_the_request_as_the_readme_has_it_is_one_job(client: Client) -> None:
    body = {"prompt": "A knight", "negative_prompt": "blood", "style_id": "pixel", "seed": -1}
    job = made(client, **body)
    assert (job.prompt, job.negative_prompt, job.style) == ("A knight", "blood", "")
    assert Job.objects.count() == 1


def test_a_prompt_alone_is_enough(client: Client) -> None:
    assert made(client).prompt == "A stone tower"


def test_a_seed_below_one_is_drawn_and_kept(client: Client) -> None:
    assert (made(client, seed=-1).seed or 0) > 0
    assert (made(client, seed=-7).seed or 0) > 0
    assert made(client, seed=42).seed == 42


def test_a_style_that_the_provider_has_is_drawn_in(client: Client) -> None:
    assert made(client, style_id="Forest").style == "forest"


def test_a_waiting_job_is_pending_and_has_no_address(client: Client) -> None:
    job = made(client)
    assert status(client, job) == {"job_id": str(job.pk), "status": "PENDING", "result_urls": None}


def test_a_job_that_succeeded_has_the_address_of_its_picture(client: Client) -> None:
    job = drawn(client, style_id="pixel art", seed=42)
    told = status(client, job)
    assert (told["status"], told["result_urls"]) == ("SUCCESS", [f"/output/pixel-art_42_{job.pk}.png"])
    picture = client.get(told["result_urls"][0])
    assert (picture.status_code, picture["Content-Type"]) == (200, "image/png")
    assert picture.content.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (State.RUNNING, "STARTED"),
        (State.FAILED, "FAILURE"),
        (State.REFUSED, "FAILURE"),
        (State.UNKNOWN, "FAILURE"),
        (State.CANCELED, "REVOKED"),
    ],
)
def test_every_state_has_a_word_of_celery(client: Client, state: State, word: str) -> None:
    assert status(client, make_job(state=state))["status"] == word


def test_a_job_that_was_tried_and_waits_again_is_a_retry(client: Client) -> None:
    job = drawn(client, prompt="A tower [demo: fail]")
    assert (job.state, status(client, job)["status"]) == (State.QUEUED, "RETRY")


@pytest.mark.parametrize("job", ["nonsense", "00000000-0000-4000-8000-000000000000"])
def test_a_job_that_nobody_has_is_a_404_and_never_pending(client: Client, job: str) -> None:
    answer = client.get(f"/v1/jobs/{job}")
    assert (answer.status_code, answer.json()["detail"]) == (404, "No such job.")


def test_a_job_of_somebody_else_is_a_404(client: Client) -> None:
    owner = User.objects.create_user("ada")
    job = make_job(batch=make_batch(owner=owner))
    assert client.get(f"/v1/jobs/{job.pk}").status_code == 404
    client.force_login(owner)
    assert status(client, job)["status"] == "PENDING"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"seed": "7"}, "seed"),
        ({"seed": 2**40}, "seed"),
        ({"style_id": ["a"]}, "style_id"),
        ({"style_id": "x" * 41}, "style_id"),
        ({"steps": 30}, "steps"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_made(client: Client, body: dict[str, object], field: str) -> None:
    answer = ask(client, **body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert nothing_was_made()


def test_the_same_key_is_the_same_job(client: Client) -> None:
    headers = {"Idempotency-Key": "once"}
    body = {"prompt": "A tower", "style_id": "a"}
    answers = [client.post("/v1/generate", body, content_type="application/json", headers=headers).json() for _ in range(2)]
    assert answers[0] == answers[1]
    other = {**body, "style_id": "b"}
    assert client.post("/v1/generate", other, content_type="application/json", headers=headers).status_code == 409


@pytest.mark.parametrize(
    "name",
    [
        "other_42_{job}.png",
        "pixel_7_{job}.png",
        "pixel_42_{job}.jpg",
        "pixel_42_{job}",
        "..%2Fpixel_42_{job}.png",
        "nonsense",
        "pixel_42_00000000-0000-4000-8000-000000000000.png",
    ],
)
def test_only_its_own_name_leads_to_a_picture(client: Client, name: str) -> None:
    job = drawn(client, style_id="pixel", seed=42)
    assert client.get(f"/output/pixel_42_{job.pk}.png").status_code == 200
    assert client.get("/output/" + name.format(job=job.pk)).status_code == 404


def test_a_picture_of_somebody_else_is_not_there(client: Client) -> None:
    client.force_login(User.objects.create_user("ada"))
    job = drawn(client, style_id="pixel", seed=42)
    path = status(client, job)["result_urls"][0]
    client.logout()
    assert client.get(path).status_code == 404


def test_a_canceled_job_is_revoked(client: Client) -> None:
    job = made(client)
    lifecycle.cancel(Job.objects.filter(pk=job.pk))
    assert status(client, job)["status"] == "REVOKED"
