"""Those who write to SQLite take turns, across processes."""

import fcntl
import threading
from pathlib import Path

import pytest
from django.db import connection

from imagegen.writes import turn, writing


@pytest.mark.laptop
@pytest.mark.django_db(transaction=True)
def test_a_write_waits_for_another_process() -> None:
    entered = threading.Event()

    def write() -> None:
        with writing():
            entered.set()
        connection.close()

    with Path(f"{connection.settings_dict['NAME']}.turn").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        writer = threading.Thread(target=write)
        writer.start()
        assert not entered.wait(0.3)
    assert entered.wait(10)
    writer.join()


@pytest.mark.laptop
@pytest.mark.django_db(transaction=True)
def test_whoever_has_the_turn_may_write() -> None:
    with turn(), writing(), turn():
        pass
    with Path(f"{connection.settings_dict['NAME']}.turn").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
