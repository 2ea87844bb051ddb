"""What every test stands on: a real broker, an empty media folder, and the stand-in for Stability."""

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.contrib.contenttypes.management import create_contenttypes
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models.signals import post_migrate
from pytest_django import DjangoDbBlocker
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from imagegen import announcements, redis
from imagegen.management.commands.up import _broker
from imagegen.together import Together
from tests import audit
from tests.kept import forget_everything, own_pictures
from tests.standins.stability import StabilityStandIn
from tests.waiting import wait_until

# A time limit for each example would be a bet on how busy the machine is.
hypothesis.settings.register_profile("chaotix", deadline=None)
hypothesis.settings.load_profile("chaotix")
# These take minutes and many processors. Side by side they would take each other's time: each group stays in one process.
LONG = {"browser": "browser", "chaos": "storms", "crash_points": "storms"}


@pytest.fixture(scope="session", autouse=True)
def broker() -> Iterator[None]:
    """A real Valkey: the one that the settings name, or our own on a private socket."""
    if not django_settings.OWN_BROKER:
        yield
        return
    part = _broker()
    part.start()
    wait_until(_answers, seconds=20, what="the broker")
    yield
    part.terminate()
    part.wait(10)


def _answers() -> bool:
    try:
        return bool(redis.client().ping())
    except redis.Error:
        return False


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The tests' own database, without others at its end: a thread may outlive its test, and PostgreSQL would keep it."""
    # Whenever tables are emptied, Django would write down anew who may do what in its admin, which no test asks about.
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
    post_migrate.disconnect(create_contenttypes)
    yield
    if connection.vendor == "postgresql":
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(f"{others} WHERE datname = current_database() AND pid <> pg_backend_pid()")


@pytest.fixture(autouse=True)
def _clean(broker: None) -> Iterator[None]:
    """Leave no message and no file to the next test."""
    yield
    announcements.wait_until_idle()
    forget_everything()
    own_pictures().clear()
    # The rows that it remembers may be gone with the test.
    ContentType.objects.clear_cache()
    shutil.rmtree(django_settings.DATA_DIR / "spool", ignore_errors=True)


@pytest.fixture(autouse=True)
def _ledger_agrees_with_the_bill(request: pytest.FixtureRequest, _django_db_marker: None) -> Iterator[None]:
    """Compare, after every test, what the product wrote down with what the stand-ins billed."""
    asked = {"db", "transactional_db"} & {*request.fixturenames}
    for name in asked:
        # Set up before this, a database is there until this has ended.
        request.getfixturevalue(name)
    yield
    reads_database = bool(asked or request.node.get_closest_marker("django_db"))
    assert audit.faults(reads_database=reads_database) == []


@pytest.fixture
def no_network() -> Iterator[None]:
    """Let a test reach nobody; undone by itself before other fixtures clean up, for which a bucket has to be asked."""

    def refuse(*_: object) -> None:
        raise AssertionError("a local model needs nobody else")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        yield


@pytest.fixture(params=["threads", "processes"])
def crowd(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let many threads share what those of one process share, and then nothing, as if each were a process of its own."""
    if request.param == "processes":
        monkeypatch.setattr(Together, "__call__", lambda together, wish: together._serve([wish])[0])


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada")


@pytest.fixture
def bob() -> User:
    return User.objects.create_user("bob")


@pytest.fixture
def stability() -> Iterator[StabilityStandIn]:
    with StabilityStandIn() as standin:
        yield standin


@pytest.fixture
def stability_provider(stability: StabilityStandIn, settings: Any) -> StabilityStandIn:
    """Make Stability the default provider, with the stand-in behind it."""
    options = {"key": stability.key, "host": stability.url, "total_seconds": 2.0}
    stability_entry = {"BACKEND": "imagegen.providers.stability.StabilityV2Beta", "OPTIONS": options}
    settings.IMAGE_PROVIDERS = {**settings.IMAGE_PROVIDERS, "stability": stability_entry}
    settings.DEFAULT_PROVIDER = "stability"
    audit.connected.append(stability)
    return stability


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="fail when a test was skipped")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return one process more than there are cores: at any time some test waits for something."""
    return (os.cpu_count() or 1) + 1


class Groups(LoadFileScheduling):  # type: ignore[misc]  # the package has no types
    """Keeps each file in one process, and each of the long groups."""

    def _split_scope(self, nodeid: str) -> str:
        path = Path(nodeid.partition("::")[0])
        return LONG.get(path.parent.name, str(path))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling:
    return Groups(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that at the end of a run in parallel no process waits long for another."""
    items.sort(key=lambda item: item.path.parent.name not in LONG)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter: Any = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and session.config.getoption("--no-skips") and reporter.stats.get("skipped") and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
