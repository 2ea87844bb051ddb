"""The stores that tests run on: those that were asked for, or a run on servers would prove nothing about them."""

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.files.storage import storages
from django.db import connection

from imagegen.s3 import BucketStorage
from tests.product import PROJECT, Product

ON_SERVERS = os.environ.get("TEST_STORES") == "servers"


@pytest.mark.django_db
def test_tests_keep_things_where_it_was_asked_for() -> None:
    assert connection.vendor == ("postgresql" if ON_SERVERS else "sqlite")
    assert isinstance(storages["default"], BucketStorage) == ON_SERVERS
    assert settings.OWN_BROKER != ON_SERVERS


def test_so_does_a_product() -> None:
    with Product() as product:
        product.finished(product.generate("a kite", size="64x64"))
        assert (product.folder / "var" / "chaotix.sqlite3").exists() != ON_SERVERS
        assert (product.folder / "var" / "broker").exists() != ON_SERVERS
        assert any(product.folder.glob("media/**/*.png")) != ON_SERVERS


def test_stores_that_tests_do_not_know_are_refused() -> None:
    environment = {**os.environ, "TEST_STORES": "cloud"}
    command = [sys.executable, "-c", "import tests.settings"]
    asked_for = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert "TEST_STORES=cloud" in asked_for.stderr
