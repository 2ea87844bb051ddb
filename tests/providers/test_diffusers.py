"""Stable Diffusion on this machine: a pipeline of random weights, built here, with no network to ask for anything."""

import io
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from PIL import Image, ImageChops

from imagegen import errors
from imagegen.providers.base import Answer, ImageRequest
from imagegen.providers.diffusers import UNSAFE, Diffusers
from imagegen.states import Charged
from tests.standins import stable_diffusion

# What diffusers and torch say of each other is not about us.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("no_network")]
# What a batch, or another number of threads, may make of a picture: on how many pixels, and by how many shades of grey.
SHARE, SHADES = 0.00003, 1


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Any:
    # Several threads of one picture wait for each other at every step, and for long where other tests run.
    pytest.importorskip("torch").set_num_threads(1)
    return stable_diffusion.build(tmp_path_factory.mktemp("words"))


class Loads:
    """Hands a pipeline on, and counts how often it was asked for it."""

    def __init__(self, pipeline: Any) -> None:
        self.pipeline, self.count = pipeline, 0

    def __call__(self) -> Any:
        self.count += 1
        return self.pipeline


@pytest.fixture
def loads(pipeline: Any) -> Loads:
    return Loads(pipeline)


Make = Callable[..., Diffusers]


@pytest.fixture
def make(loads: Loads) -> Make:
    return lambda **options: Diffusers(model="a/model", load=loads, **{"steps": 2, "side": 64, **options})


def keep(status: int, headers: Mapping[str, str], blocks: Iterable[bytes]) -> Answer:
    body = b"".join(blocks)
    return Answer(status, headers, lambda: body)


def asked(prompt: str = "A kite", **options: Any) -> ImageRequest:
    return ImageRequest(attempt=uuid4(), model="model", prompt=prompt, **{"seed": 7, **options})


def picture(provider: Diffusers, request: ImageRequest) -> Image.Image:
    return Image.open(io.BytesIO(provider.read(provider.send(request, keep)).body)).convert("RGB")


def at_once(provider: Diffusers, requests: list[ImageRequest]) -> list[Image.Image]:
    """Draw in as many threads, which all have asked before the first picture begins."""
    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(lambda request: picture(provider, request), requests))


def is_alike(one: Image.Image, other: Image.Image) -> bool:
    differences = ImageChops.difference(one, other).convert("L").getdata()
    return max(differences) <= SHADES and sum(map(bool, differences)) <= max(SHARE * len(differences), 3)


class TestDrawing:
    def test_eight_prompts_load_it_once(self, make: Make, loads: Loads) -> None:
        at_once(make(), [asked(f"A kite {number}", seed=number + 1) for number in range(8)])
        assert loads.count == 1

    def test_whoever_only_asks_what_there_is_loads_nothing(self, make: Make, loads: Loads) -> None:
        provider = make()
        assert provider.not_configured() is None
        assert [*provider.refusals(asked())] == []
        assert loads.count == 0

    def test_the_same_seed_draws_the_same_picture(self, make: Make) -> None:
        provider = make()
        assert picture(provider, asked()).tobytes() == picture(provider, asked()).tobytes()
        assert picture(provider, asked()).tobytes() != picture(provider, asked(seed=8)).tobytes()

    def test_what_should_not_be_drawn_matters(self, make: Make) -> None:
        provider = make()
        assert picture(provider, asked()).tobytes() != picture(provider, asked(negative_prompt="fog")).tobytes()

    @pytest.mark.parametrize(
        ("options", "size"),
        [({}, (64, 64)), ({"size": "96x72"}, (96, 72)), ({"aspect_ratio": "3:2"}, (80, 56))],
    )
    def test_it_has_the_size_asked_for(self, make: Make, options: dict[str, str], size: tuple[int, int]) -> None:
        assert picture(make(), asked(**options)).size == size

    def test_four_different_shapes_at_once_are_all_right(self, make: Make) -> None:
        requests = [asked(f"A {'very ' * n}big kite", size=f"{64 + 8 * n}x64", seed=n + 1) for n in range(4)]
        alone = [picture(make(), request) for request in requests]
        for _ in range(5):
            together = at_once(make(batch=4), requests)
            assert [is_alike(*pair) for pair in zip(alone, together, strict=True)] == [True] * 4

    def test_a_batch_draws_what_each_would_be_alone(self, make: Make) -> None:
        requests = [asked(f"A {'very ' * n}big kite", seed=n + 1) for n in range(4)]
        alone = [picture(make(), request) for request in requests]
        assert all(is_alike(*pair) for pair in zip(alone, at_once(make(batch=4), requests), strict=True))

    def test_quality_is_a_number_of_steps(self, make: Make) -> None:
        counted = {word: count_steps(make(steps=4), asked(quality=word)) for word in ("draft", "", "fine")}
        assert counted == {"draft": 2, "": 4, "fine": 8}

    def test_the_seed_is_told_and_nothing_is_paid(self, make: Make) -> None:
        provider = make()
        assert provider.read(provider.send(asked(), keep)).seed == 7
        assert provider.is_free
        assert provider.is_repeatable


def count_steps(provider: Diffusers, request: ImageRequest) -> int:
    told: list[tuple[int, int]] = []

    def step(done: int, steps: int) -> bool:
        told.append((done, steps))
        return True

    provider.draw(request, keep, step)
    [steps] = {steps for _, steps in told}
    assert [done for done, _ in told] == [*range(steps + 1)]
    return steps


class TestStopping:
    def test_between_two_steps(self, make: Make) -> None:
        told: list[int] = []

        def step(done: int, steps: int) -> bool:
            told.append(done)
            return done < 2

        with pytest.raises(errors.Unavailable) as stopped:
            make(steps=50).draw(asked(), keep, step)
        assert (told, stopped.value.charged) == ([0, 1, 2], Charged.NO)

    def test_before_the_first(self, make: Make) -> None:
        with pytest.raises(errors.Unavailable):
            make().draw(asked(), keep, lambda done, steps: False)

    def test_one_of_a_batch_leaves_the_others_alone(self, make: Make) -> None:
        provider, together = make(batch=3, steps=4), threading.Barrier(3)

        def draw(number: int) -> str:
            together.wait()
            try:
                provider.draw(asked(seed=number + 1), keep, lambda done, steps: number != 1 or done < 1)
            except errors.Unavailable:
                return "stopped"
            return "drawn"

        with ThreadPoolExecutor(3) as pool:
            assert list(pool.map(draw, range(3))) == ["drawn", "stopped", "drawn"]


class TestTrouble:
    def test_too_little_memory_for_a_batch_is_a_smaller_batch(self, make: Make, loads: Loads) -> None:
        loads.pipeline = Cramped(loads.pipeline, most=2)
        pictures = at_once(make(batch=8), [asked(seed=number + 1) for number in range(8)])
        assert len(pictures) == 8
        assert max(loads.pipeline.drawn) <= 2

    def test_too_little_memory_for_one_is_a_sentence(self, make: Make, loads: Loads) -> None:
        loads.pipeline = Cramped(loads.pipeline, most=0)
        with pytest.raises(errors.Invalid, match=r"A picture of 64x64 does not fit into the memory of cpu\."):
            make().send(asked(), keep)

    def test_the_next_picture_is_drawn_all_the_same(self, make: Make, loads: Loads) -> None:
        loads.pipeline = Cramped(loads.pipeline, most=0)
        provider = make()
        with pytest.raises(errors.Invalid):
            provider.send(asked(), keep)
        loads.pipeline.most = 1
        assert picture(provider, asked()).size == (64, 64)

    def test_another_fault_is_not_taken_for_that(self, make: Make, loads: Loads) -> None:
        loads.pipeline = Cramped(loads.pipeline, most=0, says="shapes cannot be multiplied")
        with pytest.raises(RuntimeError, match="multiplied"):
            make().send(asked(), keep)

    def test_what_the_safety_checker_withholds_is_refused(self, tmp_path: Path) -> None:
        pytest.importorskip("diffusers")
        provider = Diffusers(model="a/model", steps=1, side=64, load=lambda: stable_diffusion.build(tmp_path, checker=True))
        answer = provider.send(asked(), keep)
        assert (answer.status, answer.body) == (UNSAFE, b"")
        with pytest.raises(errors.Refused, match="withheld the picture"):
            provider.read(answer)

    @pytest.mark.parametrize(("model", "said"), [("", "names no model"), ("/no/such/folder", "there is no model at")])
    def test_what_is_missing_is_said(self, model: str, said: str) -> None:
        provider = Diffusers(model=model)
        assert said in (provider.not_configured() or "")
        with pytest.raises(errors.NotConfigured, match=said):
            provider.send(asked(), keep)

    @pytest.mark.parametrize("options", [{"steps": 0}, {"steps": 1001}, {"batch": 0}])
    def test_options_that_make_no_sense_are_refused(self, options: dict[str, int]) -> None:
        with pytest.raises(ValueError, match=r"steps=|batch="):
            Diffusers(model="a/model", **options)  # type: ignore[arg-type]

    def test_a_folder_that_holds_no_model_is_said(self, tmp_path: Path) -> None:
        pytest.importorskip("diffusers")
        with pytest.raises(errors.NotConfigured, match="cannot be loaded"):
            Diffusers(model=str(tmp_path)).send(asked(), keep)

    def test_a_file_that_is_no_model_is_said(self, tmp_path: Path) -> None:
        pytest.importorskip("diffusers")
        (tmp_path / "model.safetensors").write_bytes(b"no tensors")
        provider = Diffusers(model=str(tmp_path / "model.safetensors"), config=str(tmp_path))
        with pytest.raises(errors.NotConfigured, match="cannot be loaded"):
            provider.send(asked(), keep)

    def test_a_pipeline_that_cannot_be_told_what_to_leave_out_says_so(self, make: Make, loads: Loads) -> None:
        whole = loads.pipeline
        loads.pipeline = Deaf(whole)
        with pytest.raises(errors.Invalid, match="cannot do that"):
            make().send(asked(negative_prompt="fog"), keep)
        assert picture(make(), asked()).size == (64, 64)

    def test_sides_that_it_cannot_draw_are_refused_before(self, make: Make) -> None:
        assert [field for field, _ in make().refusals(asked(size="65x64"))] == ["size"]


class TestLoading:
    def test_a_folder_is_loaded_without_the_network(self, pipeline: Any, make: Make, tmp_path: Path) -> None:
        pipeline.save_pretrained(tmp_path)
        loaded = Diffusers(model=str(tmp_path), steps=2, side=64, device="cpu")
        assert is_alike(picture(loaded, asked()), picture(make(), asked()))
        assert "StableDiffusionPipeline is loaded on cpu" in loaded.check()


class Deaf:
    """A pipeline that knows no negative prompt, as some do."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline

    def __call__(self, *, prompt: list[str], width: int, height: int, **options: Any) -> Any:
        if "negative_prompt" in options:
            raise TypeError("__call__() got an unexpected keyword argument 'negative_prompt'")
        return self._pipeline(prompt=prompt, width=width, height=height, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pipeline, name)


class Cramped:
    """A pipeline whose device has no room for more than so many pictures at once."""

    def __init__(self, pipeline: Any, *, most: int, says: str = "DefaultCPUAllocator: not enough memory") -> None:
        self._pipeline, self.most, self._says = pipeline, most, says
        self.drawn: list[int] = []

    def __call__(self, *, prompt: list[str], **options: Any) -> Any:
        if len(prompt) > self.most:
            raise RuntimeError(self._says)
        self.drawn.append(len(prompt))
        return self._pipeline(prompt=prompt, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pipeline, name)
