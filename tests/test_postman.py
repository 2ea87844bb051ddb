"""Postman's collection, run by newman against the product: every request checks its own answer, and the checks bite."""

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests import needs
from tests.product import PROJECT, Product

COLLECTION = PROJECT / "postman" / "chaotix.postman_collection.json"
NEWMAN_SECONDS = 300


@dataclass(frozen=True)
class Run:
    """What newman said about one run of the collection."""

    status: int
    output: str
    summary: dict[str, Any]

    @property
    def requests(self) -> set[str]:
        return {execution["item"]["name"] for execution in self.summary["executions"]}

    @property
    def tried(self) -> set[str]:
        """Method and path of each request that was sent."""
        sent = [execution["request"] for execution in self.summary["executions"]]
        return {f"{each['method']} /{'/'.join(each['url'].get('path', []))}" for each in sent}

    @property
    def checked(self) -> set[str]:
        """The requests that checked anything."""
        return {each["item"]["name"] for each in self.summary["executions"] if each.get("assertions")}

    @property
    def failed(self) -> set[str]:
        return {failure["source"]["name"] for failure in self.summary["failures"]}


def run_collection(folder: Path, **variables: str) -> Run:
    report = folder / "report.json"
    words = [*needs.newman(), "run", str(COLLECTION), "--color", "off"]
    words += ["--reporters", "cli,json", "--reporter-json-export", str(report)]
    for name, value in variables.items():
        words += ["--env-var", f"{name}={value}"]
    ended = subprocess.run(words, capture_output=True, text=True, check=False, timeout=NEWMAN_SECONDS)
    assert report.exists(), ended.stdout + ended.stderr
    return Run(ended.returncode, ended.stdout, json.loads(report.read_text(encoding="utf-8"))["run"])


def request_names(items: list[dict[str, Any]]) -> list[str]:
    """Return the names of the requests in these folders, in order."""
    return [name for item in items for name in (request_names(item["item"]) if "item" in item else [item["name"]])]


@pytest.fixture(scope="module")
def names() -> list[str]:
    return request_names(json.loads(COLLECTION.read_text(encoding="utf-8"))["item"])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    needs.newman()
    with Product() as product:
        yield run_collection(tmp_path_factory.mktemp("newman"), baseUrl=product.url)


class _AgreesWithEverything(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self.rfile.read(length)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def agreeable_server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _AgreesWithEverything) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_product_does_what_the_collection_says(run: Run) -> None:
    assert (run.status, run.summary["failures"]) == (0, []), run.output
    assert run.summary["stats"]["assertions"]["total"] > 0
    assert run.summary["stats"]["assertions"]["failed"] == 0


def test_every_request_is_sent_and_checks_its_answer(run: Run, names: list[str]) -> None:
    assert len(set(names)) == len(names)
    assert run.requests == set(names)
    assert run.checked == set(names)


@pytest.mark.django_db
def test_every_door_is_tried(run: Run, client: Client) -> None:
    paths = client.get("/api/schema").json()["paths"]
    # A stream that never ends is nothing for Postman.
    doors = {f"{method.upper()} {path}" for path, item in paths.items() for method in item} - {"GET /api/events"}
    assert {door for door in doors if not any(leads_to(door, tried) for tried in run.tried)} == set()


def leads_to(door: str, tried: str) -> bool:
    return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", door) + "/?", tried) is not None


def test_no_request_is_content_with_a_server_that_agrees_with_everything(
    agreeable_server: str, names: list[str], tmp_path: Path
) -> None:
    run = run_collection(tmp_path, baseUrl=agreeable_server, picture_url=f"{agreeable_server}/media/one.png")
    assert run.status == 1
    assert run.failed == set(names), run.output
    assert run.summary["stats"]["requests"]["failed"] == 0
