"""The operators' pages: staff alone get in, see everything, decide as owners' buttons do, and write nothing by hand."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from imagegen import announcements, errors, ledger, lifecycle, limits, pauses, redis, tokens
from imagegen.ledger import Receipt
from imagegen.models import ApiToken, Attempt, Batch, Job, ProviderPause, Worker
from imagegen.operators.rows import ShortCount
from imagegen.states import Charged, State
from tests.rows import MACHINE, NOBODYS, claimed, make_batch, make_job

pytestmark = pytest.mark.django_db
OURS = (Job, Attempt, Batch, ProviderPause, Worker, ApiToken)
JOBS, BATCHES, CALLS = (f"/admin/imagegen/{name}/" for name in ("job", "batch", "attempt"))
WORKERS, PROVIDERS, TOKENS = (f"/admin/imagegen/{name}/" for name in ("worker", "providerpause", "apitoken"))


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create(username="grace", is_staff=True))
    return client


def page(operator: Client, path: str) -> str:
    answer = operator.get(path)
    assert answer.status_code == 200, answer
    return str(answer.content.decode())


def choose(operator: Client, action: str, *rows: Model, path: str = JOBS) -> Any:
    """Tick these rows of a list, choose what to do with them, and press Go."""
    return operator.post(path, {"action": action, "_selected_action": [row.pk for row in rows]}, follow=True)


def confirm(operator: Client, asked: Any) -> str:
    """Press the button of the page that asks, and return the page that follows."""
    form = asked.content.decode().partition("<main")[2]
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))
    address = re.findall(r'<form method="post" action="([^"]+)">', form)[0]
    return str(operator.post(address, fields, follow=True).content.decode())


def test_second_factors_are_nobody_s_to_read(operator: Client) -> None:
    User.objects.update(is_superuser=True)
    assert "authenticator" not in page(operator, "/admin/")
    assert operator.get("/admin/mfa/authenticator/").status_code == 404


def test_staff_find_the_operators_pages_on_every_page(operator: Client) -> None:
    assert 'href="/admin/">Operate</a>' in page(operator, "/history")
    User.objects.update(is_staff=False)
    assert "Operate" not in page(operator, "/history")


def state(job: Job) -> str:
    return Job.objects.get(pk=job.pk).state


def worker(**fields: Any) -> Worker:
    return Worker.objects.create(**{"machine": MACHINE, "threads": 7, "heartbeat": timezone.now(), **fields})


def many_rows(count: int) -> None:
    for number in range(count):
        owner = User.objects.create(username=f"owner {number} of {count}")
        tokens.make(owner, "laptop")
        lifecycle.settle(claimed(make_job(batch=make_batch(owner=owner))), errors.Refused("No."), Receipt())
        worker()


class TestDoor:
    @pytest.mark.parametrize("path", ["/admin/", JOBS, BATCHES, CALLS, WORKERS, PROVIDERS, TOKENS, f"{JOBS}decide/retry/"])
    def test_whoever_has_not_signed_in_is_asked_to_where_everybody_does(self, client: Client, path: str) -> None:
        for answer in (client.get(path, follow=True), client.post(path, follow=True)):
            assert answer.redirect_chain[-1][0].startswith(f"/accounts/login/?next={path}")

    @pytest.mark.parametrize("path", ["/admin/", JOBS, PROVIDERS, f"{JOBS}decide/retry/"])
    def test_whoever_is_not_staff_is_turned_away(self, client: Client, path: str) -> None:
        client.force_login(User.objects.create(username="ada"))
        for answer in (client.get(path, follow=True), client.post(path, follow=True)):
            assert answer.status_code == 403

    def test_a_program_with_a_token_of_staff_does_not_get_in(self, client: Client) -> None:
        staff = User.objects.create(username="grace", is_staff=True)
        _, secret = tokens.make(staff, "script")
        answer = client.get("/admin/", headers={"Authorization": f"Bearer {secret}"}, follow=True)
        assert answer.status_code == 403

    def test_the_policy_makes_no_exception_for_it(self, operator: Client) -> None:
        policy = operator.get(JOBS)["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy

    def test_an_address_that_people_type_leads_there(self, operator: Client) -> None:
        assert operator.get("/admin")["Location"] == "/admin/"


class TestFirstPage:
    def test_it_counts_jobs_by_state_and_leads_to_them(self, operator: Client) -> None:
        make_job(state=State.FAILED)
        make_job(state=State.FAILED)
        assert f'<dt>Failed</dt><dd><a href="{JOBS}?state=failed">2</a>' in page(operator, "/admin/")

    def test_it_says_since_when_jobs_wait_and_for_what(self, operator: Client) -> None:
        make_job(created=timezone.now() - timedelta(days=2))
        shown = page(operator, "/admin/")
        assert "<td>2\xa0days</td><td>no worker</td>" in shown
        assert "No worker is listening." in shown

    def test_it_says_who_is_paused(self, operator: Client) -> None:
        lifecycle.settle(claimed(make_job()), errors.OutOfCredit("The account is empty."), Receipt())
        assert "demo is paused: The account is empty." in page(operator, "/admin/")

    def test_it_says_what_today_cost(self, operator: Client) -> None:
        held = claimed(make_job(provider="stability", model="core"))
        ledger.close(held.attempt, "succeeded", Charged.YES, Receipt())
        Attempt.objects.update(amount=3, unit="credits")
        assert "3 credits" in page(operator, "/admin/")

    def test_it_counts_workers_that_live(self, operator: Client) -> None:
        worker()
        worker(heartbeat=timezone.now() - timedelta(hours=1))
        assert f'<dt>Workers alive</dt><dd><a href="{WORKERS}">1</a>' in page(operator, "/admin/")


class TestLists:
    @pytest.mark.parametrize("path", ["/admin/", JOBS, BATCHES, CALLS, WORKERS, PROVIDERS, TOKENS])
    def test_a_page_of_many_takes_no_more_questions_than_one_of_few(self, operator: Client, path: str) -> None:
        asked = []
        for count in (2, 6):
            many_rows(count)
            operator.get(path)
            with CaptureQueriesContext(
                connection,
            ) as questions:
                page(operator, path)
            asked.append(len(questions))
        assert asked[0] == asked[1] <= 25

    def test_counting_ends_where_nobody_would_turn_pages_any_more(self, monkeypatch: Any, operator: Client) -> None:
        monkeypatch.setattr(ShortCount, "most", 3)
        for _ in range(5):
            make_job()
        assert "The first 3 are listed." in page(operator, JOBS)

    @pytest.mark.parametrize(
        "narrowed",
        ["state=failed", "provider=stability", "owner=ada", "q=dragon", "q=DRAGON+green", "provider=stability&model=core"],
    )
    def test_jobs_are_narrowed_down(self, operator: Client, narrowed: str) -> None:
        ada = User.objects.create(username="ada")
        make_job("A green dragon", batch=make_batch(owner=ada), provider="stability", model="core", state=State.FAILED)
        make_job("A piano ninja")
        shown = page(operator, f"{JOBS}?{narrowed}")
        assert "A green dragon" in shown
        assert "A piano ninja" not in shown

    def test_jobs_of_people_without_an_account_are_found(self, operator: Client) -> None:
        make_job("A green dragon", batch=make_batch(owner=User.objects.create(username="ada")))
        make_job("A piano ninja")
        shown = page(operator, f"{JOBS}?owner=(nobody)")
        assert "A piano ninja" in shown
        assert "A green dragon" not in shown

    def test_an_id_finds_its_job_and_all_jobs_of_its_batch(self, operator: Client) -> None:
        job = make_job("A green dragon")
        make_job("A red flying dog", batch=job.batch)
        make_job("A piano ninja")
        assert "1 job" in page(operator, f"{JOBS}?q={job.pk}")
        assert "2 jobs" in page(operator, f"{JOBS}?q={job.batch_id}")

    def test_calls_are_narrowed_down(self, operator: Client) -> None:
        lifecycle.settle(claimed(make_job()), errors.Refused("No."), Receipt(request_id="req-7"))
        claimed(make_job())
        for narrowed in ("outcome=refused", "outcome=open", "charged=no", "q=req-7", f"q={Attempt.objects.first().pk}"):  # type: ignore[union-attr]
            assert "1 attempt" in page(operator, f"{CALLS}?{narrowed}")
        assert "2 attempts" in page(operator, f"{CALLS}?provider=demo")

    def test_a_batch_says_how_far_it_is_and_what_it_cost(self, operator: Client) -> None:
        batch = make_batch(name="Birthday")
        ledger.close(claimed(make_job(batch=batch)).attempt, "succeeded", Charged.YES, Receipt())
        Attempt.objects.update(amount=3, unit="credits")
        make_job(batch=batch, state=State.FAILED)
        for path in (BATCHES, f"{BATCHES}{batch.pk}/change/"):
            assert re.search("Birthday.*1 failed, 1 drawing.*3 credits", page(operator, path), re.DOTALL)

    def test_a_worker_is_alive_or_gone(self, operator: Client) -> None:
        gone = worker(heartbeat=timezone.now() - timedelta(hours=1))
        assert 'alt="False"' in page(operator, WORKERS)
        assert "60 min ago" in page(operator, f"{WORKERS}{gone.pk}/change/")


class TestJob:
    def test_its_page_has_every_call_with_its_charge_and_leads_to_the_picture(self, operator: Client) -> None:
        job = make_job()
        lifecycle.settle(
            claimed(job), errors.Refused("Moderation said no.", charged=Charged.YES), Receipt(request_id="req-7")
        )
        shown = page(operator, f"{JOBS}{job.pk}/change/")
        for text in ("Moderation said no.", "req-7", f'href="/images/{job.pk}"', f'href="/batches/{job.batch_id}"'):
            assert text in shown

    def test_it_says_what_a_job_waits_for(self, operator: Client) -> None:
        assert "No worker is listening." in page(operator, f"{JOBS}{make_job().pk}/change/")

    @pytest.mark.parametrize(
        ("found", "offered"),
        [(State.QUEUED, "cancel"), (State.RUNNING, "cancel"), (State.FAILED, "retry"), (State.UNKNOWN, "buy-again")],
    )
    def test_it_offers_what_can_be_decided(self, operator: Client, found: State, offered: str) -> None:
        job = make_job(state=found)
        shown = page(operator, f"{JOBS}{job.pk}/change/")
        assert re.findall(r"/decide/([a-z-]+)/", shown) == [offered]

    def test_one_is_bought_again_from_its_page_once_its_price_was_read(self, operator: Client) -> None:
        job = make_job(provider="stability", model="core", state=State.UNKNOWN)
        asked = operator.get(f"{JOBS}decide/buy-again/?job={job.pk}")
        assert "1 call may be paid twice" in asked.content.decode()
        assert "3 credits" in asked.content.decode()
        assert "1 picture will be bought again." in confirm(operator, asked)
        assert state(job) == State.QUEUED


class TestByHand:
    @pytest.mark.parametrize("model", OURS)
    def test_nobody_may_make_change_or_delete_a_row(self, rf: Any, model: type[Model]) -> None:
        rows, request = admin.site.get_model_admin(model), rf.get("/")
        request.user = User.objects.create_superuser("root")
        may = rows.get_model_perms(request)
        assert may == {"view": True, "add": False, "change": False, "delete": False}
        assert "delete_selected" not in rows.get_actions(request)

    def test_a_form_that_is_sent_all_the_same_changes_nothing(self, operator: Client) -> None:
        job = make_job()
        assert operator.post(f"{JOBS}{job.pk}/change/", {"state": "succeeded"}).status_code == 403
        assert operator.post(f"{JOBS}{job.pk}/delete/", {"post": "yes"}).status_code == 403
        assert operator.post(f"{JOBS}add/", {"prompt": "x"}).status_code == 403
        assert state(job) == State.QUEUED


class TestDecisions:
    def test_failed_ones_of_others_are_tried_again_in_bulk(self, operator: Client) -> None:
        batch = make_batch(owner=User.objects.create(username="ada"))
        jobs = [make_job(batch=batch, state=State.FAILED) for _ in range(3)]
        asked = choose(operator, "retry", *jobs)
        assert "Try 3 pictures again?" in asked.content.decode()
        assert [state(job) for job in jobs] == [State.FAILED] * 3
        assert "3 pictures will be tried again." in confirm(operator, asked)
        assert [state(job) for job in jobs] == [State.QUEUED] * 3

    @pytest.mark.django_db(transaction=True)
    def test_workers_hear_of_what_is_tried_again(self, operator: Client) -> None:
        confirm(operator, choose(operator, "retry", make_job(state=State.FAILED), make_job(state=State.FAILED)))
        announcements.wait_until_idle()
        assert redis.client().llen(redis.key("hints")) == 2

    def test_it_is_said_of_how_many_nothing_is_to_be_done_and_why(self, operator: Client) -> None:
        asked = choose(operator, "retry", make_job(state=State.FAILED), make_job(), make_job(state=State.UNKNOWN))
        assert "2 pictures of those chosen stay as they are: only a failed one can be tried again." in asked.content.decode()

    def test_where_nothing_is_to_be_done_nothing_is_asked(self, operator: Client) -> None:
        answer = choose(operator, "retry", make_job())
        assert "Nothing was changed: only a failed one can be tried again." in answer.content.decode()

    def test_what_moved_on_while_somebody_read_is_left_alone_and_it_is_said_why(self, operator: Client) -> None:
        first, second = make_job(state=State.FAILED), make_job(state=State.FAILED)
        asked = choose(operator, "retry", first, second)
        Job.objects.filter(pk=first.pk).update(state=State.CANCELED)
        shown = confirm(operator, asked)
        assert "1 picture will be tried again. Left as they are: 1 canceled by now." in shown

    def test_a_page_that_is_sent_twice_buys_once(self, operator: Client) -> None:
        job = make_job(state=State.UNKNOWN, fence=1)
        asked = choose(operator, "buy-again", job)
        confirm(operator, asked)
        Job.objects.filter(pk=job.pk).update(state=State.UNKNOWN, fence=2)
        assert "Left as they are: 1 called once more since then." in confirm(operator, asked)
        assert state(job) == State.UNKNOWN

    def test_buying_again_in_bulk_says_how_many_may_be_paid_twice_and_what_they_cost(self, operator: Client) -> None:
        jobs = [make_job(provider="stability", model="core", state=State.UNKNOWN) for _ in range(2)]
        asked = choose(operator, "buy-again", *jobs).content.decode()
        assert "2 calls may be paid twice" in asked
        assert "6 credits" in asked

    def test_the_price_of_a_provider_that_is_gone_is_unknown(self, operator: Client) -> None:
        asked = choose(operator, "retry", make_job(provider="gone", state=State.FAILED)).content.decode()
        assert "1 at an unknown price" in asked

    def test_what_has_not_ended_in_a_batch_is_canceled(self, operator: Client) -> None:
        batch = make_batch(owner=User.objects.create(username="ada"))
        waiting, done = make_job(batch=batch), make_job(batch=batch, state=State.SUCCEEDED)
        elsewhere = make_job()
        asked = choose(operator, "cancel", batch, path=BATCHES)
        assert "1 waiting: nothing is paid for them." in asked.content.decode()
        assert "1 picture canceled" in confirm(operator, asked)
        assert [state(job) for job in (waiting, done, elsewhere)] == [State.CANCELED, State.SUCCEEDED, State.QUEUED]

    def test_it_is_written_down_who_decided_what(self, operator: Client) -> None:
        job = make_job(state=State.FAILED)
        confirm(operator, choose(operator, "retry", job))
        entry = LogEntry.objects.get()
        assert (entry.user.get_username(), entry.object_id, entry.change_message) == (
            "grace", str(job.pk), "Try failed ones again",
        )  # fmt: skip

    @pytest.mark.parametrize("jobs", ["", "nonsense", "x:1", f"{NOBODYS}:1", f"{NOBODYS}:²", f"{NOBODYS}:-1", f"{NOBODYS}"])
    def test_a_form_that_names_no_job_changes_nothing(self, operator: Client, jobs: str) -> None:
        answer = operator.post(f"{JOBS}decide/retry/", {"jobs": jobs, "next": "https://example.org/"}, follow=True)
        assert answer.redirect_chain == [(JOBS, 302)]
        assert "Nothing was changed." in answer.content.decode()

    @pytest.mark.parametrize("job", ["", "nonsense"])
    def test_an_address_that_names_no_job_is_a_404(self, operator: Client, job: str) -> None:
        assert operator.get(f"{JOBS}decide/retry/?job={job}").status_code == 404

    def test_a_click_needs_the_forms_token(self) -> None:
        careful = Client(enforce_csrf_checks=True)
        careful.force_login(User.objects.create(username="grace", is_staff=True))
        job = make_job(state=State.FAILED)
        assert careful.post(f"{JOBS}decide/retry/", {"jobs": f"{job.pk}:0"}).status_code == 403
        assert careful.post(PROVIDERS, {}).status_code == 403


class TestProviders:
    def test_every_provider_is_listed_paused_or_not(self, operator: Client) -> None:
        shown = page(operator, PROVIDERS)
        assert re.search(r"demo</th>\s*<td>\s*Takes calls\.", shown)
        assert "Not configured: STABILITY_API_KEY is not set" in shown

    def test_one_that_is_paused_says_why_and_is_resumed(self, operator: Client) -> None:
        lifecycle.settle(claimed(make_job()), errors.OutOfCredit("The account is empty."), Receipt())
        shown = page(operator, PROVIDERS)
        assert "no credit.</strong> The account is empty." in shown
        assert "One waiting job tries it at" in shown
        answer = operator.post(PROVIDERS, {"resume": "demo"}, follow=True)
        assert "Demo goes on within seconds." in answer.content.decode()
        assert pauses.current() == {}

    def test_one_that_a_job_tries_leads_to_that_job(self, operator: Client) -> None:
        job = make_job()
        lifecycle.settle(claimed(job), errors.OutOfCredit("The account is empty."), Receipt())
        ProviderPause.objects.update(trial=job.pk)
        assert f'<a href="{JOBS}{job.pk}/change/">A job</a> tries it now.' in page(operator, PROVIDERS)

    def test_one_that_had_too_many_calls_is_resumed(self, operator: Client) -> None:
        limits.pause("demo", 600, "Too many calls.")
        assert "Takes no more calls for another 10 min." in page(operator, PROVIDERS)
        operator.post(PROVIDERS, {"resume": "demo"})
        assert limits.paused_for("demo") == 0

    def test_one_that_is_not_paused_any_more_says_so(self, operator: Client) -> None:
        answer = operator.post(PROVIDERS, {"resume": "demo"}, follow=True)
        assert "Demo was not paused any more." in answer.content.decode()

    def test_one_that_settings_have_no_more_is_listed_where_jobs_wait_for_it(self, operator: Client) -> None:
        make_job(provider="gone")
        assert re.search(r"gone</th>\s*<td>\s*Not in the settings\.", page(operator, PROVIDERS))

    def test_everything_is_paused_and_resumed(self, operator: Client) -> None:
        operator.post(PROVIDERS, {})
        assert "Everything was paused by grace." in page(operator, PROVIDERS)
        operator.post(PROVIDERS, {"resume": ""})
        assert pauses.current() == {}


class TestTokens:
    def test_they_are_listed_without_their_secret(self, operator: Client) -> None:
        token, secret = tokens.make(User.objects.create(username="ada"), "my laptop")
        shown = page(operator, TOKENS)
        assert token.token_key in shown
        assert secret not in shown

    def test_they_are_revoked_once_that_was_confirmed(self, operator: Client) -> None:
        ada = User.objects.create(username="ada")
        lost, _ = tokens.make(ada, "lost")
        tokens.make(ada, "kept")
        asked = choose(operator, "revoke", lost, path=TOKENS)
        assert ApiToken.objects.count() == 2
        assert "1 token revoked." in confirm(operator, asked)
        assert ApiToken.objects.get().name == "kept"
