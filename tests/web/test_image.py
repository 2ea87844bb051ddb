"""The page of one picture."""

import html
import io
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from PIL import Image

from imagegen import generation, metadata, storage
from imagegen.models import Attempt, Batch, Job
from imagegen.states import Charged, State, Visibility
from tests.rows import NOBODYS, make_batch, make_job, publish_all

pytestmark = pytest.mark.django_db(transaction=True)


def text(answer: Any) -> str:
    return html.unescape(answer.content.decode())


def drawn(prompt: str = "A piano ninja", **fields: Any) -> Job:
    job = make_job(prompt, **{"size": "64x64", **fields})
    generation.run(job.pk)
    job.refresh_from_db()
    return job


def rows(answer: Any) -> dict[str, list[str]]:
    """Return the table of what was asked beside what came, by name."""
    found = re.findall(r'<tr><th scope="row">(.*?)</th><td dir="auto">(.*?)</td><td>(.*?)</td></tr>', text(answer))
    return {name: [asked, actual] for name, asked, actual in found}


def newest() -> Batch:
    return Batch.objects.order_by("-created")[0]


class TestWhatItSays:
    def test_what_was_asked_stands_beside_what_came(self, client: Client) -> None:
        job = drawn(size="", aspect_ratio="16:9", negative_prompt="rain", seed=12)
        job.actual_seed = 77
        job.save()
        told = rows(client.get(f"/images/{job.pk}"))
        assert told["Seed"] == ["12", "77"]
        assert told["Size"] == ["16:9", f"{job.width} × {job.height} pixels"]
        assert told["Not in the picture"] == ["rain", ""]
        assert told["Provider"] == ["demo", "demo"]

    def test_a_provider_that_took_over_is_named_beside_the_one_that_was_asked(self, client: Client) -> None:
        job = drawn(moved_from="stability")
        assert rows(client.get(f"/images/{job.pk}"))["Provider"] == ["stability", "demo"]

    def test_each_call_is_told_with_its_cost(self, client: Client) -> None:
        job = drawn()
        Attempt.objects.filter(job=job).update(charged=Charged.YES, amount="3", unit="credits", http_status=200)
        page = text(client.get(f"/images/{job.pk}"))
        assert "succeeded (200)" in page
        assert "<td>3 credits</td>" in page
        Attempt.objects.update(charged=Charged.UNKNOWN)
        assert "<td>perhaps 3 credits</td>" in text(client.get(f"/images/{job.pk}"))

    def test_a_failed_one_says_why_and_has_no_picture(self, client: Client) -> None:
        job = make_job(state=State.FAILED, error_sentence="The server burned down.")
        answer = client.get(f"/images/{job.pk}")
        assert "The server burned down." in text(answer)
        assert "Download" not in text(answer)
        assert rows(answer)["Provider"] == ["demo", ""]
        assert f'formaction="/jobs/{job.pk}/retry"' in text(answer)

    def test_one_that_is_still_made_is_watched_elsewhere(self, client: Client) -> None:
        job = make_job()
        assert client.get(f"/images/{job.pk}")["Location"] == f"/show-images?task_ids={job.pk}"

    def test_a_template_is_told_with_its_choices(self, client: Client) -> None:
        choices = [{"sign": "{red|blue}", "text": "red"}]
        job = drawn("A red kite", recipe={"template": "A {red|blue} kite", "seed": 5, "choices": choices})
        page = text(client.get(f"/images/{job.pk}"))
        assert "A {red|blue} kite" in page
        assert rows(client.get(f"/images/{job.pk}"))["Templates' seed"] == ["5", ""]

    def test_markup_in_a_prompt_is_text(self, client: Client) -> None:
        job = drawn("<script>alert(1)</script>" * 8)
        assert "<script>alert" not in client.get(f"/images/{job.pk}").content.decode()


class TestWhoSeesIt:
    @pytest.fixture
    def private(self) -> Job:
        return drawn(batch=make_batch(owner=User.objects.create_user("ada")))

    @pytest.mark.parametrize("path", ["", "/file", "/plain"])
    def test_another_persons_picture_is_not_there(self, client: Client, private: Job, path: str) -> None:
        assert client.get(f"/images/{private.pk}{path}").status_code == 404

    @pytest.mark.parametrize("way", ["again", "vary"])
    def test_nobody_makes_another_persons_picture_again(self, client: Client, private: Job, way: str) -> None:
        assert client.post(f"/images/{private.pk}/{way}").status_code == 404
        assert Job.objects.count() == 1

    def test_who_merely_looks_does_not_learn_what_was_paid(self, client: Client, private: Job, settings: Any) -> None:
        settings.ANONYMOUS_ACCESS = "read"
        publish_all()
        page = text(client.get(f"/images/{private.pk}"))
        assert "Every call" not in page
        assert "Make again" not in page
        client.force_login(User.objects.get())
        assert "Every call" in text(client.get(f"/images/{private.pk}"))

    def test_who_sees_one_picture_alone_is_not_led_to_its_batch(self, client: Client, private: Job) -> None:
        Job.objects.update(visibility=Visibility.PUBLIC)
        link = f'href="/batches/{private.batch_id}"'
        assert link not in text(client.get(f"/images/{private.pk}"))
        client.force_login(User.objects.get())
        assert link in text(client.get(f"/images/{private.pk}"))

    def test_an_id_of_nobody_is_not_there(self, client: Client) -> None:
        assert client.get(f"/images/{NOBODYS}").status_code == 404


class TestDownload:
    def test_a_file_says_how_it_was_made_unless_that_is_unwanted(self, client: Client) -> None:
        job = drawn()
        whole, plain = (client.get(f"/images/{job.pk}/{form}") for form in ("file", "plain"))
        assert whole.content == storage.read(job.picture)
        assert metadata.OURS in Image.open(io.BytesIO(whole.content)).info
        bare = Image.open(io.BytesIO(plain.content))
        assert not {"parameters", metadata.OURS, "XML:com.adobe.xmp"} & bare.info.keys()
        assert bare.tobytes() == Image.open(io.BytesIO(whole.content)).tobytes()

    def test_its_name_is_made_of_the_prompt_and_the_seed(self, client: Client) -> None:
        job = drawn("../../A píano\r\nninja", seed=9)
        told = client.get(f"/images/{job.pk}/file")["Content-Disposition"]
        assert told == 'attachment; filename="0001-a-piano-ninja-9.png"'

    def test_two_files_of_one_picture_have_two_names(self, client: Client) -> None:
        told = client.get(f"/images/{drawn('A ninja', seed=9).pk}/plain")["Content-Disposition"]
        assert told == 'attachment; filename="0001-a-ninja-9-plain.png"'

    def test_a_file_that_is_gone_is_not_there(self, client: Client) -> None:
        job = drawn()
        storage.delete(job.picture)
        assert client.get(f"/images/{job.pk}/file").status_code == 404

    def test_what_tells_nothing_has_nothing_to_leave_out(self, client: Client) -> None:
        job = make_job(state=State.SUCCEEDED, picture="a/b.jpg", content_type="image/jpeg")
        assert client.get(f"/images/{job.pk}/plain").status_code == 404


class TestMakingMore:
    def test_making_again_asks_for_the_same_with_the_seed_that_was_used(self, client: Client) -> None:
        job = drawn("Two lines\nof {text}", negative_prompt="rain", seed=12)
        answer = client.post(f"/images/{job.pk}/again", {"once": "x"})
        [again] = newest().jobs.all()
        assert answer["Location"] == f"/batches/{again.batch_id}"
        for column in ("prompt", "negative_prompt", "provider", "model", "size", "seed"):
            assert getattr(again, column) == getattr(job, column), column

    def test_varying_asks_for_others_with_seeds_of_their_own(self, client: Client) -> None:
        job = drawn(seed=12)
        client.post(f"/images/{job.pk}/vary", {"once": "x"})
        seeds = {each.seed for each in newest().jobs.all()}
        assert len(seeds) == 4
        assert 12 not in seeds

    def test_a_double_click_is_one_purchase(self, client: Client) -> None:
        job = drawn()
        answers = [client.post(f"/images/{job.pk}/again", {"once": "x"}) for _ in range(2)]
        assert answers[0]["Location"] == answers[1]["Location"]
        assert Job.objects.count() == 2

    def test_the_button_says_what_it_costs(self, client: Client) -> None:
        page = text(client.get(f"/images/{drawn().pk}"))
        assert "Make again (free)" in page
        assert "Vary: 4 others (free)" in page

    def test_what_nobody_here_draws_any_more_cannot_be_made_again(self, client: Client) -> None:
        job = make_job(state=State.SUCCEEDED, provider="gone", model="gone-1")
        assert "It cannot be made again here: Provider 'gone'" in text(client.get(f"/images/{job.pk}"))
        answer = client.post(f"/images/{job.pk}/again", follow=True)
        assert "Provider 'gone'" in text(answer)
        assert Job.objects.count() == 1
