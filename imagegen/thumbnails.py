"""Full decoding and thumbnails, off the path of every call: a picture counts as soon as it is stored, this follows."""

import hashlib
import io
import logging
from uuid import UUID, uuid4

from PIL import Image, ImageOps

from imagegen import lifecycle, metadata, storage
from imagegen.models import Job

log = logging.getLogger(__name__)
# Twice the width of a card on a desktop, for screens with two pixels to a point.
MAX_SIDE = 640
QUALITY = 80


def make_some(limit: int = 50) -> int:
    """Decode the oldest pictures that have no thumbnail yet; return how many were looked at."""
    jobs = Job.objects.filter(thumbnail="", defect="").exclude(picture="").order_by("ended_at")
    waiting = list(jobs.values_list("pk", "picture")[:limit])
    for job, picture in waiting:
        _make(job, picture)
    return len(waiting)


def _make(job: UUID, picture: str) -> None:
    try:
        body = storage.read(picture)
    except FileNotFoundError:
        lifecycle.decoded(job, picture, defect="The picture's file is gone.")
        return
    received = hashlib.sha256(metadata.untold(body)).hexdigest()
    try:
        small = shrink(body)
    except (OSError, SyntaxError, ValueError, MemoryError) as error:
        log.warning("the picture of job %s cannot be decoded: %s", job, error)
        lifecycle.decoded(job, picture, defect="The picture cannot be decoded.", received=received)
        return
    stem = picture.rpartition(".")[0]
    # A name of its own: of two thumbnailers the late one throws its file away, and not the other's.
    name = storage.save_as(f"{stem}.{uuid4().hex[:8]}.thumb.webp", small)
    if not lifecycle.decoded(job, picture, thumbnail=name, received=received):
        storage.delete(name)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return a picture of 16 bits a channel with 8; Pillow itself would cut it off at white."""
    return image.convert("I").point(lambda value: value * (1 / 256)).convert("L") if image.mode.startswith("I") else image


def shrink(body: bytes) -> bytes:
    """Return a WebP that fits a card. Decodes every pixel, so it raises OSError, SyntaxError or ValueError on any damage."""
    with Image.open(io.BytesIO(body)) as image:
        image.load()
        upright = ImageOps.exif_transpose(_eight_bits(image))
        upright.thumbnail((MAX_SIDE, MAX_SIDE))
        file = io.BytesIO()
        upright.convert("RGBA" if upright.has_transparency_data else "RGB").save(file, "WEBP", quality=QUALITY)
    return file.getvalue()
