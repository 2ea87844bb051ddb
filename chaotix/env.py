"""The environment, read once and loudly: the only module that touches `os.environ`.

A variable that is not set, or set to the empty string, is absent. `.env` beside manage.py fills in what the environment
leaves out. A secret may be given as `NAME_FILE`, the path of a file that holds it. A bad value raises `BadSetting`, which
names it.
"""

import contextlib
import fcntl
import importlib
import math
import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from dotenv import load_dotenv

BASE_DIR = Path(__file__).resolve().parent.parent


class BadSetting(Exception):
    """A variable of the environment has a value that cannot be used."""


class MailServer(NamedTuple):
    """Who takes mail: `is_tls` where it speaks TLS from the first byte, `starts_tls` where it changes to that."""

    host: str
    port: int
    user: str
    password: str
    is_tls: bool
    starts_tls: bool


def use_project_settings_module() -> str:
    """Name the settings module, unless the environment names another, and return its name."""
    return os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chaotix.settings")


def import_settings() -> None:
    """Import the settings now, so that a bad value shows as `BadSetting` before Django runs anything."""
    importlib.import_module(use_project_settings_module())


def leave_out_celerys_checks() -> None:
    """Keep Celery from running every system check in a worker: it drops what they say, and they load all pages."""
    os.environ.setdefault("CELERY_SKIP_CHECKS", "1")


def load_file() -> None:
    load_dotenv(BASE_DIR / ".env", override=False)


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def given(**names: str) -> dict[str, str]:
    """Return the options whose variables are set; for the others, whoever takes them has a default of its own."""
    return {option: value for option, name in names.items() if (value := text(name))}


def secret(name: str) -> str:
    """Return the variable, or what the file named by NAME_FILE holds, or the empty string."""
    path = text(f"{name}_FILE")
    if not path or text(name):
        return text(name)
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"{name}_FILE={path} cannot be read: {error}") from error


def number(name: str, default: float, *, least: float, most: float = float("inf")) -> float:
    raw = text(name, str(default))
    try:
        value = float(raw)
    except ValueError as error:
        raise BadSetting(f"{name}={raw} is not a number") from error
    if not math.isfinite(value) or not least <= value <= most:
        raise BadSetting(f"{name}={raw} is out of range: {_span(least, most)}")
    return value


def integer(name: str, default: int, *, least: int, most: float = float("inf")) -> int:
    value = number(name, default, least=least, most=most)
    if value != int(value):
        raise BadSetting(f"{name}={text(name)} is not a whole number")
    return int(value)


def _span(least: float, most: float) -> str:
    return f"at least {least:g}" if most == float("inf") else f"from {least:g} to {most:g}"


def boolean(name: str, default: bool) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    raw = text(name, str(default)).lower()
    if raw not in words:
        raise BadSetting(f"{name}={raw} is neither true nor false")
    return words[raw]


def choice(name: str, default: str, choices: Sequence[str]) -> str:
    value = text(name, default)
    if value not in choices:
        raise BadSetting(f"{name}={value} is not one of {', '.join(choices)}")
    return value


def listing(name: str) -> list[str]:
    return [item.strip() for item in text(name).split(",") if item.strip()]


def mail_server(name: str) -> MailServer | None:
    """Return the server of an address like smtps://user:password@host:465; None where none is named.

    The address is a secret, and no error repeats it.
    """
    if not (address := secret(name)):
        return None
    ports = {"smtp": 25, "smtp+tls": 587, "smtps": 465}
    try:
        found = urlsplit(address)
        port = found.port or ports[found.scheme]
    except (ValueError, KeyError) as error:
        raise BadSetting(f"{name} is not an address like smtps://user:password@host, smtp+tls://… or smtp://…") from error
    if not found.hostname:
        raise BadSetting(f"{name} names no host: it should look like smtps://user:password@host")
    user, password = unquote(found.username or ""), unquote(found.password or "")
    return MailServer(found.hostname, port, user, password, found.scheme == "smtps", found.scheme == "smtp+tls")


def folder(name: str, default: str) -> Path:
    """Return an absolute folder; a relative one counts from the project's own folder."""
    raw = text(name, default)
    try:
        return (BASE_DIR / Path(raw).expanduser()).resolve()
    except (RuntimeError, OSError, ValueError) as error:
        raise BadSetting(f"{name}={raw} is not a folder: {error}") from error


def kept_secret(path: Path) -> str:
    """Return the secret kept in `path`, made on the first run and readable by its owner alone (0600)."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path.parent):
            if not path.exists() or not path.read_bytes().strip():
                _write_secret(path, secrets.token_urlsafe(50))
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"the secret in {path} cannot be kept: {error}; see DATA_DIR, or set SECRET_KEY") from error


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Of processes that start together one makes the secret, and all read the same."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write_secret(path: Path, content: str) -> None:
    """Write a file whole or not at all, also when the power fails."""
    draft = path.with_name(f".{path.name}.part")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(content + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
