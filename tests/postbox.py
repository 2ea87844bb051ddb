"""A real mail server on this machine, which keeps what it is given instead of carrying it on."""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.waiting import unused_port, wait_until


class PostBox:
    """Mail of everybody; use it as a context manager."""

    def __init__(self) -> None:
        port = unused_port()
        self._mails: list[tuple[str, EmailMessage]] = []
        self._server = Controller(self, hostname="127.0.0.1", port=port)
        self.url = f"smtp://127.0.0.1:{port}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    def link(self, address: str, subject: str) -> str:
        """Return the path of the last link in the newest mail to somebody about something, which is sure to come."""
        wait_until(lambda: bool(self._about(address, subject)), seconds=20, what=f"mail to {address}: {subject}")
        return str(re.findall(r"http://[^/\s]+(/\S+)", self._about(address, subject)[-1].get_content())[-1])

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        mail: Any = message_from_bytes(envelope.original_content or b"", policy=policy.default)
        self._mails += [(address, mail) for address in envelope.rcpt_tos]
        return "250 Kept"

    def _about(self, address: str, subject: str) -> list[EmailMessage]:
        return [mail for to, mail in self._mails if to == address and subject in str(mail["Subject"])]
