"""A Redis that is not our own: with a password, behind TLS, and shared with others."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.product import PROJECT, Product, clean_environment
from tests.valkey import TlsDoor, ValkeyServer


@pytest.fixture(scope="module")
def server() -> Iterator[ValkeyServer]:
    with ValkeyServer() as server:
        yield server


def states(product: Product) -> set[str]:
    """Draw a picture and return how it ended."""
    return {image["state"] for image in product.finished(product.generate("a kite", provider="demo", size="64x64"))}


def test_with_a_password_and_tls(server: ValkeyServer) -> None:
    with TlsDoor(server) as door, Product(REDIS_URL=f"{door.url}?ssl_ca_certs={door.authority}") as product:
        assert states(product) == {"succeeded"}


def test_a_certificate_of_somebody_else_is_refused(server: ValkeyServer) -> None:
    with TlsDoor(server) as door, pytest.raises(AssertionError, match=r"broker does not answer .*CERTIFICATE_VERIFY_FAILED"):
        Product(REDIS_URL=door.url).__enter__()


def test_a_worker_refuses_it_too(server: ValkeyServer) -> None:
    with TlsDoor(server) as door:
        names = clean_environment(REDIS_URL=door.url, DJANGO_SETTINGS_MODULE="chaotix.settings")
        ask = "from chaotix.celery import app; app.connection_for_read().ensure_connection(max_retries=1)"
        worker = subprocess.run([sys.executable, "-c", ask], cwd=PROJECT, env=names, capture_output=True, text=True)
    assert "CERTIFICATE_VERIFY_FAILED" in worker.stderr


def test_two_installations_share_a_server_and_nothing_else(server: ValkeyServer) -> None:
    server.client.flushall()
    with (
        Product(REDIS_URL=server.url, REDIS_PREFIX="one") as one,
        Product(REDIS_URL=server.url, REDIS_PREFIX="two", WORKER_PROCESSES=0) as two,
    ):
        waiting = two.generate("a kite", provider="demo", size="64x64")
        assert states(one) == {"succeeded"}
        assert [image["state"] for image in two.images(waiting)] == ["queued"]
    names = {str(key).partition(":")[0] for key in server.client.keys("*")}
    assert names == {"one", "two"}
