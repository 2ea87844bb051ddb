"""What platforms are told to run, as far as it can be checked without them: what it says, and its commands as processes."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import yaml
from dotenv import dotenv_values

from imagegen import http
from imagegen.management import preflight
from tests import stores
from tests.product import PROJECT, Product, clean_environment
from tests.valkey import ValkeyServer
from tests.waiting import unused_port, wait_until

COMPOSE = yaml.safe_load((PROJECT / "docker-compose.yml").read_text(encoding="utf-8"))
DOCKERFILE = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
SERVICES: dict[str, Any] = COMPOSE["services"]


def settings_in_example() -> set[str]:
    return set(re.findall(r"^([A-Z0-9_]+)=", (PROJECT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))


class TestFiles:
    def test_everything_is_published_on_this_machine_alone(self) -> None:
        ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
        assert ports == ["127.0.0.1:8000:8000"]

    def test_a_worker_gets_longer_to_stop_than_the_longest_call(self) -> None:
        assert int(SERVICES["worker"]["stop_grace_period"].rstrip("s")) > http.TOTAL_SECONDS

    def test_redis_keeps_its_messages_over_a_restart(self) -> None:
        command = SERVICES["redis"]["command"]
        assert command[command.index("--appendonly") + 1] == "yes"
        assert "redis:/data" in SERVICES["redis"]["volumes"]

    @pytest.mark.parametrize("service", ["web", "worker"])
    def test_every_setting_is_one_that_the_product_reads(self, service: str) -> None:
        assert set(SERVICES[service]["environment"]) <= settings_in_example()

    def test_the_stores_are_started_where_their_settings_are_given_and_nowhere_else(self) -> None:
        given = dotenv_values(PROJECT / "deploy" / "stores.env")
        profile = given.pop("COMPOSE_PROFILES")
        started = {name for name, service in SERVICES.items() if service.get("profiles") == [profile]}
        assert started == {"postgres", "s3", "bucket"}
        assert {*given} - {"POSTGRES_PASSWORD"} <= {*SERVICES["web"]["environment"]} & settings_in_example()
        assert urlsplit(given["DATABASE_URL"]).password == given["POSTGRES_PASSWORD"]
        assert f"-name {given['S3_BUCKET']}'" in SERVICES["bucket"]["entrypoint"][-1]

    def test_web_and_worker_share_one_folder(self) -> None:
        assert SERVICES["web"]["volumes"] == SERVICES["worker"]["volumes"] == ["data:/data"]

    def test_the_image_runs_as_a_user_who_owns_nothing_else(self) -> None:
        lines = DOCKERFILE.splitlines()
        assert lines.index("USER chaotix") < next(place for place, line in enumerate(lines) if line.startswith("CMD"))
        assert "FROM python:3.12-slim" in lines

    def test_no_secret_and_no_picture_is_copied_into_the_image(self) -> None:
        ignored = (PROJECT / ".dockerignore").read_text(encoding="utf-8").split()
        assert {".env", "var", "media", ".git", ".venv"} <= set(ignored)


@contextmanager
def child(command: list[str], environment: dict[str, str], stop: signal.Signals) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.send_signal(stop)
        process.wait(timeout=60)


@pytest.fixture(scope="module")
def composed() -> Iterator[Product]:
    """The three services as processes: their commands and settings as the file has them, on 127.0.0.1."""
    port = unused_port()
    web = {name: str(value) for name, value in SERVICES["web"]["environment"].items() if "${" not in str(value)}
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        redis = [str(preflight.valkey_program()), *SERVICES["redis"]["command"][1:]]
        redis += ["--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""]
        stack.enter_context(child(redis, dict(os.environ), signal.SIGTERM))
        wait_until(lambda: Path(folder, "appendonlydir").exists(), seconds=20, what="redis")
        product = Product(**{**web, "REDIS_URL": f"redis://127.0.0.1:{port}/0", "ANONYMOUS_ACCESS": "open"})
        stack.enter_context(product)
        worker = [sys.executable, "-m", *SERVICES["worker"]["command"]]
        stack.enter_context(child(worker, product.environment, signal.SIGTERM))
        yield product


def test_the_services_make_pictures_together(composed: Product) -> None:
    images = composed.finished(composed.generate("A red flying dog", "A piano ninja", "A footballer kid"))
    assert [image["state"] for image in images] == ["succeeded"] * 3


def test_the_web_service_starts_no_broker_and_no_worker_of_its_own(composed: Product) -> None:
    assert not [words for words, _ in composed.parts() if "valkey" in words or "celery" in words]


def test_the_health_check_asks_for_a_page_that_is_there(composed: Product) -> None:
    [address] = re.findall(r"http://127.0.0.1:8000(/\w+)", " ".join(SERVICES["web"]["healthcheck"]["test"]))
    assert requests.get(composed.url + address, timeout=10).status_code == 200


@pytest.fixture(scope="module")
def on_a_platform() -> Iterator[str]:
    """Run what the Procfile names, the release first, each in a shell as platforms do; yield the address."""
    lines = (PROJECT / "Procfile").read_text(encoding="utf-8").replace("0.0.0.0", "127.0.0.1").splitlines()
    commands = dict(line.split(": ", 1) for line in lines)
    port, path = unused_port(), os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        broker = {"REDIS_URL": stack.enter_context(ValkeyServer()).url}
        kept = {"DATA_DIR": folder / "var", "MEDIA_ROOT": folder / "media"}
        names = clean_environment(**{**kept, **broker, **stores.installation()}, PATH=path, PORT=port)
        subprocess.run(["sh", "-c", commands.pop("release")], cwd=PROJECT, env=names, check=True, capture_output=True)
        for command in commands.values():
            stack.enter_context(child(["sh", "-c", f"exec {command}"], names, signal.SIGTERM))
        yield f"http://127.0.0.1:{port}"


def test_a_platform_makes_pictures_by_the_procfile(on_a_platform: str) -> None:
    wait_until(lambda: answers(f"{on_a_platform}/readyz"), seconds=60, what="a platform that is ready")
    made = requests.post(f"{on_a_platform}/generate-images", json={"text": ["A kite"]}, timeout=30).json()["task_ids"]

    def image() -> Any:
        headers, body = {"Accept": "application/json"}, {"task_ids": made}
        return requests.get(f"{on_a_platform}/show-images", json=body, headers=headers, timeout=30).json()["images"][0]

    wait_until(lambda: bool(image()["thumbnail_url"]), seconds=60, what="a picture with its thumbnail")
    assert image()["state"] == "succeeded"


def answers(address: str) -> bool:
    try:
        return requests.get(address, timeout=10).status_code == 200
    except requests.ConnectionError:
        return False
