"""The first administrator: a link that works once, and only while nobody has an account.

Of its secret only a digest is kept, in Redis, where whichever process is asked for the page finds it.
"""

import hashlib
import secrets
from hmac import compare_digest

from django.contrib.auth.models import User

from imagegen import redis

NAME = "first-run"


def path(secret: str) -> str:
    """Return where a link leads: who prints it would else have to load every page to ask its address."""
    return f"/first-run/{secret}"


def offer() -> str | None:
    """Return the secret of a new link, and let an older one work no longer; None where somebody has an account."""
    if is_over():
        return None
    secret = secrets.token_urlsafe(32)
    redis.client().set(redis.key(NAME), _digest(secret))
    return secret


def is_over() -> bool:
    """Whether somebody has an account, so that no link works any more."""
    return User.objects.exists()


def is_open(secret: str) -> bool:
    """Whether this link can be used."""
    kept = redis.client().get(redis.key(NAME))
    return isinstance(kept, bytes) and compare_digest(kept, _digest(secret)) and not is_over()


def take(secret: str) -> bool:
    """Use the link up; False where somebody else has, who came at the same time."""
    return is_open(secret) and bool(redis.client().delete(redis.key(NAME)))


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest().encode()
