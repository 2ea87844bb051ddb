"""What an installation keeps, looked at and changed from outside: pictures in a folder or a bucket, and keys in Redis."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from imagegen import redis
from tests.bucket import Contents


class Pictures:
    """All files in the place that these settings name; names begin below it."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._folder = Path(settings["MEDIA_ROOT"])
        self._bucket = Contents(settings) if settings["S3_BUCKET"] else None

    def names(self) -> set[str]:
        if self._bucket:
            return self._bucket.names()
        return {str(path.relative_to(self._folder)) for path in self._folder.rglob("*") if path.is_file()}

    def write(self, name: str, body: bytes) -> None:
        if self._bucket:
            self._bucket.write(name, body)
        else:
            (self._folder / name).write_bytes(body)

    def clear(self) -> None:
        if self._bucket:
            self._bucket.clear()
        shutil.rmtree(self._folder, ignore_errors=True)


def own_pictures() -> Pictures:
    """Return the pictures that tests keep in this process."""
    return Pictures(os.environ)


def forget_everything() -> None:
    """Delete what the tests' own installation has in Redis, as when somebody emptied it."""
    client = redis.client()
    if names := client.keys(redis.key("*")):
        client.delete(*names)
