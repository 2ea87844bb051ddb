"""Stable Diffusion on this machine, through Hugging Face's diffusers: nothing is paid, and nothing leaves the house.

Facts from diffusers 0.42.1's own source, tried with pipelines of random weights. torch and diffusers are an extra
(requirements-diffusers.txt), imported when the first picture is drawn: whoever only asks what there is needs neither. One
pipeline per process, because neither it nor its tokenizer is thread-safe; threads that ask for pictures of one shape at the
same time get them as one batch.
"""

import io
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from imagegen import errors
from imagegen.providers.base import (
    Answer,
    ImageRequest,
    ImageResult,
    Keep,
    Model,
    Price,
    SizeRange,
    Step,
    StepwiseProvider,
    pixels,
    size_near,
)
from imagegen.together import Together

# Words for how much work to spend, as shares of the usual number of steps.
QUALITIES = {"draft": 0.5, "fine": 2.0}
# The status of an answer whose picture the safety checker has blackened.
UNSAFE = 451
FREE = Price(0, "USD", "this machine", date(2026, 11, 22))


@dataclass(frozen=True)
class _Shape:
    """What pictures of one batch have in common."""

    width: int
    height: int
    steps: int


@dataclass
class _Wish:
    """One picture that a thread wants, and whether it still does."""

    request: ImageRequest
    shape: _Shape
    step: Step
    is_wanted: bool = True

    def tell(self, done: int) -> None:
        """Tell how far the picture is, and hear whether it is still wanted."""
        self.is_wanted = self.is_wanted and self.step(done, self.shape.steps)


@dataclass(frozen=True)
class _Drawn:
    """A picture, or why there is none; `is_unsafe` where the model's own checker has blackened it."""

    picture: Any = field(repr=False, default=None)
    is_unsafe: bool = False
    error: errors.ProviderError | None = None


class Diffusers(StepwiseProvider):
    """A pipeline in a folder or a file of this machine, or at the hub."""

    seed = True
    negative_prompt = True
    queue = "local"
    aspect_ratios = ("1:1", "3:2", "2:3", "4:3", "3:4", "16:9", "9:16")
    sizes = SizeRange(64, 2048, multiple=8)

    def __init__(
        self,
        *,
        model: str,
        config: str = "",
        device: str = "",
        batch: int = 1,
        steps: int = 30,
        guidance: float = 7.5,
        side: int = 512,
        load: Callable[[], Any] | None = None,
    ) -> None:
        """Say what to load, and how to draw with it; nothing is loaded yet.

        `config` is a folder with the configuration of a single file, without which it is looked up at the hub. `side` is
        that of a square picture whose size nobody named, in pixels. `batch` is how many pictures are drawn at once.
        """
        if not 1 <= steps <= 1000 or batch < 1:
            raise ValueError(f"steps={steps} is not from 1 to 1000, or batch={batch} is less than 1")
        self._model, self._config, self._device = model, config, device
        self._steps, self._guidance, self._side = steps, guidance, side
        self._load = load or self._from_settings
        self._batch = batch
        # In a thread of its own: for each thread that calculates, torch keeps a team of others that go on looking for work.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="draw")
        self._draw = Together(self._draw_in_thread, most=batch)
        name = Path(model).name or "none"
        self.models = (Model(name, (FREE,), qualities=tuple(QUALITIES)),)

    def not_configured(self) -> str | None:
        if not self._model:
            return "DIFFUSERS_MODEL (or the option model) names no model"
        if find_spec("torch") is None or find_spec("diffusers") is None:
            return "torch and diffusers are not installed; `make local` does that"
        looks_like_a_path = self._model.startswith(("/", ".", "~"))
        if looks_like_a_path and not Path(self._model).expanduser().exists():
            return f"there is no model at {self._model}"
        return None

    def draw(self, request: ImageRequest, keep: Keep, step: Step) -> Answer:
        if missing := self.not_configured():
            raise errors.NotConfigured(f"{missing}.")
        drawn = self._draw(_Wish(request, self._shape(request), step))
        if drawn.error:
            raise drawn.error
        headers = {"content-type": "image/png", "seed": str(request.seed)}
        return keep(UNSAFE if drawn.is_unsafe else 200, headers, [b"" if drawn.is_unsafe else _png(drawn.picture)])

    def read(self, answer: Answer) -> ImageResult:
        if answer.status == UNSAFE:
            raise errors.Refused("The model's safety checker withheld the picture. Nothing was paid.")
        return ImageResult(answer.body, seed=int(answer.headers["seed"]))

    def check(self) -> str:
        """Load the pipeline, which takes a while."""
        if missing := self.not_configured():
            raise errors.NotConfigured(f"{missing}.")
        return f"{type(self._pipeline).__name__} is loaded on {self._pipeline.device}"

    def _shape(self, request: ImageRequest) -> _Shape:
        size = request.size or size_near(request.aspect_ratio or "1:1", multiple=8, area=self._side**2)
        steps = max(round(self._steps * QUALITIES.get(request.quality, 1.0)), 1)
        return _Shape(*pixels(size), steps)

    def _draw_in_thread(self, wishes: Sequence[_Wish]) -> list[_Drawn]:
        return self._thread.submit(self._draw_all, wishes).result()

    def _draw_all(self, wishes: Sequence[_Wish]) -> list[_Drawn]:
        """Draw what several threads want, those of one shape at once."""
        alike: defaultdict[_Shape, list[_Wish]] = defaultdict(list)
        for wish in wishes:
            alike[wish.shape].append(wish)
        drawn = {id(wish): found for group in alike.values() for wish, found in zip(group, self._drawn(group), strict=True)}
        return [drawn[id(wish)] for wish in wishes]

    def _drawn(self, group: Sequence[_Wish]) -> list[_Drawn]:
        """Draw a group; where memory does not suffice, half of it at a time."""
        try:
            return self._in_one_go(group)
        except errors.ProviderError as error:
            return [_Drawn(error=error)] * len(group)
        except TypeError as error:
            raise errors.Invalid(f"{type(self._pipeline).__name__} cannot do that: {_line(error)}") from error
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
            self._free_memory()
            if len(group) > 1:
                half = len(group) // 2
                return [*self._drawn(group[:half]), *self._drawn(group[half:])]
            shape = group[0].shape
            told = f"A picture of {shape.width}x{shape.height} does not fit into the memory of {self._pipeline.device}."
            return [_Drawn(error=errors.Invalid(f"{told} Ask for a smaller one."))]

    def _in_one_go(self, group: Sequence[_Wish]) -> list[_Drawn]:
        import torch

        shape = group[0].shape

        def after_step(pipeline: Any, number: int, _: Any, tensors: Mapping[str, Any]) -> Mapping[str, Any]:
            _tell(group, number + 1)
            return tensors

        _tell(group, 0)
        seeds = [wish.request.seed or 0 for wish in group]
        avoided = [wish.request.negative_prompt for wish in group]
        made = self._pipeline(
            prompt=[wish.request.prompt for wish in group],
            # Some pipelines know no such word; without it, it is as if it were empty.
            **({"negative_prompt": avoided} if any(avoided) else {}),
            width=shape.width,
            height=shape.height,
            num_inference_steps=shape.steps,
            guidance_scale=self._guidance,
            # On the processor, so that a seed means the same on every device.
            generator=[torch.Generator("cpu").manual_seed(seed) for seed in seeds],
            callback_on_step_end=after_step,
        )
        unsafe = getattr(made, "nsfw_content_detected", None) or [False] * len(group)
        return [
            _Drawn(picture, bool(is_unsafe)) if wish.is_wanted else _Drawn(error=_canceled())
            for wish, picture, is_unsafe in zip(group, made.images, unsafe, strict=True)
        ]

    @cached_property
    def _pipeline(self) -> Any:
        """The pipeline, loaded when it is first needed."""
        pipeline = self._load()
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def _from_settings(self) -> Any:
        import torch
        from diffusers import AutoPipelineForText2Image, StableDiffusionPipeline
        from safetensors import SafetensorError

        device = self._device or _best_device(torch)
        options = {"torch_dtype": torch.float32 if device == "cpu" else torch.float16}
        path = Path(self._model).expanduser()
        try:
            if path.is_file():
                config = {"config": self._config, "local_files_only": True} if self._config else {}
                pipeline = StableDiffusionPipeline.from_single_file(str(path), **options, **config)
            else:
                name = str(path) if path.exists() else self._model
                pipeline = AutoPipelineForText2Image.from_pretrained(name, local_files_only=path.exists(), **options)
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise errors.NotConfigured(f"The model {self._model} cannot be loaded: {_line(error)}") from error
        return pipeline.to(device)

    def _free_memory(self) -> None:
        import torch

        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _tell(group: Sequence[_Wish], done: int) -> None:
    """Tell each how far it is; where nobody wants a picture any more, stop. Raises Unavailable then."""
    for wish in group:
        wish.tell(done)
    if not any(wish.is_wanted for wish in group):
        raise _canceled()


def _canceled() -> errors.ProviderError:
    return errors.Unavailable("It was stopped before it was drawn. Nothing was paid.")


def _is_out_of_memory(error: BaseException) -> bool:
    """Whether this says that memory does not suffice; torch has a class of its own for GPUs, and words for the rest."""
    return isinstance(error, MemoryError) or "memory" in str(error).lower()


def _best_device(torch: Any) -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _png(picture: Any) -> bytes:
    """Return a picture as a file; a better compression would cost more time than it saves room."""
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=1)
    return file.getvalue()


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
