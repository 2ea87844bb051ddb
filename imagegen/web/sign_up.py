"""Who may make an account, as SIGN_UP says."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest

from imagegen import conf


class Adapter(DefaultAccountAdapter):  # type: ignore[misc]
    """What django-allauth asks about accounts here."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return conf.sign_up_is_open()
