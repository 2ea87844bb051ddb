"""One's own tokens: GET /api/tokens lists them, POST makes one, DELETE /api/tokens/BEGINNING takes one away."""

from datetime import datetime
from typing import Any, TypedDict, cast

from django.contrib.auth.models import AbstractBaseUser
from django.http import Http404
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from imagegen import tokens
from imagegen.api.parsers import JSONObjectParser
from imagegen.api.query import Query
from imagegen.api.schema import describe
from imagegen.errors import NotAllowed
from imagegen.models import ApiToken


class TokenShape(TypedDict):
    """A token: how it begins, which is its id, and until when it counts."""

    id: str
    name: str
    created: datetime
    expires: datetime


class NewTokenShape(TokenShape):
    """A token with its secret, which is told this once."""

    token: str


class TokensShape(TypedDict):
    """One's own tokens, the newest first."""

    tokens: list[TokenShape]


class TokenAsked(Query):
    """What it is for, and for how many days."""

    name = serializers.CharField(max_length=tokens.MAX_NAME)
    days = serializers.IntegerField(required=False, min_value=1, max_value=tokens.MOST_DAYS, default=tokens.USUAL_DAYS)


class Tokens(APIView):
    """GET and POST /api/tokens."""

    parser_classes = (JSONObjectParser,)

    @describe("tokens", "One's own tokens", {200: TokensShape})
    def get(self, request: Request) -> Response:
        answer: TokensShape = {"tokens": [_entry(token) for token in tokens.of(_person(request))]}
        return Response(answer)

    @describe("make_token", "Make a token; only who has signed in may, and no token", {201: NewTokenShape}, body=TokenAsked)
    def post(self, request: Request) -> Response:
        person = _person(request)
        if hasattr(request._request, "by_token"):
            raise PermissionDenied("A token cannot make another: sign in for that.")
        asked = TokenAsked.read(cast(dict[str, Any], request.data))
        token, secret = tokens.make(person, asked["name"], days=asked["days"])
        answer: NewTokenShape = {**_entry(token), "token": secret}
        return Response(answer, status=201, headers={"Cache-Control": "no-store"})


class OneToken(APIView):
    """DELETE /api/tokens/BEGINNING."""

    @describe("revoke_token", "Take a token away", {204: None})
    def delete(self, request: Request, beginning: str) -> Response:
        if not tokens.revoke(_person(request), beginning):
            raise Http404("No such token.")
        return Response(status=204)


def _person(request: Request) -> AbstractBaseUser:
    if not request.user.is_authenticated:
        raise NotAllowed("Sign in first: tokens are a person's own.")
    return request.user


def _entry(token: ApiToken) -> TokenShape:
    return {"id": token.token_key, "name": token.name, "created": token.created, "expires": token.expiry}
