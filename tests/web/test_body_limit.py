"""Bodies over the limit are refused over real HTTP, announced or not, before anything is read into rows."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import uvicorn

from chaotix.asgi import application
from imagegen import conf
from imagegen.models import Job
from tests.test_submission import nothing_was_made
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
MEGABYTE = 1024 * 1024
PROMPT = b'{"text": ["a dog"]}'


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The product's ASGI application behind the server that it runs on, on a port of its own."""
    server = uvicorn.Server(uvicorn.Config(application, lifespan="off", log_config=None, ws="none"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        wait_until(lambda: server.started, seconds=20, what="the server")
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(20)


def padded(length: int) -> bytes:
    """Return a good body of so many bytes: JSON allows spaces around it."""
    return PROMPT.ljust(length)


def in_pieces(body: bytes) -> Iterator[bytes]:
    """Return a body whose length nobody announces: requests sends an iterator in chunks."""
    return (body[start : start + 65_536] for start in range(0, len(body), 65_536))


def post(url: str, body: Any, path: str = "/generate-images", kind: str = "application/json") -> requests.Response:
    return requests.post(f"{url}{path}", data=body, headers={"Content-Type": kind}, timeout=20)


def is_refused(answer: requests.Response) -> bool:
    body = answer.json()
    return (answer.status_code, body["status"], answer.headers["Content-Type"]) == (
        413,
        413,
        "application/problem+json",
    ) and "10 MB" in body["detail"]


@pytest.mark.parametrize("path", ["/generate-images", "/", "/show-images", "/nothing-here"])
def test_eleven_megabytes_are_refused_and_nothing_is_queued(url: str, path: str) -> None:
    assert is_refused(post(url, padded(11 * MEGABYTE), path))
    assert nothing_was_made()


@pytest.mark.parametrize("path", ["/generate-images", "/", "/show-images", "/nothing-here"])
def test_eleven_megabytes_that_nobody_announced_are_refused_and_nothing_is_queued(url: str, path: str) -> None:
    assert is_refused(post(url, in_pieces(padded(11 * MEGABYTE)), path))
    assert nothing_was_made()


def test_a_form_of_eleven_megabytes_is_refused(url: str) -> None:
    assert is_refused(post(url, b"prompts=" + b"x" * 11 * MEGABYTE, "/", "application/x-www-form-urlencoded"))


@pytest.mark.parametrize("over", [1, 100])
def test_a_few_bytes_over_the_limit_are_refused(url: str, over: int) -> None:
    assert is_refused(post(url, padded(10 * MEGABYTE + over)))


def test_a_body_of_exactly_the_limit_is_taken(url: str) -> None:
    assert post(url, padded(10 * MEGABYTE)).status_code == 202
    assert Job.objects.get().prompt == "a dog"


def test_a_body_of_exactly_the_limit_that_nobody_announced_is_taken(url: str) -> None:
    assert post(url, in_pieces(padded(10 * MEGABYTE))).status_code == 202
    assert Job.objects.get().prompt == "a dog"


def test_a_body_that_is_sent_in_chunks_is_read(url: str) -> None:
    assert post(url, in_pieces(PROMPT)).status_code == 202


def test_the_refusal_comes_before_the_body(url: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    head = f"POST /generate-images HTTP/1.1\r\nHost: {host}\r\nContent-Length: {11 * MEGABYTE}\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(head.encode())
        assert connection.recv(65_536).startswith(b"HTTP/1.1 413 ")


def test_the_server_answers_others_after_a_refusal(url: str) -> None:
    post(url, padded(11 * MEGABYTE))
    assert requests.get(f"{url}/healthz", timeout=20).status_code == 200


def test_a_body_that_never_ends_is_left_soon_after_the_limit() -> None:
    """Straight to the application: what a client would send for ever is not asked for."""
    taken, sent = 0, []

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += MEGABYTE
        assert taken < 10 * conf.max_body_bytes()
        return {"type": "http.request", "body": b" " * MEGABYTE, "more_body": True}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/generate-images", "headers": [], "query_string": b""}
    asyncio.run(application(scope, receive, send))
    assert (sent[0]["status"], json.loads(sent[1]["body"])["status"]) == (413, 413)
