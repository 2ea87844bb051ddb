"""The pages: compose makes a batch and leads to it, faults stand beside their fields, and nobody sees what is not theirs."""

import html
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.test import Client
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from imagegen import library
from imagegen.library import StyleWords
from imagegen.models import Batch, Job
from imagegen.states import State
from tests.api.test_show_images import make_picture
from tests.rows import NOBODYS, claimed, make_batch, make_job, publish_all
from tests.standins.stability import StabilityStandIn
from tests.test_submission import messages, nothing_was_made

pytestmark = pytest.mark.django_db
Send = Callable[..., Any]
TEXTS = ["A red flying dog", "A piano ninja", "A footballer kid"]


@pytest.fixture
def send(client: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> Send:
    """Send the compose form; what happens on commit happens."""

    def send_form(prompts: str = "\r\n".join(TEXTS), **fields: object) -> Any:
        with django_capture_on_commit_callbacks(execute=True):
            return client.post("/", {"prompts": prompts, "maker": "demo/demo", "n": "1", **fields})

    return send_form


def prompts() -> list[str]:
    return list(Job.objects.order_by("position").values_list("prompt", flat=True))


def text(answer: Any) -> str:
    return str(answer.content.decode())


def value(page: str, name: str) -> str:
    """Return what an input of the form holds."""
    found = next(tag for tag in re.findall(r"<input[^>]*>", page) if f'name="{name}"' in tag)
    held = re.search(r'value="([^"]*)"', found)
    return html.unescape(held[1]) if held else ""


def fault(page: str, name: str) -> str:
    """Return what is said about a field in the place that the field points assistive technology to."""
    said = re.search(rf'id="id_{name}_error"[^>]*>(.*?)</ul>', page, re.DOTALL)
    return html.unescape(said[1]) if said else ""


# --- Compose ------------------------------------------------------------------------------------------------------


def test_compose_is_the_first_page_and_has_a_field_for_prompts(client: Client) -> None:
    answer = client.get("/")
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert 'name="prompts"' in text(answer)


def test_each_line_becomes_one_job_and_the_answer_leads_to_their_batch(send: Send, client: Client) -> None:
    answer = send()
    batch = Batch.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/batches/{batch.pk}")
    assert client.get(answer["Location"]).status_code == 200
    assert prompts() == TEXTS
    assert len(messages()) == 3


def test_blank_lines_and_spaces_around_a_line_do_not_count(send: Send) -> None:
    send("\n  A red flying dog  \r\n\r\n\t\nA piano ninja\n\n")
    assert prompts() == TEXTS[:2]


def test_options_hold_for_each_line(send: Send) -> None:
    send("a dog\na cat", size="640x480", style="forest", negative_prompt="fog", seed="7", n="2")
    rows = Job.objects.order_by("position").values_list("prompt", "seed", "size", "style", "negative_prompt")
    assert list(rows) == [(name, seed, "640x480", "forest", "fog") for name in ("a dog", "a cat") for seed in (7, 8)]


def test_a_ratio_may_stand_where_a_size_may(send: Send) -> None:
    send("a dog", size="16:9")
    assert Job.objects.values_list("size", "aspect_ratio").get() == ("", "16:9")


def test_a_form_with_prompts_alone_is_enough(client: Client) -> None:
    assert client.post("/", {"prompts": "a dog"}).status_code == 302
    assert Job.objects.values_list("provider", "prompt").get() == ("demo", "a dog")


def test_whoever_signed_in_owns_what_they_compose(send: Send, client: Client) -> None:
    ada = User.objects.create_user("ada")
    client.force_login(ada)
    send()
    assert Batch.objects.get().owner == ada


# --- Faults -------------------------------------------------------------------------------------------------------

BAD_FORMS: list[tuple[dict[str, str], str, str]] = [
    ({"prompts": ""}, "prompts", ""),
    ({"prompts": " \r\n\t"}, "prompts", "at least one prompt"),
    ({"prompts": "a dog\n" + "x" * 10_001}, "prompts", "Prompt 2: has 10001 characters"),
    ({"prompts": "a dog\n" * 1001}, "prompts", "1000"),
    ({"prompts": "a dog\x00"}, "prompts", "Null"),
    ({"maker": "stability/core"}, "maker", "stability/core"),
    ({"maker": "nonsense"}, "maker", "nonsense"),
    ({"size": "big"}, "size", "WIDTHxHEIGHT"),
    ({"size": "9999x9999"}, "size", "2048x2048"),
    ({"size": "7:3"}, "size", "16:9"),
    ({"style": "noir"}, "style", "noir"),
    ({"style": "nobodys"}, "style", "nobodys"),
    ({"negative_prompt": "x" * 10_001}, "negative_prompt", "10000"),
    ({"seed": "seven"}, "seed", "whole number"),
    ({"seed": "-2"}, "seed", "-1"),
    ({"seed": "99999999999"}, "seed", "4294967294"),
    ({"n": "0"}, "n", "1 to 1000"),
    ({"n": "1001"}, "n", "1 to 1000"),
    ({"n": "two"}, "n", "whole number"),
]


@pytest.mark.parametrize(("fields", "name", "said"), BAD_FORMS, ids=lambda case: str(case)[:40])
def test_a_fault_is_said_beside_its_field_and_nothing_is_queued(
    send: Send, fields: dict[str, str], name: str, said: str
) -> None:
    answer = send(**fields)
    assert answer.status_code == 400
    assert fault(text(answer), name)
    assert said in fault(text(answer), name)
    assert nothing_was_made()


def test_what_was_typed_is_kept_when_something_is_wrong(send: Send) -> None:
    page = text(send("a <b>dog</b>\r\na cat", size="big", negative_prompt='no "fog"', seed="7", n="3"))
    assert "a &lt;b&gt;dog&lt;/b&gt;\r\na cat</textarea>" in page
    assert [value(page, name) for name in ("size", "negative_prompt", "seed", "n")] == ["big", 'no "fog"', "7", "3"]


def test_the_page_says_that_nothing_was_started(send: Send) -> None:
    assert "Nothing was started" in text(send(size="big"))


# --- Sent twice ---------------------------------------------------------------------------------------------------


def test_the_same_form_sent_twice_is_one_batch(send: Send, client: Client) -> None:
    once = value(text(client.get("/")), "once")
    first, second = send(once=once), send(once=once)
    assert first["Location"] == second["Location"]
    assert (Batch.objects.count(), len(messages())) == (1, 3)


@pytest.mark.parametrize("edit", [{"prompts": "another dog"}, {"seed": "7"}, {"n": "2"}])
def test_a_form_that_was_edited_and_sent_again_is_another_batch(send: Send, client: Client, edit: dict[str, str]) -> None:
    once = value(text(client.get("/")), "once")
    assert send(once=once)["Location"] != send(once=once, **edit)["Location"]
    assert Batch.objects.count() == 2


def test_a_form_that_was_opened_anew_is_another_batch(send: Send, client: Client) -> None:
    first, second = (send(once=value(text(client.get("/")), "once")) for _ in range(2))
    assert first["Location"] != second["Location"]


def test_a_fault_that_was_mended_is_one_batch(send: Send) -> None:
    once = value(text(send(size="big", once="o")), "once")
    send(size="640x480", once=once)
    assert once == "o"
    assert Batch.objects.count() == 1


# --- Who may ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("access", ["read", "closed"])
def test_somebody_without_a_name_is_told_that_they_may_not(send: Send, settings: Any, access: str) -> None:
    settings.ANONYMOUS_ACCESS = access
    answer = send()
    assert answer.status_code == 403
    assert "Sign in to make pictures" in text(answer)
    assert nothing_was_made()


def test_a_form_without_its_csrf_token_is_refused_and_nothing_is_queued() -> None:
    answer = Client(enforce_csrf_checks=True).post("/", {"prompts": "a dog"})
    assert answer.status_code == 403
    assert nothing_was_made()


def test_a_form_with_its_csrf_token_is_taken() -> None:
    browser = Client(enforce_csrf_checks=True)
    token = value(text(browser.get("/")), "csrfmiddlewaretoken")
    assert browser.post("/", {"prompts": "a dog", "csrfmiddlewaretoken": token}).status_code == 302


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_compose_knows_no_other_method(client: Client, method: str) -> None:
    assert client.generic(method, "/").status_code == 405


# --- What can draw ------------------------------------------------------------------------------------------------


def options(page: str) -> list[str]:
    return re.findall(r'<option value="([^"]*)"', page)


def test_a_provider_without_a_key_is_not_offered(client: Client) -> None:
    offered = options(text(client.get("/")))
    assert "demo/demo" in offered
    assert not any("stability" in option for option in offered)


def test_the_providers_styles_and_saved_ones_are_offered(client: Client) -> None:
    library.save_style(AnonymousUser(), StyleWords("dusk", "late light"))
    assert {"forest", "anime", "dusk"} <= {*options(text(client.get("/")))}


def test_a_provider_with_a_key_is_offered_first_with_each_of_its_models(
    client: Client, stability_provider: StabilityStandIn
) -> None:
    page = text(client.get("/"))
    assert [option for option in options(page) if "/" in option][:2] == ["stability/core", "stability/ultra"]
    assert stability_provider.key not in page


def test_a_model_that_was_chosen_is_the_one_asked(send: Send, stability_provider: StabilityStandIn) -> None:
    send("a dog", maker="stability/sd3.5-flash")
    assert Job.objects.values_list("provider", "model").get() == ("stability", "sd3.5-flash")


# --- One batch ----------------------------------------------------------------------------------------------------


def test_a_batch_shows_its_prompts_in_order(client: Client) -> None:
    batch = make_batch()
    jobs = [make_picture("a dog", batch=batch), make_job("a cat", batch=batch), make_picture("an ox", batch=batch)]
    page = text(client.get(f"/batches/{batch.pk}"))
    places = [page.index(f"card-{job.pk}") for job in jobs]
    assert places == sorted(places)
    assert page.index("a dog") < page.index("a cat") < page.index("an ox")


def test_a_batch_shows_its_pictures(client: Client) -> None:
    job = make_picture()
    assert re.search(rf'<img src="[^"]*/media/{job.pk}.png"', text(client.get(f"/batches/{job.batch_id}")))


@pytest.mark.parametrize("state", list(State))
def test_a_batch_asks_again_only_while_something_is_unfinished(client: Client, state: State) -> None:
    job = make_job(state=state)
    refreshes = 'http-equiv="refresh"' in text(client.get(f"/batches/{job.batch_id}"))
    assert refreshes == (state in (State.QUEUED, State.RUNNING))


def test_a_batch_says_how_far_it_has_come(client: Client) -> None:
    batch = make_batch()
    for state in (State.SUCCEEDED, State.FAILED, State.RUNNING, State.QUEUED):
        make_job(batch=batch, state=state)
    assert "2 of 4 done" in text(client.get(f"/batches/{batch.pk}"))


def test_a_batch_of_a_thousand_takes_few_queries(
    client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    batch = make_batch()
    Job.objects.bulk_create(Job(batch=batch, position=place, prompt="a dog", provider="demo") for place in range(1000))
    with django_assert_max_num_queries(16):
        assert text(client.get(f"/batches/{batch.pk}")).count('id="card-') == 1000


@pytest.mark.parametrize("address", [str(UUID(int=5)), "5", "nonsense", "..%2f", "%00"])
def test_a_batch_that_nobody_knows_is_a_404(client: Client, address: str) -> None:
    assert client.get(f"/batches/{address}").status_code == 404


@pytest.fixture
def hers() -> Batch:
    batch = make_batch(owner=User.objects.create_user("ada"))
    make_picture("a secret", batch=batch)
    return batch


@pytest.mark.parametrize("name", ["", "bob"])
def test_a_batch_that_is_not_yours_is_a_404(client: Client, hers: Batch, name: str) -> None:
    if name:
        client.force_login(User.objects.create_user(name))
    answer = client.get(f"/batches/{hers.pk}")
    assert answer.status_code == 404
    assert "a secret" not in text(answer)


@pytest.mark.parametrize("who", ["owner", "staff", "everybody once it is public"])
def test_a_batch_opens_to_its_owner_to_staff_and_once_public_to_everybody(client: Client, hers: Batch, who: str) -> None:
    if who == "owner":
        client.force_login(User.objects.get(username="ada"))
    elif who == "staff":
        client.force_login(User.objects.create_user("eve", is_staff=True))
    else:
        publish_all()
    assert "a secret" in text(client.get(f"/batches/{hers.pk}"))


def test_a_batch_is_shown_to_nobody_without_a_name_where_that_is_closed(client: Client, settings: Any) -> None:
    settings.ANONYMOUS_ACCESS = "closed"
    answer = client.get(f"/batches/{make_picture('a dog').batch_id}")
    assert answer.status_code == 403
    assert "a dog" not in text(answer)


def test_a_hostile_prompt_stands_on_the_batchs_page_as_text(client: Client) -> None:
    hostile = "<script>alert('1')</script>\"><img src=x onerror=alert(1)>"
    page = text(client.get(f"/batches/{make_picture(hostile).batch_id}"))
    assert html.escape(hostile) in page
    assert "<script>alert" not in page


# --- Every page ---------------------------------------------------------------------------------------------------

ADDRESSES = [
    "/",
    "/batches/{batch}",
    "/show-images?task_ids={job}",
    "/media/{job}.png",
    "/nothing-here",
    f"/batches/{NOBODYS}",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_page_lets_no_foreign_or_inline_script_run_and_no_frame_around_it(client: Client, address: str) -> None:
    job = make_picture()
    answer = client.get(address.format(job=job.pk, batch=job.batch_id))
    policy = answer["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert (answer["X-Content-Type-Options"], answer["X-Frame-Options"]) == ("nosniff", "DENY")


@pytest.mark.parametrize("address", ["/", "/batches/{batch}", "/show-images?task_ids={job}", "/nothing-here"])
def test_a_page_holds_nothing_that_its_own_policy_forbids(client: Client, address: str) -> None:
    job = make_picture()
    page = text(client.get(address.format(job=job.pk, batch=job.batch_id)))
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", page)


@pytest.mark.parametrize("address", ["/", "/batches/{batch}", "/show-images?task_ids={job}", "/nothing-here"])
def test_a_page_loads_nothing_from_another_site(client: Client, address: str) -> None:
    job = make_picture()
    page = text(client.get(address.format(job=job.pk, batch=job.batch_id)))
    loaded = re.findall(r'<(?:img|script|link|iframe|source)[^>]*?\s(?:src|href)="([^"]*)"', page)
    assert all(each.startswith(("/", "http://testserver/")) and not each.startswith("//") for each in loaded)


def test_a_host_that_is_not_ours_is_refused(client: Client) -> None:
    assert client.get("/", headers={"host": "evil.example"}).status_code == 400


# --- How long it takes --------------------------------------------------------------------------------------------


def test_the_time_that_is_left_is_guessed_while_something_is_drawn(client: Client) -> None:
    batch = make_picture().batch
    claimed(make_job(batch=batch))
    assert re.search(r"about \d+ s left", text(client.get(f"/batches/{batch.pk}")))


def test_no_time_is_promised_while_all_that_are_left_wait(client: Client) -> None:
    batch = make_picture().batch
    make_job(batch=batch)
    shown = text(client.get(f"/batches/{batch.pk}"))
    assert "1 of 2 done" in re.sub(r"<[^>]+>", "", shown)
    assert " left" not in shown
