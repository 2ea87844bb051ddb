"""Pictures in a bucket: django-storages, with one pool of connections, and errors that say what is wrong."""

import contextlib
import errno
import io
import threading
from collections.abc import Iterator
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.base import File
from storages.backends.s3 import S3Storage

# Three tries within half a minute; then the picture waits in the spool, and is tried again by every sweep.
CONNECT_SECONDS, READ_SECONDS, TRIES = 3, 20, 2
_GONE = ("NoSuchKey", "404")
_BUSY = ("InternalError", "ServiceUnavailable", "SlowDown", "RequestTimeout")


class BucketStorage(S3Storage):  # type: ignore[misc]  # the package has no types
    """A private bucket. What goes wrong is an OSError, as anywhere.

    FileNotFoundError: a picture is not there. ConnectionError: the store does not answer, or not now.
    """

    def __init__(self, *, threads: int, **options: Any) -> None:
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": "path" if options.get("endpoint_url") else "auto"},
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"total_max_attempts": TRIES, "mode": "standard"},
            max_pool_connections=threads,
            # Stores other than Amazon's refuse the checksums that boto3 would add by itself.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        super().__init__(client_config=config, **options)
        self._lock = threading.Lock()
        self._shared: Any = None

    @property
    def connection(self) -> Any:
        """Return one for all threads: making one takes a tenth of a second, and what is used of it is safe to share."""
        with self._lock:
            if self._shared is None:
                self._shared = super().connection
            return self._shared

    def check(self) -> None:
        """Raise OSError where the bucket cannot be used: it is not there, or the key may not."""
        try:
            with _told():
                self._client.head_bucket(Bucket=self.bucket_name)
        except FileNotFoundError as error:
            raise OSError(errno.ENOENT, "there is no such bucket") from error

    def exists(self, name: str) -> bool:
        with contextlib.suppress(FileNotFoundError), _told():
            self._client.head_object(**self._at(name))
            return True
        return False

    def delete(self, name: str) -> None:
        with _told():
            self._client.delete_object(**self._at(name))

    def _save(self, name: str, content: "File[Any]") -> str:
        kind = self._get_write_parameters(name, content).get("ContentType", self.default_content_type)
        with _told():
            self._client.put_object(**self._at(name), Body=content.read(), ContentType=kind)
        return name

    def _open(self, name: str, mode: str = "rb") -> "File[Any]":
        with _told():
            answer = self._client.get_object(**self._at(name))
            return File(io.BytesIO(answer["Body"].read()), name)

    @property
    def _client(self) -> Any:
        return self.connection.meta.client

    def _at(self, name: str) -> dict[str, str]:
        return {"Bucket": self.bucket_name, "Key": self._normalize_name(name)}


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Say what went wrong as files do."""
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "?"))
        if code in _GONE:
            raise FileNotFoundError(errno.ENOENT, "the bucket has no such picture") from error
        fault = ConnectionError if code.startswith("5") or code in _BUSY else OSError
        raise fault(errno.EIO, f"the bucket answered {code}") from error
    except (BotoCoreError, Boto3Error) as error:
        raise ConnectionError(errno.EIO, f"the bucket cannot be reached ({type(error).__name__})") from error
