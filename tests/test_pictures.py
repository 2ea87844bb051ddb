"""A picture is accepted only when it is one, whole and of a bearable size; nothing is decoded to find that out."""

import io
import random
import struct
import tracemalloc
import zlib

import pytest
from PIL import Image

from imagegen import pictures
from imagegen.errors import BadAnswer
from imagegen.pictures import Picture
from imagegen.states import Charged

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def encoded(kind: str, width: int = 48, height: int = 32) -> bytes:
    noise = random.Random(1).randbytes(width * height * 3)
    file = io.BytesIO()
    Image.frombytes("RGB", (width, height), noise).save(file, kind)
    return file.getvalue()


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def header(width: int, height: int) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


def png(width: int = 3, height: int = 2, *more: bytes, end: bytes = chunk(b"IEND")) -> bytes:
    """Return a small PNG that claims to be that large."""
    pixels = zlib.compress(b"\0" + bytes(9))
    return SIGNATURE + header(width, height) + b"".join(more) + chunk(b"IDAT", pixels) + end


def is_refused(body: bytes) -> bool:
    try:
        pictures.check(body)
    except BadAnswer:
        return True
    return False


@pytest.mark.parametrize(
    ("kind", "picture"),
    [
        ("PNG", Picture("image/png", "png", 48, 32)),
        ("JPEG", Picture("image/jpeg", "jpg", 48, 32)),
        ("WEBP", Picture("image/webp", "webp", 48, 32)),
    ],
)
def test_a_whole_picture_tells_its_type_and_size(kind: str, picture: Picture) -> None:
    assert pictures.check(encoded(kind)) == picture


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "ICO", "PPM"])
def test_other_formats_are_refused(kind: str) -> None:
    with pytest.raises(BadAnswer, match="cannot be read as PNG, JPEG or WebP"):
        pictures.check(encoded(kind))


@pytest.mark.parametrize(
    "body", [b"", b"x", b"<!doctype html>", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\0" * 1000, SIGNATURE, b"RIFF"]
)
def test_what_is_no_picture_is_refused(body: bytes) -> None:
    with pytest.raises(BadAnswer, match="cannot be read"):
        pictures.check(body)


def test_a_refused_picture_may_have_been_paid() -> None:
    with pytest.raises(BadAnswer) as caught:
        pictures.check(b"")
    assert caught.value.charged == Charged.UNKNOWN


class TestPng:
    def test_wherever_it_breaks_off_it_is_refused(self) -> None:
        body = png()
        assert [end for end in range(len(body)) if not is_refused(body[:end])] == []

    def test_whichever_byte_is_wrong_it_is_refused(self) -> None:
        body = png()
        changed = [body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :] for place in range(len(body))]
        assert [place for place, wrong in enumerate(changed) if not is_refused(wrong)] == []

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            (png(end=b""), "breaks off before its end"),
            (png()[:-1], "breaks off before its end"),
            (encoded("PNG")[:-100], "breaks off inside a chunk"),
            (png()[:-1] + b"\0", "checksum is wrong"),
            (png() + b"\0", "goes on after its end"),
            (png() + png(), "goes on after its end"),
        ],
    )
    def test_the_fault_is_named(self, body: bytes, words: str) -> None:
        with pytest.raises(BadAnswer, match=words):
            pictures.check(body)

    def test_further_chunks_are_welcome(self) -> None:
        assert pictures.check(png(3, 2, chunk(b"tEXt", b"Comment\0hello"))).width == 3

    def test_a_text_that_unpacks_to_far_too_much_is_refused(self) -> None:
        text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(100_000_000)))
        assert is_refused(png(3, 2, text))


class TestSize:
    @pytest.mark.parametrize(
        ("width", "height", "refused"), [(8000, 8000, False), (8001, 8000, True), (60_000, 60_000, True)]
    )
    def test_sixty_four_million_pixels_are_the_most(self, width: int, height: int, refused: bool) -> None:
        assert is_refused(png(width, height)) == refused

    @pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 0), (0, 0)])
    def test_a_picture_of_no_pixels_is_refused(self, width: int, height: int) -> None:
        assert is_refused(png(width, height))

    def test_a_second_header_cannot_hide_a_bomb(self) -> None:
        assert is_refused(png(3, 2, header(60_000, 60_000)))

    def test_nothing_is_decoded(self) -> None:
        body = png(8000, 8000)
        tracemalloc.start()
        pictures.check(body)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 1024**2


class TestOtherFormats:
    def test_wherever_a_webp_breaks_off_it_is_refused(self) -> None:
        body = encoded("WEBP")
        assert [end for end in range(0, len(body), 7) if not is_refused(body[:end])] == []

    def test_a_jpeg_without_its_end_is_refused(self) -> None:
        body = encoded("JPEG")
        assert is_refused(body[: len(body) // 2])

    def test_a_jpeg_of_several_pictures_is_a_jpeg_or_refused(self) -> None:
        file = io.BytesIO()
        Image.new("RGB", (8, 8)).save(file, "MPO", save_all=True, append_images=[Image.new("RGB", (8, 8), "red")])
        assert is_refused(file.getvalue()) or pictures.check(file.getvalue()).content_type == "image/jpeg"

    @pytest.mark.filterwarnings("ignore::UserWarning")
    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
    def test_damage_is_never_an_unexpected_exception(self, kind: str) -> None:
        dice, whole = random.Random(2), encoded(kind)
        for _ in range(1500):
            body = bytearray(whole)
            for _ in range(dice.randint(1, 6)):
                body[dice.randrange(min(len(body), 300))] = dice.randrange(256)
            is_refused(bytes(body))
