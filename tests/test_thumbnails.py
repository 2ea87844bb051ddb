"""Thumbnails: made apart from every call, out of whole pictures only, and never at a picture's cost."""

import io
import os
import random
import signal
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings as django_settings
from django.contrib.auth.models import AnonymousUser
from django.core.files.storage import default_storage
from PIL import Image

from imagegen import queries, storage, thumbnails
from imagegen.errors import StorageUnavailable
from imagegen.management.commands.thumbnails import NICENESS, _make_some
from imagegen.models import Job
from imagegen.queries import Card
from imagegen.states import State
from tests.kept import own_pictures
from tests.product import PROJECT, Product, clean_environment
from tests.rows import make_job
from tests.test_files import largest_file
from tests.test_pictures import SIGNATURE, chunk, encoded
from tests.waiting import wait_until

# The most memory that decoding may take: 64 million pixels of four bytes, twice, and what Django needs.
MOST_MEGABYTES = 900
SHRINK = """
import resource, sys
from pathlib import Path
import django

def peak():
    # On Linux, ru_maxrss begins with that of whoever started this process, which may hold a model.
    lines = Path("/proc/self/status").read_text().splitlines() if sys.platform == "linux" else []
    highest = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
    return highest[0] if highest else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

django.setup()
from imagegen import pictures, thumbnails
body = Path(sys.argv[1]).read_bytes()
pictures.check(body)
print(len(thumbnails.shrink(body)), peak())
"""


def opened(body: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(body))
    image.load()
    return image


def drawn(mode: str = "RGB", size: tuple[int, int] = (1600, 800), kind: str = "PNG", **options: Any) -> bytes:
    """Return a picture that fades from dark to bright."""
    file = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert(mode).save(file, kind, **options)
    return file.getvalue()


def stored(body: bytes, suffix: str = "png") -> Job:
    """Return a job whose picture this is."""
    job = make_job(state=State.SUCCEEDED)
    job.picture = storage.save(job.pk, 1, suffix, body)
    job.save()
    return job


def looked_at(job: Job) -> Job:
    """Let the thumbnailer do its work; return what the job is then."""
    thumbnails.make_some()
    return Job.objects.get(pk=job.pk)


def card(job: Job) -> Card:
    [shown] = queries.cards([str(job.pk)], AnonymousUser())
    return shown


def files() -> list[str]:
    return sorted(own_pictures().names())


def damaged(body: bytes = encoded("PNG")) -> bytes:
    """Return a PNG whose every sum is right and whose pixels are not."""
    start = body.index(b"IDAT") - 4
    return body[:start] + chunk(b"IDAT", b"no pixels at all") + body[-12:]


class TestShrink:
    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
    def test_every_format_becomes_a_webp(self, kind: str) -> None:
        assert opened(thumbnails.shrink(drawn(kind=kind))).format == "WEBP"

    @pytest.mark.parametrize(
        ("size", "small"),
        [
            ((1600, 800), (640, 320)),
            ((800, 1600), (320, 640)),
            ((640, 640), (640, 640)),
            ((64, 48), (64, 48)),
            ((2000, 2), (640, 1)),
        ],
    )
    def test_it_fits_and_keeps_the_ratio_and_nothing_is_blown_up(
        self, size: tuple[int, int], small: tuple[int, int]
    ) -> None:
        assert opened(thumbnails.shrink(drawn(size=size))).size == small

    @pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16"])
    @pytest.mark.parametrize("size", [(60, 50), (2600, 2400)])
    def test_dark_stays_dark_and_bright_stays_bright_in_every_kind_of_png(self, mode: str, size: tuple[int, int]) -> None:
        body = sixteen_bits(size) if mode == "I;16" else drawn(mode, size)
        small = opened(thumbnails.shrink(body)).convert("L")
        top, bottom = (small.crop((0, row, small.width, row + 5)).resize((1, 1)) for row in (0, small.height - 5))
        assert top.tobytes()[0] < 60
        assert bottom.tobytes()[0] > 195

    def test_what_is_transparent_stays_transparent(self) -> None:
        picture = Image.new("RGBA", (1000, 500), (255, 0, 0, 0))
        picture.paste((0, 0, 255, 255), (0, 0, 500, 500))
        file = io.BytesIO()
        picture.save(file, "PNG")
        small = opened(thumbnails.shrink(file.getvalue()))
        assert (small.mode, small.getpixel((500, 200)), small.getpixel((100, 200))) == (
            "RGBA",
            (0, 0, 0, 0),
            (0, 0, 255, 255),
        )

    def test_a_transparent_colour_of_a_palette_stays_transparent(self) -> None:
        file = io.BytesIO()
        picture = Image.new("P", (1000, 500), 1)
        picture.putpalette([0, 0, 0, 255, 0, 0])
        picture.save(file, "PNG", transparency=1)
        assert opened(thumbnails.shrink(file.getvalue())).getchannel("A").getextrema() == (0, 0)

    def test_a_picture_that_is_to_be_turned_is_turned(self) -> None:
        turned = Image.Exif()
        turned[0x0112] = 6
        assert opened(thumbnails.shrink(drawn(kind="JPEG", exif=turned))).size == (320, 640)

    @pytest.mark.filterwarnings("ignore::UserWarning")
    @pytest.mark.parametrize("mode", ["P", "RGBA"])
    def test_damage_is_never_an_unexpected_exception(self, mode: str) -> None:
        dice, whole = random.Random(4), drawn(mode, (40, 30), compress_level=1)
        for _ in range(500):
            content = bytearray(whole[whole.index(b"IDAT") + 4 : -16])
            content[dice.randrange(len(content))] = dice.randrange(256)
            body = whole[: whole.index(b"IDAT") - 4] + chunk(b"IDAT", bytes(content)) + chunk(b"IEND")
            try:
                thumbnails.shrink(body)
            except (OSError, SyntaxError, ValueError):
                continue

    def test_the_largest_picture_that_is_accepted_stays_within_bounds(self, tmp_path: Path) -> None:
        (tmp_path / "large.png").write_bytes(large())
        command = [sys.executable, "-c", SHRINK, str(tmp_path / "large.png")]
        environment = clean_environment(DATA_DIR=tmp_path, DJANGO_SETTINGS_MODULE="chaotix.settings")
        ended = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True)
        size, peak = map(int, ended.stdout.split())
        assert size > 0
        assert peak / (1024 if sys.platform == "linux" else 1024**2) < MOST_MEGABYTES


def large() -> bytes:
    """Return about a megabyte that unpacks to 64 million pixels with transparency."""
    packer = zlib.compressobj(1)
    row = bytes(1 + 8000 * 4)
    pixels = b"".join(packer.compress(row) for _ in range(8000)) + packer.flush()
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 8000, 8000, 8, 6, 0, 0, 0))
    return SIGNATURE + head + chunk(b"IDAT", pixels) + chunk(b"IEND")


def sixteen_bits(size: tuple[int, int]) -> bytes:
    """Return the same fade with 16 bits of grey to a pixel."""
    grey = Image.linear_gradient("L").resize(size).tobytes()
    file = io.BytesIO()
    Image.frombytes("I;16", size, bytes(half for value in grey for half in (0, value))).save(file, "PNG")
    return file.getvalue()


@pytest.mark.django_db(transaction=True)
class TestMaking:
    def test_the_card_shows_the_thumbnail_and_links_to_the_picture(self) -> None:
        job = looked_at(stored(drawn()))
        assert card(job).thumbnail_url == f"/media/{job.pk}.thumb.webp"
        assert card(job).image_url == f"/media/{job.pk}.png"
        assert opened(storage.read(job.thumbnail)).size == (640, 320)

    def test_the_picture_itself_stays_as_it_is(self) -> None:
        body = drawn()
        job = looked_at(stored(body))
        assert storage.read(job.picture) == body

    def test_a_picture_is_looked_at_once(self) -> None:
        looked_at(stored(drawn()))
        assert thumbnails.make_some() == 0

    def test_jobs_without_a_picture_are_left_alone(self) -> None:
        make_job(state=State.RUNNING)
        make_job(state=State.FAILED)
        assert thumbnails.make_some() == 0

    def test_the_version_of_the_card_grows_so_that_open_pages_take_it(self) -> None:
        job = stored(drawn())
        before = card(job).version
        assert card(looked_at(job)).version > before


@pytest.mark.django_db(transaction=True)
class TestDefects:
    def test_a_picture_that_cannot_be_decoded_says_so_on_its_card(self) -> None:
        job = looked_at(stored(damaged()))
        assert (job.state, job.thumbnail, job.defect) == ("succeeded", "", "The picture cannot be decoded.")
        assert (card(job).why, card(job).image_url) == (job.defect, f"/media/{job.pk}.png")

    def test_a_picture_whose_file_is_gone_says_so_on_its_card(self) -> None:
        job = stored(drawn())
        storage.delete(job.picture)
        assert card(looked_at(job)).why == "The picture's file is gone."

    @pytest.mark.parametrize("how", ["damaged", "gone"])
    def test_it_is_not_tried_again(self, how: str) -> None:
        job = stored(damaged())
        if how == "gone":
            storage.delete(job.picture)
        looked_at(job)
        assert thumbnails.make_some() == 0

    def test_the_file_of_a_defect_picture_stays_as_it_came(self) -> None:
        job = looked_at(stored(damaged()))
        assert storage.read(job.picture) == damaged()

    def test_a_defect_does_not_hold_up_the_others(self) -> None:
        stored(damaged())
        assert looked_at(stored(drawn())).thumbnail


@pytest.mark.laptop
@pytest.mark.django_db(transaction=True)
class TestStorageAway:
    def test_a_thumbnail_that_cannot_be_stored_is_made_later(self) -> None:
        job = stored(drawn())
        with largest_file(100), pytest.raises(StorageUnavailable):
            thumbnails.make_some()
        assert Job.objects.get().defect == ""
        assert looked_at(job).thumbnail

    def test_pictures_that_are_out_of_reach_together_are_no_defects(self) -> None:
        """As when the disk is not mounted: the whole folder is away, not one file."""
        job, root = stored(drawn()), Path(django_settings.MEDIA_ROOT)
        root.rename(root.with_name("away"))
        _make_some()
        root.with_name("away").rename(root)
        assert looked_at(job).thumbnail

    def test_a_storage_that_cannot_be_read_does_not_end_the_process(self) -> None:
        job, root = stored(drawn()), Path(django_settings.MEDIA_ROOT)
        root.rename(root.with_name("away"))
        root.write_text("no folder")
        try:
            assert _make_some() == 0
        finally:
            root.unlink()
            root.with_name("away").rename(root)
        assert looked_at(job).thumbnail


@pytest.mark.django_db(transaction=True)
class TestSeveral:
    def test_two_thumbnailers_at_once_do_no_harm(self) -> None:
        jobs = [stored(drawn(size=(700, 700 + number))) for number in range(8)]
        threads = [threading.Thread(target=_make_some) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        made = [Job.objects.get(pk=job.pk).thumbnail for job in jobs]
        assert files() == sorted([*made, *(job.picture for job in jobs)])

    def test_the_one_that_is_late_leaves_the_others_thumbnail_in_its_place(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Both found the name free, which the storage asks for before it writes."""
        job = stored(drawn())
        shrink = thumbnails.shrink

        def be_late(body: bytes) -> bytes:
            monkeypatch.setattr(thumbnails, "shrink", shrink)
            monkeypatch.setattr(default_storage, "exists", lambda _: False)
            thumbnails.make_some()
            return shrink(body)

        monkeypatch.setattr(thumbnails, "shrink", be_late)
        thumbnails.make_some()
        assert opened(storage.read(Job.objects.get(pk=job.pk).thumbnail)).size == (640, 320)


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    with Product() as running:
        yield running


def thumbnailer(product: Product) -> int:
    [pid] = [pid for words, pid in product.parts() if "thumbnails" in words]
    return pid


def stands_back(pid: int) -> bool:
    """Whether a process takes only time that nobody else wants."""
    if hasattr(os, "SCHED_IDLE"):
        return os.sched_getscheduler(pid) == os.SCHED_IDLE
    listing = subprocess.run(["ps", "-o", "ni=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return int(listing.stdout) == min(os.getpriority(os.PRIO_PROCESS, 0) + NICENESS, 19)


class TestProcess:
    def test_it_lets_everybody_else_go_first(self, product: Product) -> None:
        wait_until(lambda: stands_back(thumbnailer(product)), seconds=60, what="a lower priority")

    def test_the_page_uses_the_thumbnail_once_it_is_there(self, product: Product) -> None:
        [task] = product.generate("A kite")
        wait_until(lambda: bool(product.images([task])[0]["thumbnail_url"]), seconds=180, what="the thumbnail")
        address = product.images([task])[0]["thumbnail_url"]
        answer = requests.get(address, timeout=30)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/webp")
        page = requests.get(f"{product.url}/show-images", params={"task_ids": task}, timeout=30).text
        assert f'src="{address}"' in page

    def test_a_broken_file_does_not_stop_it(self, product: Product) -> None:
        os.kill(thumbnailer(product), signal.SIGSTOP)
        [first] = product.generate("a broken one")
        product.finished([first])
        for name in product.pictures.names():
            if first in name:
                product.pictures.write(name, damaged())
        os.kill(thumbnailer(product), signal.SIGCONT)
        wait_until(lambda: product.images([first])[0]["why"] is not None, seconds=180, what="the defect")
        [second] = product.generate("a whole one")
        wait_until(lambda: bool(product.images([second])[0]["thumbnail_url"]), seconds=180, what="the thumbnail")
