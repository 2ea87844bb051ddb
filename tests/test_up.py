"""`manage.py up`: one sentence where it cannot start, and nothing left where it stops."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.product import PROJECT, Product, clean_environment
from tests.waiting import unused_port, wait_until


def refusal(folder: Path, **names: object) -> str:
    """Run `up` where it cannot start; return the one line that it says."""
    environment = clean_environment(
        **{"DATA_DIR": folder / "var", "MEDIA_ROOT": folder / "media", "PORT": unused_port(), **names}
    )
    command = [sys.executable, "manage.py", "up"]
    up = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60)
    assert up.returncode == 1, up.stdout + up.stderr
    [line] = (up.stdout + up.stderr).strip().splitlines()
    return line


def processes_in(folder: Path) -> list[str]:
    """Return the command lines of processes that have files of this folder open or in their environment."""
    listing = subprocess.run(["ps", "axeww", "-o", "args="], capture_output=True, text=True, check=True)
    return [line for line in listing.stdout.splitlines() if f"DATA_DIR={folder}" in line]


def _is_ready(product: Product) -> bool:
    try:
        return requests.get(f"{product.url}/readyz", timeout=10).status_code == 200
    except requests.ConnectionError:
        return False


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    with Product(WORKER_PROCESSES=2, REDIS_URL="") as running:
        yield running


class TestRefusals:
    def test_a_port_in_use(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            assert refusal(tmp_path, PORT=port).startswith(f"chaotix: Port {port} on 127.0.0.1 is in use")

    @pytest.mark.parametrize("name", ["DATA_DIR", "MEDIA_ROOT"])
    def test_a_folder_that_cannot_be_written(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "file").write_text("")
        line = refusal(tmp_path, **{name: tmp_path / "file" / "folder"})
        assert name in line
        assert "Not a directory" in line

    def test_a_broker_that_does_not_answer(self, tmp_path: Path) -> None:
        line = refusal(tmp_path, REDIS_URL=f"redis://:hidden@127.0.0.1:{unused_port()}/0")
        assert "The broker does not answer" in line
        assert "hidden" not in line

    def test_a_database_that_does_not_answer(self, tmp_path: Path) -> None:
        line = refusal(tmp_path, DATABASE_URL=f"postgres://somebody:hidden@127.0.0.1:{unused_port()}/chaotix")
        assert "The database does not answer" in line
        assert "hidden" not in line

    @pytest.mark.parametrize(("name", "value"), [("PORT", "abc"), ("LEASE_SECONDS", "0"), ("ON_UNKNOWN", "maybe")])
    def test_a_bad_value(self, tmp_path: Path, name: str, value: str) -> None:
        assert refusal(tmp_path, **{name: value}).startswith(f"chaotix: {name}={value}")

    def test_a_second_one_on_the_same_folder(self, product: Product) -> None:
        assert "already running" in refusal(product.folder)

    def test_a_python_that_is_too_old(self, tmp_path: Path) -> None:
        old = tmp_path / "python"
        old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.18\nexit 1\n')
        old.chmod(0o755)
        made = subprocess.run(
            [PROJECT / "deploy" / "make-venv"], cwd=tmp_path, env={"PYTHON": str(old), "PATH": "/usr/bin:/bin"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (made.returncode, made.stderr) == (1, f"chaotix: Python 3.11 or newer is needed; {old} is Python 3.9.18\n")


class TestStop:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_one_signal_stops_everything(self, number: signal.Signals) -> None:
        with Product() as product:
            assert len(processes_in(product.folder / "var")) >= 4
            assert product.stop(number) == 0
            wait_until(lambda: not processes_in(product.folder / "var"), seconds=10, what="the end of every process")

    def test_a_call_in_flight_may_end_and_its_picture_is_kept(self) -> None:
        with Product(STOP_SECONDS=30) as product:
            [task] = product.generate("A kite [demo: slow 3]")
            wait_until(lambda: product.images([task])[0]["state"] == "running", seconds=20, what="the call")
            assert product.stop() == 0
            assert product.rows("SELECT state FROM imagegen_job") == [("succeeded",)]
            assert any("1 call in flight" in line for line in product.lines)

    def test_an_open_stream_does_not_hold_up_the_stop(self) -> None:
        with Product(STOP_SECONDS=2) as product:
            [task] = product.generate("A kite [demo: slow 600]")
            address = f"{product.url}/events?task_ids={task}"
            with requests.get(address, stream=True, timeout=60) as stream:
                assert next(stream.iter_lines()).startswith(b"retry:")
                begun = time.monotonic()
                assert product.stop() == 0
                # The promise is STOP_SECONDS and three; twice that is a test that fails for a reason.
                assert time.monotonic() - begun < 2 * (2 + 3)

    @pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a child that its parent died")
    def test_a_supervisor_that_is_killed_leaves_no_process(self) -> None:
        with Product() as product:
            product.stop(signal.SIGKILL)
            wait_until(lambda: not processes_in(product.folder / "var"), seconds=10, what="the end of every process")

    def test_it_starts_again_on_what_a_kill_left(self) -> None:
        with Product() as product:
            product.stop(signal.SIGKILL)
            product.lines.clear()
            product.start()
            wait_until(lambda: product.is_ready, seconds=60, what="the second start")
            assert product.finished(product.generate("A kite"))[0]["state"] == "succeeded"


class TestRevival:
    @pytest.mark.parametrize("part", ["valkey-server", "uvicorn", "celery", "thumbnails"])
    def test_a_part_that_is_killed_comes_back_and_jobs_finish(self, product: Product, part: str) -> None:
        killed = {pid for words, pid in product.parts() if part in words}
        for pid in killed:
            os.kill(pid, signal.SIGKILL)

        def back() -> bool:
            alive = {pid for words, pid in product.parts() if part in words}
            return len(alive - killed) == len(killed) > 0 and _is_ready(product)

        wait_until(back, seconds=90, what=f"a new {part}")
        assert product.finished(product.generate("A kite"))[0]["state"] == "succeeded"
        assert any("ended with status -9; it starts again in" in line for line in product.lines)


class TestMainJob:
    def test_a_thousand_prompts_in_one_post_are_all_done(self, product: Product) -> None:
        ids = product.generate(*(f"prompt {number}" for number in range(1000)), size="64x64")
        images = product.finished(ids, seconds=180)
        assert [image["prompt"] for image in images] == [f"prompt {number}" for number in range(1000)]
        assert {image["state"] for image in images} == {"succeeded"}

    def test_the_secret_is_readable_by_its_owner_alone(self, product: Product) -> None:
        assert (product.folder / "var" / "secret_key").stat().st_mode & 0o777 == 0o600

    def test_it_says_that_it_is_ready_only_when_pictures_can_be_made(self, product: Product) -> None:
        answer = requests.get(f"{product.url}/readyz", timeout=10)
        assert answer.json() == {"status": "ready", "database": "ok", "broker": "ok", "worker": "ok"}

    def test_the_style_sheet_is_served_under_a_hashed_name(self, product: Product) -> None:
        page = requests.get(product.url, timeout=10).text
        [sheet] = [part.split('"')[0] for part in page.split('href="') if ".css" in part.split('"')[0]]
        answer = requests.get(product.url + sheet, timeout=10)
        assert "immutable" in answer.headers["Cache-Control"]


def first_run_link(product: Product) -> str | None:
    """Return the link that `up` printed last, if it did."""
    found = [word for line in product.lines for word in line.split() if "/first-run/" in word]
    return found[-1] if found else None


class TestFirstRun:
    def test_a_link_beside_ready_makes_the_administrator_once(self) -> None:
        with Product() as product, requests.Session() as visitor:
            wait_until(lambda: first_run_link(product) is not None, seconds=20, what="the link")
            link = first_run_link(product) or ""
            assert link.startswith(f"{product.url}/first-run/")
            assert visitor.get(link, timeout=10).status_code == 200
            person = {"username": "ada", "password1": "correct horse battery", "password2": "correct horse battery"}
            token = {"csrfmiddlewaretoken": visitor.cookies["csrftoken"]}
            assert "You are the administrator" in visitor.post(link, data={**person, **token}, timeout=10).text
            assert requests.get(link, timeout=10).status_code == 404
            restart(product)
            assert first_run_link(product) is None


def restart(product: Product) -> None:
    """Stop it, forget what it said, and wait until it is there again and has said all."""
    product.stop()
    product.lines.clear()
    product.start()
    wait_until(lambda: product.is_ready, seconds=60, what="the second start")
    product.stop()
