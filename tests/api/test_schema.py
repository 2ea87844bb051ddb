"""The schema: every door is in it, the product does what it says, and its page works without any network."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.generators import EndpointEnumerator

from tests.api import fuzz

# For people, and for what is not the API's: each has tests of its own.
pytestmark = pytest.mark.django_db
PAGES = {
    "/",
    "/random",
    "/gallery",
    "/history",
    "/library",
    "/library/{kind}",
    "/library/{kind}/{name}",
    "/history/selection",
    "/trash",
    "/batches/{batch_id}/{wish}",
    "/images/{job_id}/{wish}",
    "/images/{job_id}/favourite",
    "/images/{job_id}/rating",
    "/images/{job_id}/tags",
    "/images/{job_id}",
    "/images/{job_id}/{form}",
    "/images/{job_id}/{way}",
    "/batches/{batch_id}",
    "/batches/{batch_id}/{decision}",
    "/jobs/{job_id}/{decision}",
    "/account",
    "/accounts/login",
    "/accounts/logout",
    "/accounts/signup",
    "/accounts/password/change",
    "/accounts/password/set",
    "/accounts/inactive",
    *(f"/accounts/password/reset{rest}" for rest in ("", "/sent", "/done", "/key/{uidb36}-{key}")),
    *(f"/accounts/email{rest}" for rest in ("", "/sent", "/confirm/{key}")),
    "/accounts/reauthenticate",
    *(f"/accounts/two-factor{rest}" for rest in ("", "/authenticate", "/reauthenticate", "/activate", "/deactivate")),
    *(f"/accounts/two-factor/codes{rest}" for rest in ("", "/new", "/file")),
    "/first-run/{secret}",
    "/admin",
    "/spending",
    "/events",
    "/metrics",
    "/favicon.ico",
    "/output/{name}",
    "/media/{job_id}.{suffix}",
    "/api/schema",
    "/api/docs",
}
# What answers for every other address of the APIs.
NOWHERE = "/"


@pytest.fixture
def schema(client: Client) -> Any:
    answer = client.get("/api/schema")
    assert answer.status_code == 200
    return answer.json()


def routes(patterns: list[URLPattern | URLResolver]) -> Iterator[str]:
    for pattern in patterns:
        if getattr(pattern, "app_name", "") == "admin":
            continue
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns)
        elif not str(pattern.pattern).startswith("^(?:apis?|v1)"):
            path: str = EndpointEnumerator().get_path_from_regex(str(pattern.pattern))  # type: ignore[no-untyped-call]
            yield re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", path.replace("\\", "")).rstrip("/") or "/"


def test_every_address_is_in_the_schema_or_a_page(schema: Any) -> None:
    assert {*routes(get_resolver().url_patterns)} == {*schema["paths"], *PAGES}


def test_every_operation_has_a_name_of_its_own_and_an_answer_for_whatever_goes_wrong(schema: Any) -> None:
    operations = [operation for path in schema["paths"].values() for operation in path.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    ours = [operation for operation in operations if operation["tags"] == ["api"]]
    assert ours
    assert all("application/problem+json" in operation["responses"]["default"]["content"] for operation in ours)


def test_it_is_of_the_version_that_it_says(schema: Any) -> None:
    assert schema["openapi"].startswith("3.1")
    assert "'nullable'" not in str(schema)


def test_an_address_of_the_api_that_stands_for_nothing_is_a_problem(client: Client) -> None:
    answer = client.post("/api/nowhere")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")


def test_its_page_takes_everything_from_here(client: Client) -> None:
    page = client.get("/api/docs").content.decode()
    assert re.findall(r'(?:src|href)="(?!/|#)', page) == []
    assert "<script>" not in page


def test_the_product_does_what_its_schema_says() -> None:
    run = fuzz.run(examples=20, seed=7)
    assert run.status == 0, run.output
    assert run.cases >= 1200, run.output
