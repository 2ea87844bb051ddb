"""Addresses that commands print."""

from django.conf import settings

from imagegen import conf


def served_at(*, local: bool = False) -> str:
    """Return where `up` serves; `local` is how this machine itself reaches that."""
    host = settings.HOST
    if local and host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.PORT}"


def complete(path: str) -> str:
    """Return the whole address of a path, as people open it."""
    return f"{conf.public_url() or served_at(local=True)}{path}"
