"""A model on this machine in the whole product: a worker of its own, steps that people see, and deaths that cost nothing."""

import os
import signal
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from imagegen import generation, queries, readiness, workers
from imagegen.models import Worker
from imagegen.states import State
from imagegen.waiting import Outlook
from tests.product import START_SECONDS, Product
from tests.rows import make_job
from tests.standins import gpt2, stable_diffusion
from tests.waiting import wait_until

# Several threads of one picture wait for each other at every step, and for ever where others want the processors, too.
ALONE: dict[str, object] = {"DIFFUSERS_DEVICE": "cpu", "OMP_NUM_THREADS": 1}
# So many that a picture takes long enough to do something to it; a short one has a few.
MANY_STEPS = {"size": "128x128", "quality": "fine"}
FEW_STEPS = {"size": "64x64", "quality": "draft"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    # What diffusers and torch say of each other is not about us.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stable_diffusion.build(folder / "words").save_pretrained(folder / "model")
    return folder / "model"


@pytest.fixture(scope="module")
def product(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    writer = gpt2.build(tmp_path_factory.mktemp("gpt2"))
    # A lease is longer than a busy machine takes to load a model, during which no heart beats.
    names = {**ALONE, "DIFFUSERS_MODEL": model, "DIFFUSERS_STEPS": 400, "HF_TEXT_FOLDER": writer, "LEASE_SECONDS": 6}
    with Product(**names, STOP_SECONDS=5, SWEEP_SECONDS=0.5) as running:
        yield running


def job(product: Product, task: str) -> dict[str, Any]:
    return product.get(f"/api/jobs/{task}")


def begun(product: Product, **options: object) -> str:
    """Ask for a picture, and return its task once some of its steps are done."""
    [task] = product.generate("a kite", **{**MANY_STEPS, **options})
    wait_until(lambda: (job(product, task)["progress"] or {"step": 0})["step"] > 0, seconds=120, what="the first step")
    return task


def make_short(product: Product) -> None:
    """Let what is not drawn yet take less time."""
    product.change("UPDATE imagegen_job SET quality = 'draft', size = '64x64' WHERE picture = ''")


def local_worker(product: Product) -> int:
    [found] = [number for words, number in product.parts() if "hints.local" in words]
    return found


def test_it_is_the_default_where_a_model_is_named(product: Product) -> None:
    [image] = product.finished(product.generate("a kite", **FEW_STEPS))
    assert (image["state"], image["why"]) == ("succeeded", None)
    assert job(product, image["task_id"])["provider"] == "diffusers"


def test_others_do_not_wait_for_it(product: Product) -> None:
    slow = begun(product)
    product.finished(product.generate("a piano", provider="demo"))
    assert job(product, slow)["state"] == "running"
    cancel(product, slow)


def test_people_see_how_far_it_is(product: Product) -> None:
    task = begun(product)
    progress = job(product, task)["progress"]
    assert progress["steps"] == 800
    wait_until(lambda: job(product, task)["progress"]["step"] > progress["step"], seconds=60, what="another step")
    cancel(product, task)


def cancel(product: Product, task: str) -> dict[str, Any]:
    assert requests.post(f"{product.url}/api/jobs/{task}/cancel", timeout=30).status_code == 200
    product.finished([task])
    return job(product, task)


def test_prompts_are_written_by_the_same_worker(product: Product) -> None:
    asked = {"writer": "huggingface", "count": 2, "theme": "the sea"}
    answer = requests.post(f"{product.url}/api/prompts", json=asked, timeout=150)
    assert (answer.status_code, answer.json().get("short")) == (200, None)
    assert [prompt.startswith("the sea: ") for prompt in answer.json()["prompts"]] == [True, True]
    web = next(number for words, number in product.parts() if "uvicorn" in words)
    assert "libtorch" not in Path(f"/proc/{web}/maps").read_text(encoding="utf-8")


def test_it_stops_between_two_steps_when_it_is_canceled(product: Product) -> None:
    found = cancel(product, begun(product))
    assert (found["state"], found["image_url"]) == ("canceled", None)
    [attempt] = found["attempts"]
    assert attempt["charged"] == "no"
    assert "Nothing was paid" in found["why"]


def test_a_worker_that_is_killed_costs_nothing_and_the_picture_is_drawn_again_once(product: Product) -> None:
    task = begun(product)
    os.kill(local_worker(product), signal.SIGKILL)
    make_short(product)
    [image] = product.finished([task])
    assert image["state"] == "succeeded"
    assert [attempt["charged"] for attempt in job(product, task)["attempts"]] == ["no", "yes"]


def test_a_stop_ends_a_picture_between_two_steps_and_it_is_drawn_after_the_next_start(model: Path) -> None:
    with Product(**ALONE, DIFFUSERS_MODEL=model, DIFFUSERS_STEPS=200, STOP_SECONDS=30) as product:
        task = begun(product)
        assert product.stop() == 0
        [(state,)] = product.rows("SELECT state FROM imagegen_job")
        assert state == "queued"
        make_short(product)
        product.lines.clear()
        product.start()
        wait_until(lambda: product.is_ready, seconds=START_SECONDS, what="the line `ready`")
        assert product.finished([task])[0]["state"] == "succeeded"


@pytest.mark.django_db
class TestWithoutItsWorker:
    def test_who_waits_for_it_is_told(self, settings: Any) -> None:
        settings.IMAGE_PROVIDERS = with_a_model(settings)
        worker("hints")
        here, elsewhere = make_job(provider="diffusers"), make_job(provider="demo")
        told = Outlook([here, elsewhere])
        assert told.wait(here).why == "No worker of the kind 'local' is listening."
        assert told.wait(elsewhere).why == "Waiting for its turn."

    def test_who_cancels_is_not_told_of_money(self, settings: Any) -> None:
        settings.IMAGE_PROVIDERS = with_a_model(settings)
        canceling = make_job(provider="diffusers", state=State.RUNNING, cancel_requested=True)
        [card] = queries.cards([str(canceling.pk)], AnonymousUser())
        assert card.why == "It stops after the step that is being drawn. Nothing is paid."

    def test_other_workers_leave_its_pictures_alone(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        settings.IMAGE_PROVIDERS = with_a_model(settings)
        monkeypatch.setattr(workers, "_queues", {"hints"})
        waiting = make_job(provider="diffusers")
        generation.run(waiting.pk)
        waiting.refresh_from_db()
        assert (waiting.state, waiting.attempts.count()) == (State.QUEUED, 0)

    def test_threads_are_counted_by_the_queues_that_they_listen_to(self) -> None:
        for queues in ("hints", "hints.local", "hints,hints.local", ""):
            worker(queues)
        assert readiness.live_threads() == 4
        assert readiness.threads_by_queue() == {"hints": 3, "hints.local": 2}


def with_a_model(settings: Any) -> dict[str, Any]:
    entry = {"BACKEND": "imagegen.providers.diffusers.Diffusers", "OPTIONS": {"model": "a/model"}}
    return {**settings.IMAGE_PROVIDERS, "diffusers": entry}


def worker(queues: str) -> None:
    Worker.objects.create(id=uuid4(), machine=uuid4(), threads=1, heartbeat=timezone.now(), queues=queues)
