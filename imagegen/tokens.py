"""Tokens, with which a person's programs act in their name: many for each, named, with an end, revocable.

Only a digest of each is kept (knox, SHA-512): what a person saw once, nobody reads again.
"""

import re
from datetime import timedelta
from hmac import compare_digest

from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone
from knox.crypto import hash_token
from knox.settings import CONSTANTS

from imagegen import texts
from imagegen.errors import BadSubmission, NotAllowed, Problem
from imagegen.models import ApiToken

# A bearer token that begins so is one of ours, and no key of a program that needs to send some.
PREFIX = "chaotix_"
MAX_NAME = 100
USUAL_DAYS, MOST_DAYS = 90, 3650


def make(user: AbstractBaseUser, name: str, *, days: int = USUAL_DAYS) -> tuple[ApiToken, str]:
    """Return a new token and its secret, which nobody can tell afterwards. Raises BadSubmission."""
    name = name.strip()
    if not name or len(name) > MAX_NAME or texts.fault(name) or not name.isprintable():
        raise BadSubmission([Problem("name", f"must be printable text of 1 to {MAX_NAME} characters")])
    if not 1 <= days <= MOST_DAYS:
        raise BadSubmission([Problem("days", f"{days} is out of range: 1 to {MOST_DAYS}")])
    token, secret = ApiToken.objects.create(user=user, name=name, expiry=timedelta(days=days), prefix=PREFIX)
    return token, secret


def of(user: AbstractBaseUser) -> list[ApiToken]:
    """Return this person's tokens, the newest first."""
    return list(ApiToken.objects.filter(user=user.pk).order_by("-created"))


def revoke(user: AbstractBaseUser, beginning: str) -> bool:
    """Take a token away, named by how it begins; False where this person has none that does."""
    deleted, _ = ApiToken.objects.filter(user=user.pk, token_key=beginning).delete()
    return bool(deleted)


def holder(authorization: str) -> AbstractBaseUser | None:
    """Return who acts by this header; None where it holds no token of ours. Raises NotAllowed where that is not known."""
    found = re.fullmatch(rf"bearer\s+({PREFIX}\S+)\s*", authorization, re.IGNORECASE)
    if not found:
        return None
    beginning, digest = found[1][: CONSTANTS.TOKEN_KEY_LENGTH], hash_token(found[1])
    for token in ApiToken.objects.filter(token_key=beginning, expiry__gt=timezone.now()).select_related("user"):
        if compare_digest(token.digest, digest) and token.user.is_active:
            user: AbstractBaseUser = token.user
            return user
    raise NotAllowed("This token is not known here: it was revoked, has run out, or never was one.")
