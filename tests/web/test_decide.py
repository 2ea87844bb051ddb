"""The buttons: each card offers what can be done, and a click does it and leads back."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from imagegen.models import Job
from imagegen.states import State, Visibility
from tests.rows import make_batch, make_job

pytestmark = pytest.mark.django_db


def buttons(client: Client, job: Job) -> list[str]:
    page = client.get(f"/batches/{job.batch_id}").content.decode()
    card = page[page.index(f'id="card-{job.pk}"') :].partition("</figure>")[0]
    return re.findall(r">([A-Za-z ]+)</button>", card)


def press(client: Client, job: Job, decision: str, **fields: object) -> Any:
    page = f"/batches/{job.batch_id}"
    return client.post(f"/jobs/{job.pk}/{decision}", {"next": page, "fence": job.fence, **fields}, follow=True)


@pytest.mark.parametrize(
    ("state", "offered"),
    [
        (State.QUEUED, ["Cancel"]),
        (State.RUNNING, ["Cancel"]),
        (State.FAILED, ["Try again"]),
        (State.UNKNOWN, ["Buy again", "Give up"]),
        (State.SUCCEEDED, []),
        (State.REFUSED, []),
        (State.CANCELED, []),
    ],
)
def test_a_card_offers_what_can_be_done(client: Client, state: State, offered: list[str]) -> None:
    assert buttons(client, make_job(state=state)) == offered


def test_a_job_that_is_being_canceled_says_so_and_offers_nothing(client: Client) -> None:
    job = make_job(state=State.RUNNING, cancel_requested=True)
    assert buttons(client, job) == []
    assert "Canceling" in client.get(f"/batches/{job.batch_id}").content.decode()


def test_a_click_does_it_and_leads_back_to_the_card(client: Client) -> None:
    job = make_job()
    answer = press(client, job, "cancel")
    assert answer.redirect_chain == [(f"/batches/{job.batch_id}#card-{job.pk}", 302)]
    assert Job.objects.get().state == State.CANCELED


def test_a_click_on_a_page_that_is_out_of_date_changes_nothing_and_says_why(client: Client) -> None:
    job = make_job(state=State.UNKNOWN, fence=2)
    answer = press(client, job, "buy-again", fence=1)
    assert "Nothing was changed" in answer.content.decode()
    assert Job.objects.get().state == State.UNKNOWN


@pytest.mark.parametrize("fence", ["", "x", "²", "-1"])
def test_a_fence_that_is_none_is_never_a_server_error(client: Client, fence: str) -> None:
    assert press(client, make_job(), "cancel", fence=fence).status_code == 200


@pytest.mark.parametrize("page", ["https://example.org/", "//example.org", "javascript:alert(1)", "history", "nonsense", ""])
def test_nobody_is_led_to_another_site(client: Client, page: str) -> None:
    job = make_job()
    answer = client.post(f"/jobs/{job.pk}/cancel", {"next": page})
    assert answer["Location"] == f"/#card-{job.pk}"


def test_a_click_needs_the_forms_token() -> None:
    job = make_job()
    assert Client(enforce_csrf_checks=True).post(f"/jobs/{job.pk}/cancel").status_code == 403
    assert Job.objects.get().state == State.QUEUED


def test_a_visit_decides_nothing(client: Client) -> None:
    job = make_job()
    assert client.get(f"/jobs/{job.pk}/cancel").status_code == 405


def test_another_persons_public_page_has_no_form(client: Client) -> None:
    owner = User.objects.create(username="ada")
    job = make_job(batch=make_batch(owner=owner, visibility=Visibility.PUBLIC))
    assert 'id="decide"' not in client.get(f"/batches/{job.batch_id}").content.decode()
    client.force_login(owner)
    assert 'id="decide"' in client.get(f"/batches/{job.batch_id}").content.decode()


def test_another_persons_job_is_a_404(client: Client) -> None:
    job = make_job(batch=make_batch(owner=User.objects.create(username="ada"), visibility=Visibility.PUBLIC))
    assert press(client, job, "cancel").status_code == 404


def test_a_batch_is_canceled_with_one_click(client: Client) -> None:
    batch = make_batch()
    jobs = [make_job(batch=batch) for _ in range(3)]
    page = client.get(f"/batches/{batch.pk}").content.decode()
    assert "Cancel all" in page
    client.post(f"/batches/{batch.pk}/cancel")
    assert set(Job.objects.values_list("state", flat=True)) == {State.CANCELED}
    assert len(jobs) == 3


def test_the_failed_ones_are_tried_again_with_one_click(client: Client) -> None:
    batch = make_batch()
    make_job(batch=batch, state=State.FAILED)
    assert "Try 1 failed again" in client.get(f"/batches/{batch.pk}").content.decode()
    client.post(f"/batches/{batch.pk}/retry")
    assert Job.objects.get().state == State.QUEUED


def test_a_click_that_came_too_late_for_the_whole_batch_says_so(client: Client) -> None:
    job = make_job(state=State.SUCCEEDED)
    answer = client.post(f"/batches/{job.batch_id}/cancel", follow=True)
    assert "past that by now" in answer.content.decode()
