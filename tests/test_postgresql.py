"""A real PostgreSQL: the server that tests start keeps its word, and the product lives through its loss."""

import contextlib
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.postgresql import PostgresServer, are_alive
from tests.product import PROJECT, Product
from tests.waiting import wait_until

PROMPTS = 24
OWNER = """
import sys, time
from tests.postgresql import PostgresServer
with PostgresServer() as server:
    print(server.folder, *server.processes, flush=True)
    time.sleep(600)
"""


def asked(server: PostgresServer, query: str) -> Any:
    with psycopg.connect(server.url) as database:
        [[value]] = database.execute(query.encode()).fetchall()
        return value


def write(server: PostgresServer, statement: str) -> None:
    with psycopg.connect(server.url) as database:
        database.execute(statement.encode())


def restart(server: PostgresServer) -> None:
    server.restart("fast")


def crash(server: PostgresServer) -> None:
    server.restart("immediate")


def kill(server: PostgresServer) -> None:
    """Take the server away for longer than a call takes, so that every call in flight finds it gone."""
    server.kill()
    time.sleep(2)
    server.start()


@pytest.fixture(scope="class")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as running:
        yield running


class TestServer:
    def test_it_listens_at_no_address(self, server: PostgresServer) -> None:
        assert asked(server, "SHOW listen_addresses") == ""

    def test_it_confirms_a_commit_only_once_it_is_written(self, server: PostgresServer) -> None:
        assert asked(server, "SHOW synchronous_commit") == "on"

    def test_it_has_room_for_two_hundred_connections(self, server: PostgresServer) -> None:
        assert int(asked(server, "SHOW max_connections")) >= 200

    @pytest.mark.parametrize("lose", [restart, crash, kill])
    def test_what_was_committed_outlives_it(self, server: PostgresServer, lose: Callable[[PostgresServer], None]) -> None:
        write(server, "DROP TABLE IF EXISTS note; CREATE TABLE note (line text); INSERT INTO note VALUES ('kept')")
        before = asked(server, "SELECT pg_postmaster_start_time()")
        lose(server)
        assert asked(server, "SELECT line FROM note") == "kept"
        assert asked(server, "SELECT pg_postmaster_start_time()") > before

    @pytest.mark.parametrize("lose", [PostgresServer.stop, PostgresServer.kill])
    def test_while_it_is_away_nobody_answers(self, server: PostgresServer, lose: Callable[[PostgresServer], None]) -> None:
        processes = server.processes
        lose(server)
        with pytest.raises(psycopg.OperationalError):
            asked(server, "SELECT 1")
        assert len(processes) > 1
        assert not are_alive(processes)
        server.start()

    def test_a_test_that_fails_leaves_nothing_behind(self) -> None:
        server = PostgresServer()
        processes = []
        with contextlib.suppress(ZeroDivisionError), server:
            processes += server.processes
            raise ZeroDivisionError
        assert processes
        assert not server.folder.exists()
        assert not are_alive(processes)

    def test_it_ends_with_an_owner_that_is_killed(self) -> None:
        command = [sys.executable, "-c", OWNER]
        with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as owner:
            assert owner.stdout is not None
            folder, *words = owner.stdout.readline().split()
            owner.send_signal(signal.SIGKILL)
        processes = [int(word) for word in words]
        assert processes
        wait_until(lambda: not are_alive(processes), seconds=20, what="the end of every process")
        wait_until(lambda: not Path(folder).exists(), seconds=20, what="the end of its folder")


@pytest.fixture(scope="class")
def product(server: PostgresServer) -> Iterator[Product]:
    names = {"WORKER_PROCESSES": 2, "WORKER_CONCURRENCY": 4, "LEASE_SECONDS": 3, "SWEEP_SECONDS": 0.5, "ON_UNKNOWN": "hold"}
    with Product(DATABASE_URL=server.url, **names) as running:
        yield running


@pytest.fixture(scope="class", params=[crash, kill])
def survived(request: pytest.FixtureRequest, product: Product, server: PostgresServer) -> list[dict[str, Any]]:
    """Return what became of jobs of which some ran, and some waited, when the database was lost."""
    ids = product.generate(*(f"prompt {number} [demo: slow 1]" for number in range(PROMPTS)), size="64x64")
    wait_until(lambda: "running" in {image["state"] for image in product.images(ids)}, seconds=20, what="the first call")
    request.param(server)
    return product.finished(ids)


def attempts(product: Product, images: list[dict[str, Any]]) -> Counter[UUID]:
    """Return how many calls were made for each of these jobs."""
    jobs = {UUID(image["task_id"]) for image in images}
    return Counter(job for (job,) in product.rows("SELECT job_id FROM imagegen_attempt") if job in jobs)


class TestProduct:
    def test_three_prompts_become_three_pictures_with_one_call_each(self, product: Product) -> None:
        images = product.finished(product.generate("A kite", "A boat", "A lamp"))
        assert [image["state"] for image in images] == ["succeeded"] * 3
        assert sorted(attempts(product, images).values()) == [1, 1, 1]

    def test_calls_were_in_flight_when_the_database_was_lost(self, product: Product, survived: list[Any]) -> None:
        back = "pg_postmaster_start_time()"
        query = f"SELECT count(*) FROM imagegen_attempt WHERE sent_at < {back} AND ended_at > {back}"
        [(calls,)] = product.rows(query)
        assert calls > 0

    def test_no_job_is_lost_with_the_database(self, survived: list[dict[str, Any]]) -> None:
        assert len({image["task_id"] for image in survived}) == PROMPTS
        assert {image["state"] for image in survived} <= {"succeeded", "unknown"}

    def test_no_call_is_made_twice_for_a_lost_database(self, product: Product, survived: list[dict[str, Any]]) -> None:
        assert max(attempts(product, survived).values()) == 1

    def test_no_part_of_the_product_ends_with_the_database(self, product: Product, survived: list[Any]) -> None:
        assert not [line for line in product.lines if "ended with status" in line]
