"""What a stand-in is asked for: one picture, whatever protocol names it, or something that breaks the protocol."""

import abc
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .deliveries import Reply


@dataclass(frozen=True)
class Order(abc.ABC):
    """A request that keeps every rule of its protocol: one picture to draw."""

    path: str
    fields: Mapping[str, Any]
    prompt: str
    seed: int
    """Drawn already where the caller left it to the provider."""
    size: tuple[int, int]
    """Width and height in pixels."""
    output_format: str
    credits: float

    @abc.abstractmethod
    def reply(self, picture: bytes) -> Reply:
        """Wrap a picture as the protocol hands it over."""


class Objection(Exception):
    """The request breaks the protocol; carries what answers it."""

    def __init__(self, reply: Reply, *, prompt: str = "", fields: Mapping[str, Any] | None = None) -> None:
        super().__init__(reply.status, reply.body[:200])
        self.reply = reply
        self.prompt = prompt
        self.fields = fields or {}


def whole_reply(status: int, headers: Mapping[str, str], body: bytes) -> Reply:
    """Return a reply that says how long it is, and has a name."""
    return Reply(status, {**headers, "x-request-id": uuid.uuid4().hex, "content-length": str(len(body))}, body)
