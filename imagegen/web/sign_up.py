"""Who may make an account, as SIGN_UP says; and mail that cannot be sent."""

import logging
from smtplib import SMTPException
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context as current
from django.contrib import messages
from django.http import HttpRequest

from imagegen import conf

log = logging.getLogger(__name__)


class Adapter(DefaultAccountAdapter):  # type: ignore[misc]
    """What django-allauth asks about accounts here."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return conf.sign_up_is_open()

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail; where the server does not take it, say so and go on."""
        try:
            super().send_mail(template_prefix, email, context)
        except (OSError, SMTPException) as error:
            log.error("No mail could be sent: %s", error)
            messages.error(current.request, "The mail could not be sent just now. Please try again later.")

    def format_email_subject(self, subject: str) -> str:
        return f"[Chaotix] {subject}"
