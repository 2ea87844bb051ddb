"""The built-in provider: draws a picture from the prompt and the seed, with no key, no network and no AI.

It says so on the picture and in its metadata. It supports every option, and a word in the prompt makes it misbehave, so
that the whole product can be tried for nothing:

    [demo: slow 5]     takes 5 seconds              [demo: refuse]     moderation says no
    [demo: later 5]    answers with a handle first  [demo: fail]       fails in a way that is not charged
    [demo: busy 5]     rate limit, 5 seconds        [demo: unknown]    the connection breaks after sending
    [demo: blur]       a picture that moderation blurred, which is charged
"""

import colorsys
import hashlib
import io
import json
import random
import re
import time
from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import UUID

from PIL import Image, ImageDraw, ImageFilter, ImageFont
from PIL.PngImagePlugin import PngInfo

from imagegen import errors
from imagegen.providers.base import (
    Answer,
    Handle,
    ImageRequest,
    ImageResult,
    Keep,
    Model,
    Pending,
    Price,
    Provider,
    SizeRange,
    pixels,
)
from imagegen.states import Charged

ORIGIN = "Demo picture, not made by AI"
SHORT_SIDE = 640
# The longest that a prompt may make the demo wait.
MAX_SECONDS = 600.0
HUES = {"sunrise": 0.04, "forest": 0.36, "ocean": 0.56, "orchid": 0.82}
_WISH = re.compile(r"\[demo:\s*(slow|later|busy|refuse|fail|unknown|blur)(?:\s+(\d+(?:\.\d+)?))?\s*\]", re.IGNORECASE)


class Demo(Provider):
    """Abstract hills under a sun, different for every prompt and seed."""

    models = (Model("demo", (Price(0, "credits", "this product", date(2026, 11, 21)),)),)
    aspect_ratios = ("1:1", "21:9", "16:9", "3:2", "5:4", "4:5", "2:3", "9:16", "9:21")
    sizes = SizeRange(64, 2048)
    styles = tuple(HUES)
    seed = True
    negative_prompt = True
    origin = ORIGIN
    digital_source = "algorithmicMedia"
    is_demo = True

    def send(self, request: ImageRequest, keep: Keep) -> Answer | Handle:
        wish, seconds = _wish(request.prompt)
        if wish == "unknown":
            raise errors.OutcomeUnknown("The demo broke the connection after the request was sent, as the prompt asked.")
        if wish == "later":
            return Handle(json.dumps({"ready": time.time() + seconds, "request": asdict(request)}, default=str))
        if wish == "slow":
            time.sleep(seconds)
        return self._answer(request, wish, seconds, keep)

    def poll(self, handle: Handle, keep: Keep) -> Answer | Pending:
        accepted: dict[str, Any] = json.loads(handle.value)
        wait = accepted["ready"] - time.time()
        if wait > 0:
            return Pending(after=min(wait, 1.0))
        request = ImageRequest(**{**accepted["request"], "attempt": UUID(accepted["request"]["attempt"])})
        return self._answer(request, "", 0, keep)

    def _answer(self, request: ImageRequest, wish: str, seconds: float, keep: Keep) -> Answer:
        status = {"refuse": 403, "busy": 429, "fail": 500}.get(wish, 200)
        headers = {
            "retry-after": str(seconds),
            "seed": str(request.seed or 0),
            "moderation": "blurred" if wish == "blur" else "",
        }
        return keep(status, headers, [self._draw(request)] if status == 200 else [])

    def read(self, answer: Answer) -> ImageResult:
        match answer.status:
            case 403:
                raise errors.Refused("The demo refused the prompt, as it was asked to. Nothing was charged.")
            case 429:
                wait = float(answer.headers["retry-after"])
                raise errors.RateLimited("The demo takes no more calls for the moment.", retry_after=wait)
            case 500:
                raise errors.Unavailable("The demo failed, as the prompt asked. Nothing was charged.")
        if answer.headers["moderation"]:
            raise errors.Refused("The demo blurred its own picture. The call counts as paid.", charged=Charged.YES)
        return ImageResult(answer.body, seed=int(answer.headers["seed"]))

    def _draw(self, request: ImageRequest) -> bytes:
        width, height = pixels(request.size) if request.size else _pixels_of(request.aspect_ratio or self.aspect_ratios[0])
        text = "\n".join((request.prompt, request.negative_prompt, request.style, str(request.seed)))
        dice = random.Random(hashlib.sha256(text.encode()).digest())
        picture = _landscape(width, height, HUES.get(request.style, dice.random()), dice)
        _label(picture)
        return _png(picture)


def _wish(prompt: str) -> tuple[str, float]:
    found = _WISH.search(prompt)
    return (found[1].lower(), min(float(found[2] or 2), MAX_SECONDS)) if found else ("", 0.0)


def _pixels_of(ratio: str) -> tuple[int, int]:
    width, height = (int(side) for side in ratio.split(":"))
    scale = SHORT_SIDE / min(width, height)
    return round(width * scale), round(height * scale)


def _color(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return int(red * 255), int(green * 255), int(blue * 255)


def _landscape(width: int, height: int, hue: float, dice: random.Random) -> Image.Image:
    """Paint a sky that fades, a sun and five ranges of hills, the nearer the darker."""
    fade = Image.linear_gradient("L").resize((width, height))
    picture = Image.composite(
        Image.new("RGB", (width, height), _color(hue + 0.08, 0.35, 1.0)),
        Image.new("RGB", (width, height), _color(hue - 0.06, 0.62, 0.72)),
        fade,
    )
    brush = ImageDraw.Draw(picture)
    x, y, radius = (
        dice.uniform(0.2, 0.8) * width,
        dice.uniform(0.2, 0.45) * height,
        dice.uniform(0.07, 0.13) * min(width, height),
    )
    brush.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_color(hue + 0.12, 0.18, 1.0))
    for step in range(5):
        brush.polygon(
            _range(width, height, 0.48 + step * 0.11, dice),
            fill=_color(hue + 0.03 * step, 0.5 + 0.07 * step, 0.7 - 0.13 * step),
        )
    return picture.filter(ImageFilter.SMOOTH)


def _range(width: int, height: int, level: float, dice: random.Random) -> list[tuple[float, float]]:
    """Return the outline of one range of hills whose ridge wanders around `level` (0 top, 1 bottom)."""
    ridge, lift = [], dice.uniform(-0.05, 0.05)
    for step in range(13):
        lift = max(-0.12, min(0.12, lift + dice.uniform(-0.06, 0.06)))
        ridge.append((width * step / 12, height * (level + lift)))
    return [(0.0, float(height)), *ridge, (float(width), float(height))]


def _label(picture: Image.Image) -> None:
    brush = ImageDraw.Draw(picture, "RGBA")
    size = max(8, min(picture.size) // 32)
    band = (0, picture.height - 2 * size, picture.width, picture.height)
    brush.rectangle(band, fill=(0, 0, 0, 120))
    brush.text(
        (size, picture.height - size),
        "DEMO · no AI made this",
        fill="white",
        anchor="lm",
        font=ImageFont.load_default(size),
    )


def _png(picture: Image.Image) -> bytes:
    text = PngInfo()
    text.add_text("Software", "Chaotix demo provider")
    text.add_text("Comment", ORIGIN)
    file = io.BytesIO()
    picture.save(file, "PNG", pnginfo=text, compress_level=3)
    return file.getvalue()
