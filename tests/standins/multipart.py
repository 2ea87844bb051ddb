"""Reads multipart/form-data by splitting at the boundary: email.parser needs half a second for 10 MiB."""

from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser


@dataclass(frozen=True)
class Part:
    name: str
    filename: str | None
    content: bytes

    @property
    def is_file(self) -> bool:
        return self.filename is not None


def parse(body: bytes, content_type: str) -> list[Part]:
    """Return the parts in order; ValueError says what is wrong with the form."""
    delimiter = b"\r\n--" + _boundary(content_type)
    _before, *sections = (b"\r\n" + body).split(delimiter)
    if not sections or not sections[-1].startswith(b"--"):
        raise ValueError("the closing boundary is missing")
    return [_part(section) for section in sections[:-1]]


def _boundary(content_type: str) -> bytes:
    message = Message()
    message["content-type"] = content_type
    boundary = message.get_boundary()
    if not boundary:
        raise ValueError("the boundary is missing")
    return boundary.encode("latin-1")


def _part(section: bytes) -> Part:
    head, blank, content = section.partition(b"\r\n\r\n")
    headers = BytesHeaderParser().parsebytes(head.lstrip(b"\r\n"))
    name = headers.get_param("name", header="content-disposition")
    if not blank or not isinstance(name, str):
        raise ValueError("a part has no name")
    return Part(name=name, filename=headers.get_filename(), content=content)
