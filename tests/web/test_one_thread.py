"""A request with a synchronous view takes one step into a thread; what waits in a coroutine takes none of its own."""

import asyncio
from typing import Any

import pytest
from asgiref.sync import SyncToAsync
from asgiref.testing import ApplicationCommunicator
from django.http import HttpResponse
from django.test import RequestFactory

from imagegen.web.one_thread import Handler, _is_synchronous
from imagegen.web.static_files import static_files


def get(path: str) -> int:
    """Return the status of what is answered."""
    return asyncio.run(_get(path))


async def _get(path: str) -> int:
    scope = {"type": "http", "method": "GET", "path": path, "headers": [(b"host", b"testserver")], "query_string": b""}
    # Its functions have no types.
    one: Any = ApplicationCommunicator(Handler(), scope)  # type: ignore[no-untyped-call]
    await one.send_input({"type": "http.request"})
    head, _ = await one.receive_output(timeout=30), await one.receive_output(timeout=30)
    await one.wait(timeout=30)
    return int(head["status"])


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what was done in a thread from now on, by name."""
    taken: list[str] = []
    step = SyncToAsync.__call__

    async def note(self: Any, *given: Any, **named: Any) -> Any:
        taken.append(getattr(self.func, "__qualname__", ""))
        return await step(self, *given, **named)

    monkeypatch.setattr(SyncToAsync, "__call__", note)
    return taken


def taken_by_middleware(steps: list[str]) -> list[str]:
    return [name for name in steps if "process_" in name]


@pytest.mark.django_db(transaction=True)
def test_no_middleware_takes_a_step_beside_a_synchronous_view(steps: list[str]) -> None:
    assert get("/healthz") == 200
    assert "BaseHandler.get_response" in steps
    assert taken_by_middleware(steps) == []


@pytest.mark.django_db(transaction=True)
def test_the_page_that_there_is_nothing_is_made_in_the_same_thread(steps: list[str]) -> None:
    assert get("/nowhere") == 404
    assert "response_for_exception" not in steps


@pytest.mark.django_db(transaction=True)
def test_middleware_still_runs_beside_a_coroutine(steps: list[str]) -> None:
    assert get("/v1/images/generations") == 405
    assert "BaseHandler.get_response" not in steps
    assert taken_by_middleware(steps)


@pytest.mark.parametrize("path", ["/", "/generate-images", "/show-images", "/healthz", "/gallery", "/nowhere"])
def test_pages_and_the_main_door_are_synchronous(path: str) -> None:
    assert _is_synchronous(RequestFactory().get(path))


@pytest.mark.parametrize("path", ["/events", "/v1/images/generations", "/static/imagegen/chaotix.css"])
def test_what_waits_is_not_and_static_files_are_not(path: str) -> None:
    assert not _is_synchronous(RequestFactory().get(path))


def test_static_files_are_there_beside_synchronous_middleware_too(settings: Any) -> None:
    settings.SERVESTATIC_USE_FINDERS = True
    chain = static_files(lambda _: HttpResponse("a page"))
    style, page = (chain(RequestFactory().get(path)) for path in ("/static/imagegen/chaotix.css", "/"))
    assert (style.status_code, style["Content-Type"].partition(";")[0]) == (200, "text/css")
    assert page.content == b"a page"
