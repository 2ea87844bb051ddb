"""What Stability's three APIs have in common: words for styles, the sizes of SDXL, how a picture is told, the balance."""

import re
from collections.abc import Mapping

from imagegen import errors, http
from imagegen.providers.base import MAX_SEED, Answer, ImageResult
from imagegen.reading import json_object
from imagegen.states import Charged

HOST = "https://api.stability.ai"
KEY_NAME = "STABILITY_API_KEY"
# Whoever passes 150 requests in 10 s is "timed out for 60 seconds", says v2beta's document; no Retry-After is documented.
TIMED_OUT_SECONDS = 60.0
STYLES = (
    "enhance", "anime", "photographic", "digital-art", "comic-book", "fantasy-art", "line-art", "analog-film", "neon-punk",
    "isometric", "low-poly", "origami", "modeling-compound", "cinematic", "3d-model", "pixel-art", "tile-texture",
)  # fmt: skip
SDXL = "stable-diffusion-xl-1024-v1-0"
# The sizes that SDXL 1.0 draws, each by the ratio it comes nearest to. Any other is refused, v1's own default included.
# From a copy of v1's schema at stabilityai.apidog.io.
SDXL_SIZES = {
    "1:1": (1024, 1024),
    "21:9": (1536, 640),
    "16:9": (1344, 768),
    "3:2": (1216, 832),
    "5:4": (1152, 896),
    "4:5": (896, 1152),
    "2:3": (832, 1216),
    "9:16": (768, 1344),
    "9:21": (640, 1536),
}
_SEED = re.compile(r"\d{1,10}", re.ASCII)


def read_picture(answer: Answer, types: tuple[str, ...]) -> ImageResult:
    """Return the picture of a 200 of either REST version, which has one of these types. Raises BadAnswer, Refused."""
    kind = answer.headers.get("content-type", "").lower()
    if not kind.startswith(types):
        sentence = f"Stability answered 200 with {kind or 'no type'}, not a picture. It may have been paid."
        raise errors.BadAnswer(sentence, charged=Charged.UNKNOWN)
    match answer.headers.get("finish-reason", "SUCCESS"):
        case "SUCCESS":
            return ImageResult(answer.body, _seed(answer.headers.get("seed", "")))
        case "CONTENT_FILTERED":
            raise blurred()
        case other:
            sentence = f"Stability ended with {other[:60]!r} instead of SUCCESS. It may have been paid."
            raise errors.BadAnswer(sentence, charged=Charged.UNKNOWN)


def blurred() -> errors.Refused:
    """Return what to raise for a picture that moderation made unrecognisable: no document says that it is free."""
    sentence = "Stability's moderation blurred the picture it made. The call counts as paid."
    return errors.Refused(sentence, charged=Charged.YES)


def balance(client: http.Client, headers: Mapping[str, str], key_name: str) -> str:
    """Ask for the balance, which v1 tells for all versions, and say what is left. Raises NotConfigured, Unavailable."""
    status, body = client.ask("/v1/user/balance", headers={**headers, "accept": "application/json"})
    if status == 401:
        raise errors.NotConfigured(f"Stability does not accept the key in {key_name}.")
    credits = json_object(body).get("credits")
    if status != 200 or not isinstance(credits, int | float):
        raise errors.Unavailable(f"Stability answered {status} when asked for the balance.")
    return f"the key is accepted; {credits:g} credits are left"


def _seed(text: str) -> int | None:
    return int(text) if _SEED.fullmatch(text) and int(text) <= MAX_SEED else None
