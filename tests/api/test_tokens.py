"""Tokens: a program acts in a person's name at every door, until the token is revoked or has run out."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from imagegen import tokens
from imagegen.models import ApiToken, Batch
from tests.rows import make_batch

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/api/tokens"


@pytest.fixture
def ann() -> User:
    return User.objects.create_user("ann", password="a long password")


@pytest.fixture
def secret(ann: User, settings: Any) -> str:
    settings.ANONYMOUS_ACCESS = "closed"
    return tokens.make(ann, "laptop")[1]


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def post(client: Client, body: object, url: str = URL, **headers: str) -> Any:
    return client.post(url, json.dumps(body), content_type="application/json", headers=headers)


class TestHolder:
    def test_what_a_program_asks_for_is_its_owner_s(self, client: Client, ann: User, secret: str) -> None:
        assert post(client, {"text": ["A kite"]}, "/generate-images", **bearer(secret)).status_code == 202
        assert Batch.objects.get().owner == ann

    def test_it_needs_no_form_s_secret_and_no_cookie(self, ann: User, secret: str) -> None:
        strict = Client(enforce_csrf_checks=True)
        assert post(strict, {"prompts": ["A kite"]}, "/api/batches", **bearer(secret)).status_code == 202
        assert not strict.cookies

    @pytest.mark.parametrize("path", ["/api/images", "/api/batches", "/v1/models", "/show-images?task_ids=x"])
    def test_nobody_gets_in_with_one_that_is_none(self, client: Client, secret: str, path: str) -> None:
        for wrong in (secret[:-1] + "x", "chaotix_", "chaotix_nonsense", secret + "x"):
            answer = client.get(path, headers=bearer(wrong))
            assert answer.status_code == 401
        assert client.get(path, headers={**bearer(secret), "Accept": "application/json"}).status_code in (200, 404)

    @pytest.mark.parametrize("way", ["revoked", "run out", "its owner is gone"])
    def test_one_that_counts_no_more_opens_nothing(self, client: Client, ann: User, secret: str, way: str) -> None:
        assert client.get("/api/batches", headers=bearer(secret)).status_code == 200
        if way == "revoked":
            tokens.revoke(ann, secret[:15])
        elif way == "run out":
            ApiToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
        else:
            User.objects.update(is_active=False)
        assert client.get("/api/batches", headers=bearer(secret)).status_code == 401

    def test_openai_s_clients_read_why(self, client: Client, secret: str) -> None:
        told = client.get("/v1/models", headers=bearer("chaotix_nonsense")).json()
        assert (told["error"]["code"], told["error"]["message"]) == ("invalid_api_key", told["detail"])

    def test_a_key_that_is_none_of_ours_is_no_matter_where_everybody_may_do_everything(
        self, client: Client, secret: str, settings: Any
    ) -> None:
        settings.ANONYMOUS_ACCESS = "open"
        assert client.get("/v1/models", headers=bearer("unused")).status_code == 200
        assert client.get("/v1/models", headers=bearer("chaotix_unused")).status_code == 401

    def test_pictures_and_events_are_open_to_it(self, client: Client, ann: User, secret: str) -> None:
        batch = make_batch(owner=ann)
        assert client.get(f"/batches/{batch.pk}", headers=bearer(secret)).status_code == 200
        assert client.get(f"/batches/{batch.pk}").status_code == 403


class TestMaking:
    def test_a_token_is_told_once_and_only_its_digest_is_kept(self, client: Client, ann: User) -> None:
        client.force_login(ann)
        made = post(client, {"name": "laptop", "days": 7}).json()
        [listed] = client.get(URL).json()["tokens"]
        assert listed == {name: made[name] for name in ("id", "name", "created", "expires")}
        assert made["token"].startswith("chaotix_")
        assert made["token"] not in str(ApiToken.objects.values())

    def test_one_may_have_many_and_take_away_one(self, client: Client, ann: User) -> None:
        client.force_login(ann)
        first, second = (post(client, {"name": name}).json() for name in ("laptop", "server"))
        assert client.delete(f"{URL}/{first['id']}").status_code == 204
        assert [token["id"] for token in client.get(URL).json()["tokens"]] == [second["id"]]

    def test_somebody_else_s_is_not_found(self, client: Client, ann: User) -> None:
        token, _ = tokens.make(ann, "laptop")
        client.force_login(User.objects.create(username="bob"))
        assert client.get(URL).json()["tokens"] == []
        assert client.delete(f"{URL}/{token.token_key}").status_code == 404
        assert ApiToken.objects.exists()

    def test_a_token_makes_no_other(self, client: Client, secret: str) -> None:
        assert post(client, {"name": "more"}, **bearer(secret)).status_code == 403
        assert ApiToken.objects.count() == 1

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_who_has_not_signed_in_has_none(self, client: Client, method: str) -> None:
        assert getattr(client, method)(URL, content_type="application/json").status_code == 401

    @pytest.mark.parametrize(
        ("body", "field"),
        [({}, "name"), ({"name": ""}, "name"), ({"name": "x" * 101}, "name"), ({"name": "a\u0007"}, "name")]
        + [({"name": "a", "days": days}, "days") for days in (0, 3651, "x")]
        + [({"name": "a", "scope": "all"}, "scope")],
        ids=str,
    )
    def test_what_cannot_be_a_token_is_refused_by_its_name(
        self, client: Client, ann: User, body: dict[str, object], field: str
    ) -> None:
        client.force_login(ann)
        answer = post(client, body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
