"""Signing in with a second factor: a code of an app, or a recovery code."""

from dataclasses import dataclass
from datetime import datetime

import qrcode
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import AbstractBaseUser
from qrcode.image.svg import SvgPathFillImage


class Adapter(DefaultMFAAdapter):  # type: ignore[misc]
    """What django-allauth asks about second factors here."""

    def build_totp_svg(self, url: str) -> str:
        """Return the code as markup that stands in the page itself, where no policy has to allow a picture for it."""
        drawn: str = qrcode.make(url, image_factory=SvgPathFillImage).to_string(encoding="unicode")
        return drawn


@dataclass(frozen=True)
class TwoFactor:
    """Since when somebody signs in with a second factor, and how many recovery codes they have left."""

    since: datetime
    codes_left: int


def of(person: AbstractBaseUser) -> TwoFactor | None:
    """Return what protects this person's account besides the password; None where nothing does."""
    found = {each.type: each for each in Authenticator.objects.filter(user=person.pk)}
    app, codes = found.get(Authenticator.Type.TOTP), found.get(Authenticator.Type.RECOVERY_CODES)
    if app is None:
        return None
    return TwoFactor(app.created_at, len(codes.wrap().get_unused_codes()) if codes else 0)
