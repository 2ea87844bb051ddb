"""Is this a whole picture? Cheap enough for the path of a call: chunk sums and the end, no decoding."""

import io
import struct
import zlib
from dataclasses import dataclass

from PIL import Image

from imagegen import errors
from imagegen.states import Charged

MAX_PIXELS = 64_000_000
# Opening reads no more than the header, and the cap below is stricter than Pillow's, which only warns.
Image.MAX_IMAGE_PIXELS = None
FORMATS = {"PNG": ("image/png", "png"), "JPEG": ("image/jpeg", "jpg"), "WEBP": ("image/webp", "webp")}
# What Pillow calls a JPEG that holds several pictures.
_SEVERAL_JPEGS = "MPO"
_JPEG_END = b"\xff\xd9"
# The header chunk's length and name.
_PNG_HEADER = b"\x00\x00\x00\x0dIHDR"
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Picture:
    """A picture that was checked: its type, the ending of its file's name, and its size in pixels."""

    content_type: str
    suffix: str
    width: int
    height: int


def check(body: bytes) -> Picture:
    """Return what the picture is. Raises BadAnswer, with a charge of unknown, where it is none, too large or broken."""
    try:
        with Image.open(io.BytesIO(body), formats=list(FORMATS)) as image:
            kind = "JPEG" if image.format == _SEVERAL_JPEGS else str(image.format)
            width, height = image.size
            if not 0 < width * height <= MAX_PIXELS:
                raise _bad(f"claims {width} x {height} pixels")
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        raise _bad("cannot be read as PNG, JPEG or WebP") from error
    if kind == "PNG":
        _check_chunks(body)
    # Some encoders fill up the file behind its end.
    if kind == "JPEG" and not body.rstrip(b"\0").endswith(_JPEG_END):
        raise _bad("breaks off before its end")
    if kind == "WEBP" and struct.unpack_from("<I", body, 4)[0] + 8 > len(body):
        raise _bad("breaks off before its end")
    return Picture(*FORMATS[kind], width, height)


def _check_chunks(body: bytes) -> None:
    """Walk the chunks of a PNG; Pillow alone accepts a file without its end."""
    if not body.startswith(_PNG_SIGNATURE + _PNG_HEADER):
        raise _bad("does not begin with its header")
    view, offset, kind = memoryview(body), len(_PNG_SIGNATURE), b""
    while kind != b"IEND":
        if offset + 12 > len(body):
            raise _bad("breaks off before its end")
        (length,) = struct.unpack_from(">I", body, offset)
        end = offset + 12 + length
        if end > len(body):
            raise _bad("breaks off inside a chunk")
        kind = bytes(view[offset + 4 : offset + 8])
        if zlib.crc32(view[offset + 4 : end - 4]) != struct.unpack_from(">I", body, end - 4)[0]:
            raise _bad("has a chunk whose checksum is wrong")
        offset = end
    if offset != len(body):
        raise _bad("goes on after its end")


def _bad(what: str) -> errors.BadAnswer:
    return errors.BadAnswer(f"The picture that came {what}. It may have been paid.", charged=Charged.UNKNOWN)
