"""A real S3 server for tests: SeaweedFS in a folder of its own, on free ports of this machine alone.

    with BucketServer() as server:
        ...  # give server.settings to the product
        server.stop()
        server.start()

It refuses a wrong key and an expired address, as Amazon does, and being stopped loses nothing. What is stopped is the part
that speaks S3: the one that keeps the files would need half a minute to come back.
"""

import functools
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.waiting import unused_port, wait_until

KEY, SECRET, BUCKET = "AKIACHAOTIX", "a-secret-of-the-tests", "pictures"
STORE_PORTS = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc")


class Contents:
    """What the bucket holds for one installation, whose settings these are; names begin below its folder."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._client = _client(settings)
        self._folder = f"{folder}/" if (folder := settings.get("S3_FOLDER")) else ""

    def names(self) -> set[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=self._folder)
        return {each["Key"].removeprefix(self._folder) for page in pages for each in page.get("Contents", [])}

    def write(self, name: str, body: bytes) -> None:
        self._client.put_object(Bucket=BUCKET, Key=self._folder + name, Body=body)

    def clear(self) -> None:
        for name in self.names():
            self._client.delete_object(Bucket=BUCKET, Key=self._folder + name)


class BucketServer:
    """A server with one empty bucket; use it as a context manager."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="chaotix-s3-")
        self.folder = Path(self._folder.name)
        self._ports = {name: unused_port() for name in STORE_PORTS}
        self._port = unused_port()
        self.url = f"http://127.0.0.1:{self._port}"
        keys = {"name": "chaotix", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin"]}
        (self.folder / "keys.json").write_text(json.dumps({"identities": [keys]}), encoding="utf-8")

    @property
    def settings(self) -> dict[str, str]:
        """Return what the product needs to know."""
        return {
            "S3_BUCKET": BUCKET, "S3_ENDPOINT": self.url, "S3_ACCESS_KEY_ID": KEY, "S3_SECRET_ACCESS_KEY": SECRET,
        }  # fmt: skip

    @functools.cached_property
    def client(self) -> Any:
        return _client(self.settings)

    def __enter__(self) -> Self:
        here = [
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            f"-dir={self.folder}",
            "-volume.max=50",
            "-master.volumeSizeLimitMB=64",
        ]
        self._store = self._weed("server", "-filer", *here, *(f"-{name}={port}" for name, port in self._ports.items()))
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._store.kill()
        self._store.wait()
        self._folder.cleanup()

    def start(self) -> None:
        """Return when it has its bucket and takes pictures."""
        filer = f"127.0.0.1:{self._ports['filer.port']}.{self._ports['filer.port.grpc']}"
        ports = [f"-port={self._port}", f"-port.grpc={unused_port()}", "-port.iceberg=0", "-port.lance=0"]
        keys = f"-config={self.folder / 'keys.json'}"
        self._gate = self._weed("s3", f"-filer={filer}", keys, "-ip.bind=127.0.0.1", "-autoCreateBucket=false", *ports)
        wait_until(self._answers, seconds=60, what="the S3 server")

    def stop(self) -> None:
        self._gate.kill()
        self._gate.wait()

    def _weed(self, *words: str) -> "subprocess.Popen[bytes]":
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen([str(Path(sys.executable).with_name("weed")), *words], stdout=log, stderr=log)

    def _answers(self) -> bool:
        """Whether it can be written to, which it can be a while after it listens."""
        died = [each for each in (self._gate, self._store) if each.poll() is not None]
        assert not died, (self.folder / "log").read_text(encoding="utf-8")[-2000:]
        try:
            if BUCKET not in [bucket["Name"] for bucket in self.client.list_buckets()["Buckets"]]:
                self.client.create_bucket(Bucket=BUCKET)
            self.client.put_object(Bucket=BUCKET, Key="probe", Body=b"probe")
            self.client.delete_object(Bucket=BUCKET, Key="probe")
        except (ClientError, BotoCoreError):
            return False
        return True


def _client(settings: Mapping[str, str]) -> Any:
    return boto3.client(
        "s3", endpoint_url=settings["S3_ENDPOINT"], region_name="us-east-1",
        config=Config(
            signature_version="s3v4", s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, proxies={}
        ),
        aws_access_key_id=settings["S3_ACCESS_KEY_ID"], aws_secret_access_key=settings["S3_SECRET_ACCESS_KEY"],
    )  # fmt: skip
