"""How many pictures a model on this machine draws through the product, beside a bare loop over diffusers.

Weights are random, which takes the same time as learned ones: a pipeline as large as Stable Diffusion 1.5 on a GPU, a small
one on a processor. Every picture goes the whole way: claimed, drawn, spooled, checked, stored, written down.
"""

import io
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from bench.figures import Figure, spread
from tests.product import Product
from tests.standins import stable_diffusion

LEAST, LEAST_BATCHED = 0.95, 1.5
BATCH = 8
SPAN = "SELECT MIN(started_at), MAX(ended_at), COUNT(*) FROM imagegen_job WHERE picture <> '' AND prompt LIKE 'a {}kite%'"


def measure(repeat: int) -> list[Figure]:
    import torch

    on_gpu = torch.cuda.is_available()
    device, side, steps, pictures = ("cuda", 512, 20, 32) if on_gpu else ("cpu", 256, 30, 12)
    with tempfile.TemporaryDirectory(prefix="chaotix-bench-model-") as folder:
        model = Path(folder) / "model"
        size = stable_diffusion.AS_LARGE_AS_1_5 if on_gpu else stable_diffusion.SMALL
        stable_diffusion.build(Path(folder) / "words", size).save_pretrained(model)
        options = {"DIFFUSERS_MODEL": model, "DIFFUSERS_SIDE": side, "DIFFUSERS_STEPS": steps, "DIFFUSERS_DEVICE": device}
        bare = _Bare(model, device, side, steps)
        found = [_ratios(bare, options, 1, pictures, repeat, LEAST)]
        if on_gpu:
            found.append(_ratios(bare, options, BATCH, pictures, repeat, LEAST_BATCHED))
    return found


class _Bare:
    """What somebody would write in ten lines: one picture after the other, saved as PNG."""

    def __init__(self, model: Path, device: str, side: int, steps: int) -> None:
        import torch
        from diffusers import StableDiffusionPipeline

        dtype = torch.float16 if device == "cuda" else torch.float32
        self._pipeline: Any = StableDiffusionPipeline.from_pretrained(model, torch_dtype=dtype).to(device)
        self._pipeline.set_progress_bar_config(disable=True)
        self._options = {"width": side, "height": side, "num_inference_steps": steps}
        self.pictures_per_second(2)

    def pictures_per_second(self, pictures: int) -> float:
        import torch

        begun = time.perf_counter()
        for number in range(pictures):
            generator = torch.Generator("cpu").manual_seed(number)
            made = self._pipeline(f"a kite {number}", generator=generator, **self._options)
            made.images[0].save(io.BytesIO(), "PNG", compress_level=1)
        return pictures / (time.perf_counter() - begun)


def _ratios(bare: _Bare, options: dict[str, Any], batch: int, pictures: int, repeat: int, least: float) -> Figure:
    with Product(**options, DIFFUSERS_BATCH=batch, WORKER_PROCESSES=0, STOP_SECONDS=2) as product:
        _warm_up(product, batch)
        rates = [(_rate(product, pictures, turn), bare.pictures_per_second(pictures)) for turn in range(repeat)]
    ratios = [mine / theirs for mine, theirs in rates]
    mine, theirs = (median(side) for side in zip(*rates, strict=True))
    how = "one at a time" if batch == 1 else f"{batch} at once"
    name = f"pictures a second, {how}, over a bare diffusers loop ({options['DIFFUSERS_DEVICE']}), median of {repeat}"
    beside = f"{spread(ratios)}; {mine:.2f} a second, bare {theirs:.2f}"
    return Figure(name, median(ratios), least, more_is_better=True, beside=beside)


def _warm_up(product: Product, batch: int) -> None:
    """Let the worker load its model, and meet the shape of the batch."""
    product.finished(product.generate(*["warm"] * 2 * batch), seconds=300)


def _rate(product: Product, pictures: int, turn: int) -> float:
    product.generate(*[f"a {turn} kite {number}" for number in range(pictures)])
    begun, ended, count = None, None, 0
    while count < pictures:
        # Seldom, and without asking the web server: whoever looks takes time from whoever draws.
        time.sleep(1)
        [(begun, ended, count)] = product.rows(SPAN.format(f"{turn} "))
    return pictures / (_moment(ended) - _moment(begun))


def _moment(text: Any) -> float:
    return (text if isinstance(text, datetime) else datetime.fromisoformat(text)).timestamp()


if __name__ == "__main__":
    for figure in measure(int(sys.argv[1]) if sys.argv[1:] else 3):
        print(figure, flush=True)
