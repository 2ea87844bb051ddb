"""Who is answered what at every address of the URL configuration, where people without an account may do nothing."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from imagegen import generation, library, outputs, tokens
from imagegen.models import Job
from tests.rows import make_batch, make_job

pytestmark = pytest.mark.django_db(transaction=True)
METHODS = ("get", "post", "delete")
# A token of the last one was revoked.
ROLES = ("anonymous", "owner", "other", "staff", "revoked")


@dataclass(frozen=True)
class Door:
    """An address with a picture of the owner in it, and what each of ROLES is answered there; elsewhere it is 405."""

    path: str
    get: tuple[int, ...] = ()
    post: tuple[int, ...] = ()
    delete: tuple[int, ...] = ()
    body: object = None


def everybody(status: int) -> tuple[int, ...]:
    return (status, status, status, status, 401)


def in_person(path: str) -> Door:
    """Return a door of people who have signed in, which opens to no token."""
    answers = (302, 403, 403, 403, 401)
    return Door(path, get=answers, post=answers, delete=answers)


DOORS = {
    "generate-images": Door("/generate-images", post=(401, 202, 202, 202, 401), body={"text": ["A kite"]}),
    "show-images": Door("/show-images?task_ids={job}", get=(401, 200, 404, 200, 401)),
    "api-job": Door("/api/jobs/{job}", get=(401, 200, 404, 200, 401)),
    "api-decide-job": Door("/api/jobs/{job}/retry", post=(401, 409, 404, 409, 401), body={}),
    "api-batches": Door(
        "/api/batches", get=(401, 200, 200, 200, 401), post=(401, 202, 202, 202, 401), body={"prompts": ["A kite"]}
    ),
    "api-batch": Door("/api/batches/{batch}", get=(401, 200, 404, 200, 401)),
    "api-decide-batch": Door("/api/batches/{batch}/retry", post=(401, 200, 404, 200, 401), body={}),
    "api-batch-zip": Door("/api/batches/{batch}/zip", get=(401, 200, 404, 200, 401)),
    "api-images": Door("/api/images", get=(401, 200, 200, 200, 401)),
    "api-prompts": Door("/api/prompts", post=(401, 200, 200, 200, 401), body={"count": 1}),
    "apis-generate-image": Door(
        "/apis/generate-image/?wait=0", get=(401, 202, 202, 202, 401), post=(401, 202, 202, 202, 401)
    ),
    "api-events": Door("/api/events", get=(401, 204, 204, 204, 401)),
    "api-tokens": Door("/api/tokens", get=(401, 200, 200, 200, 401), post=(401, 403, 403, 403, 401), body={"name": "x"}),
    "api-token": Door("/api/tokens/{token}", delete=(401, 204, 404, 404, 401)),
    "api-usage": Door("/api/usage", get=(401, 200, 200, 200, 401)),
    "api-schema": Door("/api/schema", get=everybody(200)),
    "api-docs": Door("/api/docs", get=everybody(200)),
    "generate-image": Door(
        "/api/generate_image/",
        get=(401, 200, 200, 200, 401),
        post=(401, 202, 202, 202, 401),
        body={"text_prompts": ["A kite"]},
    ),
    "openai-generations": Door("/v1/images/generations", post=(401, 400, 400, 400, 401), body={"prompt": "A kite", "n": 0}),
    "openai-models": Door("/v1/models", get=(401, 200, 200, 200, 401)),
    "v1-generate": Door("/v1/generate", post=(401, 202, 202, 202, 401), body={"prompt": "A kite"}),
    "v1-job": Door("/v1/jobs/{job}", get=(401, 200, 404, 200, 401)),
    "api-providers": Door("/api/providers", get=(401, 200, 200, 200, 401)),
    "api-nowhere": Door("/api/nowhere", get=everybody(404), post=everybody(404), delete=everybody(404)),
    "healthz": Door("/healthz", get=everybody(200)),
    "readyz": Door("/readyz", get=everybody(503)),
    "compose": Door("/", get=everybody(200), post=everybody(400)),
    "random": Door("/random", post=(403, 302, 302, 302, 401)),
    "gallery": Door("/gallery", get=(403, 200, 200, 200, 401)),
    "history": Door("/history", get=(302, 200, 200, 200, 401)),
    "library": Door("/library", get=(403, 200, 200, 200, 401)),
    "library-new": Door("/library/list", get=(403, 200, 200, 200, 401), post=(403, 400, 400, 400, 401)),
    "library-edit": Door("/library/list/colors", get=(403, 200, 404, 404, 401), post=(403, 400, 404, 404, 401)),
    "image": Door("/images/{job}", get=(403, 200, 404, 200, 401)),
    "image-download": Door("/images/{job}/plain", get=(403, 200, 404, 200, 401)),
    "image-more": Door("/images/{job}/again", post=(403, 302, 404, 302, 401)),
    "favour": Door("/images/{job}/favourite", post=(403, 302, 404, 302, 401)),
    "rate": Door("/images/{job}/rating", post=(403, 302, 404, 302, 401)),
    "retag": Door("/images/{job}/tags", post=(403, 302, 404, 302, 401)),
    "share-image": Door("/images/{job}/take-back", post=(403, 302, 404, 404, 401)),
    "share-batch": Door("/batches/{batch}/take-back", post=(403, 302, 404, 404, 401)),
    "selection": Door("/history/selection", post=(403, 302, 302, 302, 401)),
    "trash": Door("/trash", get=(302, 200, 200, 200, 401)),
    "batch": Door("/batches/{batch}", get=(403, 200, 404, 200, 401)),
    "decide-batch": Door("/batches/{batch}/retry", post=(403, 302, 404, 302, 401)),
    "decide-job": Door("/jobs/{job}/retry", post=(403, 302, 404, 302, 401)),
    "account": in_person("/account"),
    "account_login": Door(
        "/accounts/login/", get=(200, 302, 302, 302, 401), post=(200, 302, 302, 302, 401), delete=(405, 302, 302, 302, 401)
    ),
    "account_logout": Door("/accounts/logout/", get=(302, 200, 200, 200, 401), post=everybody(302)),
    "account_signup": Door(
        "/accounts/signup/", get=(200, 302, 302, 302, 401), post=(200, 302, 302, 302, 401), delete=(405, 302, 302, 302, 401)
    ),
    "account_inactive": Door("/accounts/inactive/", get=everybody(200)),
    "admin": Door("/admin", get=everybody(302), post=everybody(302), delete=everybody(302)),
    "spending": Door("/spending", get=(403, 403, 403, 200, 401), post=(403, 403, 403, 302, 401)),
    "events": Door("/events?batch={batch}", get=everybody(204)),
    "metrics": Door("/metrics", get=everybody(401)),
    "icon": Door("/favicon.ico", get=everybody(302)),
    "output": Door("/output/{output}", get=(403, 200, 404, 200, 401)),
    "picture": Door("/media/{job}.png", get=(403, 200, 404, 200, 401)),
    "account_change_password": in_person("/accounts/password/change/"),
    "account_set_password": in_person("/accounts/password/set/"),
    "account_reset_password": Door("/accounts/password/reset/", get=everybody(200), post=everybody(200)),
    "account_reset_password_done": Door("/accounts/password/reset/sent/", get=everybody(200)),
    "account_reset_password_from_key": Door(
        "/accounts/password/reset/key/1-x/", get=everybody(200), post=everybody(200), delete=everybody(200)
    ),
    "account_reset_password_from_key_done": Door(
        "/accounts/password/reset/done/", get=everybody(302), post=everybody(302), delete=everybody(302)
    ),
    "account_reauthenticate": in_person("/accounts/reauthenticate/"),
    "account_email": in_person("/accounts/email/"),
    "account_email_verification_sent": Door("/accounts/email/sent/", get=everybody(200)),
    "account_confirm_email": Door("/accounts/email/confirm/x/", get=everybody(200), post=everybody(404)),
    "mfa_index": Door("/accounts/two-factor/", get=everybody(302), post=everybody(302), delete=everybody(302)),
    "mfa_authenticate": Door(
        "/accounts/two-factor/authenticate/", get=everybody(302), post=everybody(302), delete=everybody(302)
    ),
    "mfa_reauthenticate": in_person("/accounts/two-factor/reauthenticate/"),
    "mfa_activate_totp": in_person("/accounts/two-factor/activate/"),
    "mfa_deactivate_totp": in_person("/accounts/two-factor/deactivate/"),
    "mfa_view_recovery_codes": in_person("/accounts/two-factor/codes/"),
    "mfa_generate_recovery_codes": in_person("/accounts/two-factor/codes/new/"),
    "mfa_download_recovery_codes": in_person("/accounts/two-factor/codes/file/"),
    "first-run": Door("/first-run/x", get=everybody(404), post=everybody(404)),
}


def routes(patterns: list[URLPattern | URLResolver]) -> Iterator[str]:
    """Yield the names of all but the admin's, which lets staff in and nobody else (tests/test_admin.py)."""
    for pattern in patterns:
        if getattr(pattern, "app_name", "") == "admin":
            continue
        yield from routes(pattern.url_patterns) if isinstance(pattern, URLResolver) else [str(pattern.name)]


@dataclass(frozen=True)
class Cast:
    """Everybody who comes, and what stands in the addresses."""

    headers: dict[str, dict[str, str]]
    words: dict[str, str]


@pytest.fixture
def cast(settings: Any) -> Cast:
    settings.ANONYMOUS_ACCESS = "closed"
    people = {name: User.objects.create_user(name, password=name, is_staff=name == "staff") for name in ROLES[1:]}
    library.save_list(people["owner"], name="colors", text="red\nblue")
    secrets = {name: tokens.make(person, "test") for name, person in people.items()}
    job = make_job(batch=make_batch(owner=people["owner"]), size="64x64")
    generation.run(job.pk)
    tokens.revoke(people["revoked"], secrets["revoked"][0].token_key)
    output = outputs.name(Job.objects.get(pk=job.pk))
    words = {"job": str(job.pk), "batch": str(job.batch_id), "token": secrets["owner"][0].token_key, "output": str(output)}
    headers = {name: {"Authorization": f"Bearer {secret}"} for name, (_, secret) in secrets.items()}
    return Cast({"anonymous": {}, **headers}, words)


def answer(cast: Cast, door: Door, method: str, role: str) -> int:
    sends = method == "post" and door.body is not None
    body = {"data": json.dumps(door.body), "content_type": "application/json"} if sends else {}
    asked = getattr(Client(), method)(door.path.format(**cast.words), headers=cast.headers[role], **body)
    return int(asked.status_code)


def test_the_table_has_every_route() -> None:
    assert {*DOORS} == {*routes(get_resolver().url_patterns)}


@pytest.mark.parametrize("name", DOORS)
def test_everybody_is_answered_as_they_should_be(cast: Cast, name: str) -> None:
    door = DOORS[name]
    expected = {method: getattr(door, method) or everybody(405) for method in METHODS}
    found = {method: tuple(answer(cast, door, method, role) for role in ROLES) for method in METHODS}
    assert found == expected


@pytest.mark.parametrize("name", DOORS)
@pytest.mark.parametrize("access", ["open", "read"])
def test_people_without_an_account_are_answered_as_the_settings_say(
    cast: Cast, settings: Any, name: str, access: str
) -> None:
    settings.ANONYMOUS_ACCESS = access
    found = {method: answer(cast, DOORS[name], method, "anonymous") for method in METHODS}
    assert found == {method: without_account(name, method, access) for method in METHODS}


def without_account(name: str, method: str, access: str) -> int:
    """Return what anybody is answered: as somebody else is, where the settings let them; a person's own stays closed."""
    anonymous, _, other, staff, _ = getattr(DOORS[name], method) or everybody(405)
    if name in ("spending", "metrics"):
        return {"spending": staff, "metrics": 200 if method == "get" else 405}[name] if access == "open" else anonymous
    # Whoever makes nothing has no history, and nothing in the library to change.
    buys = method != "get" or name in ("apis-generate-image", "history", "trash", "library-new", "library-edit")
    is_own = name.startswith(("account", "api-token", "mfa"))
    return anonymous if is_own or (buys and access == "read") else other
