"""Pictures in a bucket of a real S3 server: stored before a row says so, private, and waited for while it is away."""

import hashlib
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings as django_settings
from django.core.files.storage import FileSystemStorage, storages
from django.core.management import call_command

from imagegen import errors, moves, storage
from imagegen.management import preflight
from imagegen.moves import Fate
from imagegen.s3 import BucketStorage
from imagegen.states import State
from tests.bucket import BUCKET, BucketServer, Contents
from tests.product import Product
from tests.rows import make_job
from tests.standins.stability import StabilityStandIn
from tests.waiting import wait_until

BODY = b"a picture" * 1000


def options(server: BucketServer, **changes: Any) -> dict[str, Any]:
    names = server.settings
    return {
        "bucket_name": BUCKET, "endpoint_url": server.url, "region_name": "us-east-1", "threads": 4,
        "access_key": names["S3_ACCESS_KEY_ID"], "secret_key": names["S3_SECRET_ACCESS_KEY"], **changes,
    }  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[BucketServer]:
    with BucketServer() as server:
        yield server


@pytest.fixture
def bucket(server: BucketServer, settings: Any) -> Iterator[BucketServer]:
    """Keep pictures in the bucket, and leave it empty."""
    backend = {"BACKEND": "imagegen.s3.BucketStorage", "OPTIONS": options(server)}
    settings.STORAGES = {**django_settings.STORAGES, "default": backend}
    settings.S3_BUCKET = BUCKET
    yield server
    Contents(server.settings).clear()


class TestStorage:
    def test_what_is_stored_is_read_back(self, bucket: BucketServer) -> None:
        assert storage.save_as("12/a.png", BODY) == "12/a.png"
        assert storage.read("12/a.png") == BODY
        assert bucket.client.head_object(Bucket=BUCKET, Key="12/a.png")["ContentType"] == "image/png"

    def test_what_is_deleted_is_gone(self, bucket: BucketServer) -> None:
        storage.save_as("12/a.png", BODY)
        storage.delete("12/a.png")
        storage.delete("12/a.png")
        assert Contents(bucket.settings).names() == set()
        with pytest.raises(FileNotFoundError):
            storage.read("12/a.png")

    def test_whether_it_is_there_can_be_asked(self, bucket: BucketServer) -> None:
        storage.save_as("12/a.png", BODY)
        assert storages["default"].exists("12/a.png")
        assert not storages["default"].exists("12/b.png")

    def test_nobody_gets_it_without_a_signature(self, bucket: BucketServer) -> None:
        storage.save_as("12/a.png", BODY)
        assert requests.get(f"{bucket.url}/{BUCKET}/12/a.png", timeout=10).status_code == 403

    def test_a_presigned_address_works_and_expires(self, bucket: BucketServer) -> None:
        storage.save_as("12/a.png", BODY)
        good, expired = (BucketStorage(**options(bucket, querystring_expire=seconds)).url("12/a.png") for seconds in (60, 1))
        assert requests.get(good, timeout=10).content == BODY
        wait_until(lambda: requests.get(expired, timeout=10).status_code == 403, seconds=20, what="its end")

    @pytest.mark.parametrize(
        ("changes", "code"),
        [({"secret_key": "wrong"}, "SignatureDoesNotMatch"), ({"access_key": "nobody"}, "InvalidAccessKeyId"),
         ({"bucket_name": "absent"}, "NoSuchBucket")],
    )  # fmt: skip
    def test_what_the_store_refuses_is_said_in_its_words(
        self, bucket: BucketServer, settings: Any, changes: dict[str, str], code: str
    ) -> None:
        backend = {"BACKEND": "imagegen.s3.BucketStorage", "OPTIONS": options(bucket, **changes)}
        settings.STORAGES = {**django_settings.STORAGES, "default": backend}
        with pytest.raises(errors.StorageUnavailable, match=code):
            storage.save_as("12/a.png", BODY)
        with pytest.raises(errors.StorageUnavailable, match=code):
            storage.read("12/a.png")
        with pytest.raises(preflight.CannotStart, match="S3_ENDPOINT"):
            preflight.check_bucket(BucketStorage(**options(bucket, **changes)))

    def test_a_store_that_is_away_is_waited_for(self, bucket: BucketServer, caplog: pytest.LogCaptureFixture) -> None:
        bucket.stop()
        try:
            with pytest.raises(errors.StorageUnavailable, match="cannot be reached"):
                storage.save_as("12/a.png", BODY)
            storage.delete("12/a.png")
            preflight.check_bucket(BucketStorage(**options(bucket)))
        finally:
            bucket.start()
        assert "pictures wait" in caplog.text
        assert storage.save_as("12/a.png", BODY)


@pytest.mark.django_db
class TestMove:
    def local(self) -> FileSystemStorage:
        return FileSystemStorage(django_settings.MEDIA_ROOT)

    def move(self, *, delete: bool = False) -> dict[Fate, int]:
        fates = [fate for _, fate in moves.carry_over(self.local(), delete=delete)]
        return {fate: fates.count(fate) for fate in Fate if fate in fates}

    @pytest.fixture
    def pictures(self) -> list[str]:
        """Three pictures in the folder, one with a thumbnail."""
        folder, names = self.local(), []
        for number in range(3):
            body = f"picture {number}".encode()
            thumbnail = "" if number else "12/0.thumb.webp"
            job = make_job(
                state=State.SUCCEEDED,
                picture=f"12/{number}.png",
                thumbnail=thumbnail,
                sha256=hashlib.sha256(body).hexdigest(),
            )
            for name in filter(None, (job.picture, job.thumbnail)):
                names.append(name)
                path = Path(folder.path(name))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(body)
        return sorted(names)

    def test_everything_is_carried_over_and_nothing_deleted(self, pictures: list[str], bucket: BucketServer) -> None:
        assert self.move() == {Fate.CARRIED: len(pictures)}
        assert Contents(bucket.settings).names() == {*pictures}
        assert all(self.local().exists(name) for name in pictures)

    def test_it_goes_on_where_it_was_stopped(self, pictures: list[str], bucket: BucketServer) -> None:
        next(moves.carry_over(self.local(), delete=False))
        self.move()
        assert self.move() == {Fate.THERE: len(pictures)}

    def test_what_was_half_written_is_written_again(self, pictures: list[str], bucket: BucketServer) -> None:
        bucket.client.put_object(Bucket=BUCKET, Key=pictures[0], Body=b"half")
        self.move()
        assert storage.read(pictures[0]) == Path(self.local().path(pictures[0])).read_bytes()

    def test_what_is_there_is_deleted_once_that_is_asked_for(self, pictures: list[str], bucket: BucketServer) -> None:
        self.move(delete=True)
        assert not any(self.local().exists(name) for name in pictures)
        assert self.move(delete=True) == {Fate.THERE: len(pictures)}

    def test_what_is_damaged_stays_and_is_named(
        self, pictures: list[str], bucket: BucketServer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path(self.local().path("12/1.png")).write_bytes(b"bit rot")
        self.local().delete("12/2.png")
        said, faults = StringIO(), StringIO()
        with pytest.raises(SystemExit):
            call_command("move_media", "--delete", stdout=said, stderr=faults)
        assert "12/1.png: damaged" in faults.getvalue()
        assert "12/2.png: missing" in faults.getvalue()
        assert self.local().exists("12/1.png")

    def test_without_a_bucket_there_is_nowhere_to_go(self, settings: Any) -> None:
        settings.S3_BUCKET = ""
        with pytest.raises(SystemExit, match="S3_BUCKET is not set"):
            call_command("move_media")


@pytest.fixture(params=["proxied", "presigned"])
def product(request: pytest.FixtureRequest, server: BucketServer, stability: StabilityStandIn) -> Iterator[Product]:
    names = {
        "STABILITY_API_KEY": stability.key,
        "STABILITY_API_HOST": stability.url,
        "LEASE_SECONDS": 3,
        "SWEEP_SECONDS": 0.5,
    }
    with Product(**names, **server.settings, S3_DELIVERY=request.param) as product:
        yield product
    Contents(server.settings).clear()


def test_the_main_job_with_a_bucket_that_goes_away(
    product: Product, server: BucketServer, stability: StabilityStandIn
) -> None:
    """Pictures are bought while there is no place for them, wait with that reason, and are stored without a second call."""
    first = product.finished(product.generate("a kite", "a fox"))
    for image in first:
        assert requests.get(image["image_url"], timeout=30).content.startswith(b"\x89PNG")
    server.stop()
    try:
        ids = product.generate("a boat", "a hare")
        wait_until(
            lambda: all("bucket cannot be reached" in (image["why"] or "") for image in product.images(ids)),
            seconds=60, what="the reason why they wait",
        )  # fmt: skip
    finally:
        server.start()
    wait_until(lambda: all(image["state"] == "succeeded" for image in product.images(ids)), seconds=60, what="both pictures")
    assert len(stability.calls) == 4
    folder = Path(product.environment["MEDIA_ROOT"])
    assert [path for path in folder.rglob("*") if path.is_file()] == []
