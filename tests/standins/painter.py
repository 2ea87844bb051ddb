"""Pictures that differ for every (prompt, seed) and repeat for an equal one, and broken copies of them."""

import functools
import hashlib
import io
import math
import random
import struct
import zlib

from PIL import Image, ImageFilter

from .orders import Order

BLUR = 16
BAND_HEIGHT = 16
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Painter:
    """Draws what an order asks for.

    `picture_bytes` pads PNG pictures with noise to about that size; JPEG and WebP stay small.
    """

    def __init__(self, picture_bytes: int | None = None) -> None:
        self._picture_bytes = picture_bytes

    def draw(self, order: Order) -> bytes:
        if self._picture_bytes and order.output_format == "png":
            return _draw_padded(order, self._picture_bytes)
        return _encode(_colours(order, order.size), order.output_format)

    def blur(self, order: Order) -> bytes:
        """Draw the stand-in for a picture that moderation made unrecognisable."""
        picture = _colours(order, order.size).filter(ImageFilter.GaussianBlur(BLUR))
        return _encode(picture, order.output_format)


def break_checksum(png: bytes) -> bytes:
    """Falsify the checksum of the first pixel chunk; many decoders skip that one, verify() does not."""
    kind = png.index(b"IDAT")
    checksum = kind + 4 + int.from_bytes(png[kind - 4 : kind])
    return png[:checksum] + bytes([png[checksum] ^ 0xFF]) + png[checksum + 1 :]


def cut_end_chunk(png: bytes) -> bytes:
    return png[: png.rindex(b"IEND") - 4]


def bomb() -> bytes:
    """Return some 70 bytes that claim 3.6 thousand million pixels."""
    return _png(60_000, 60_000, _chunk(b"IDAT", zlib.compress(b"\0")))


def _colours(order: Order, size: tuple[int, int]) -> Image.Image:
    digest = hashlib.shake_256(f"{order.seed}\n{order.prompt}".encode()).digest(4 * 4 * 3)
    return Image.frombytes("RGB", (4, 4), digest).resize(size, Image.Resampling.BICUBIC)


def _encode(picture: Image.Image, output_format: str) -> bytes:
    encoded = io.BytesIO()
    picture.save(encoded, output_format, compress_level=1)
    return encoded.getvalue()


def _draw_padded(order: Order, picture_bytes: int) -> bytes:
    """Put a band of the order's own colours on top of noise that all pictures of this size share.

    Built by hand because encoding a megabyte of noise anew for each call would cost more than the call.
    """
    width, height = _padded_size(order, picture_bytes)
    band = _rows(_colours(order, (width, BAND_HEIGHT)).tobytes(), width)
    noise, noise_chunk = _noise(width, height - BAND_HEIGHT)
    checksum = zlib.adler32(noise, zlib.adler32(band))
    start = _chunk(b"IDAT", b"\x78\x01" + _deflate(band, zlib.Z_FULL_FLUSH))
    return _png(width, height, start, noise_chunk, _chunk(b"IDAT", checksum.to_bytes(4)))


def _padded_size(order: Order, picture_bytes: int) -> tuple[int, int]:
    width, height = order.size
    unit = math.sqrt(picture_bytes / 3 / (width * height))
    return max(round(width * unit), 1), max(round(height * unit), BAND_HEIGHT + 1)


@functools.lru_cache(maxsize=16)
def _noise(width: int, height: int) -> tuple[bytes, bytes]:
    """Return the rows and the finished chunk of them; level 0 because noise does not shrink."""
    rows = _rows(random.Random(0).randbytes(width * height * 3), width)
    return rows, _chunk(b"IDAT", _deflate(rows, zlib.Z_FINISH, level=0))


def _rows(pixels: bytes, width: int) -> bytes:
    """Put PNG's filter byte, 0 for none, before each row."""
    stride = width * 3
    return b"".join(b"\0" + pixels[start : start + stride] for start in range(0, len(pixels), stride))


def _deflate(content: bytes, ending: int, *, level: int = 1) -> bytes:
    """Deflate without zlib's frame, so that two streams can be joined into one."""
    compressor = zlib.compressobj(level, wbits=-zlib.MAX_WBITS)
    return compressor.compress(content) + compressor.flush(ending)


def _png(width: int, height: int, *chunks: bytes) -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"".join((PNG_SIGNATURE, header, *chunks, _chunk(b"IEND", b"")))


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(content, zlib.crc32(kind))
    return b"".join((len(content).to_bytes(4), kind, content, checksum.to_bytes(4)))
