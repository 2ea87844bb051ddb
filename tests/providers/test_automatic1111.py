"""Automatic1111 and its kind: what is sent, what each answer means, and that nobody is asked who was not named."""

import base64
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from imagegen.errors import (
    BadAnswer,
    Invalid,
    NotConfigured,
    OutcomeUnknown,
    ProviderError,
    Unavailable,
)
from imagegen.providers.automatic1111 import Automatic1111
from imagegen.providers.base import Answer, ImageRequest, ImageResult
from imagegen.states import Charged
from tests.providers.contract import (
    KEY,
    Contract,
    FaultTable,
    Plug,
    bad_key,
    drawn,
    error_in,
    invalid,
    nobody_knows,
    refused_fields,
    unavailable,
)
from tests.standins import automatic1111 as answers
from tests.standins import faults
from tests.standins.automatic1111 import Automatic1111StandIn
from tests.standins.faults import Answer as Said
from tests.standins.standin import Call, Seller

# What each answer means, whether money was spent, and a word that people read about it.
DOCUMENTED: dict[str, tuple[Said, type[ProviderError], Charged, str]] = {
    "invalid": (answers.invalid(), Invalid, Charged.NO, "width: value is not a valid integer"),
    "sampler_not_found": (answers.sampler_not_found(), Invalid, Charged.NO, "Sampler not found"),
    "unauthorized": (answers.unauthorized(), NotConfigured, Charged.NO, "the user and the password"),
    "without_api": (answers.without_api(), NotConfigured, Charged.NO, "--api"),
    "out_of_memory": (answers.out_of_memory(), Unavailable, Charged.NO, "OutOfMemoryError: CUDA out of memory"),
    "without_images": (answers.without_images(), BadAnswer, Charged.UNKNOWN, "without a picture"),
}


def asked(prompt: str = "a fox", model: str = "loaded", **options: Any) -> ImageRequest:
    return ImageRequest(uuid4(), prompt, model, **options)


def provider_for(standin: Automatic1111StandIn, **options: Any) -> Automatic1111:
    return Automatic1111(**{"host": standin.url, "total_seconds": 20, **options})


def sent(standin: Automatic1111StandIn, request: ImageRequest, **options: Any) -> Call:
    """Make a call and return it as the stand-in saw it."""
    drawn(provider_for(standin, **options), request)
    return standin.calls[-1]


def read(status: int, body: object) -> ImageResult:
    """Read an answer that no stand-in gives."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Automatic1111(host="http://127.0.0.1").read(Answer(status, {}, lambda: text))


def reads_as(status: int, body: object) -> ProviderError:
    return error_in(Automatic1111(host="http://127.0.0.1"), status, body)


@pytest.fixture
def webui() -> Iterator[Automatic1111StandIn]:
    with Automatic1111StandIn() as standin:
        yield standin


class TestContract(Contract):
    @pytest.fixture(scope="class")
    @classmethod
    def plug(cls) -> Iterator[Plug]:
        troubles = {
            "a bad field": answers.invalid(),
            "a sampler that refuses to be found": answers.sampler_not_found(),
            "a bad password": answers.unauthorized(),
            "a server without an API": answers.without_api(),
            "a small card": answers.out_of_memory(),
            "an interrupted picture": answers.without_images(),
            "a gateway's page": faults.html(200),
            "half a picture": faults.truncated(),
            "a dead line": faults.reset_before_headers(),
        }
        with Automatic1111StandIn(key=KEY) as standin:
            standin.user = "artist"
            yield Plug(provider_for(standin, user="artist", password=KEY), standin, troubles)


class TestFaultTable(FaultTable):
    documented = (
        invalid(answers.invalid()),
        invalid(answers.sampler_not_found()),
        unavailable(answers.out_of_memory()),
        bad_key(answers.unauthorized()),
        bad_key(answers.without_api()),
        nobody_knows(answers.without_images(), "bad_answer"),
    )

    @pytest.fixture
    def standin(self, webui: Automatic1111StandIn) -> Automatic1111StandIn:
        return webui

    def entry(self, standin: Seller) -> dict[str, Any]:
        options = {"host": standin.url}
        return {"BACKEND": "imagegen.providers.automatic1111.Automatic1111", "OPTIONS": options}


class TestRequest:
    def test_little_is_sent_where_little_is_asked(self, webui: Automatic1111StandIn) -> None:
        call = sent(webui, asked())
        assert call.path == "/sdapi/v1/txt2img"
        assert call.fields == {"prompt": "a fox", "width": 1024, "height": 1024}

    def test_every_option_has_its_field(self, webui: Automatic1111StandIn) -> None:
        request = asked(negative_prompt="rain", seed=0, size="640x448")
        assert sent(webui, request, steps=20, sampler="DPM++ 2M").fields == {
            "prompt": "a fox", "negative_prompt": "rain", "seed": 0, "width": 640, "height": 448, "steps": 20,
            "sampler_name": "DPM++ 2M",
        }  # fmt: skip

    def test_a_named_model_is_asked_for(self, webui: Automatic1111StandIn) -> None:
        fields = sent(webui, asked(model="dream_xl"), models=["old", "dream_xl"]).fields
        assert fields["override_settings"] == {"sd_model_checkpoint": "dream_xl"}

    def test_the_first_model_that_is_named_is_the_default(self) -> None:
        provider = Automatic1111(host="http://127.0.0.1", models=["old", "dream_xl"])
        assert [model.name for model in provider.models] == ["old", "dream_xl"]

    def test_a_model_that_nobody_named_is_refused(self) -> None:
        provider = Automatic1111(host="http://127.0.0.1")
        assert refused_fields(provider, model="dream_xl") == ["model"]

    @pytest.mark.parametrize(
        ("side", "ratio", "size"),
        [
            (1024, "16:9", (1344, 768)),
            (1024, "21:9", (1536, 640)),
            (512, "1:1", (512, 512)),
            (512, "16:9", (672, 384)),
            (512, "9:21", (320, 768)),
        ],
    )
    def test_a_ratio_is_drawn_around_the_square_that_the_models_were_made_for(
        self, webui: Automatic1111StandIn, side: int, ratio: str, size: tuple[int, int]
    ) -> None:
        fields = sent(webui, asked(aspect_ratio=ratio), side=side).fields
        assert (fields["width"], fields["height"]) == size

    @pytest.mark.parametrize("side", [384, 512, 640, 768, 1024])
    def test_every_ratio_has_a_size_of_that_ratio(self, side: int) -> None:
        provider = Automatic1111(host="http://127.0.0.1", side=side)
        assert tuple(provider.ratio_for(provider._size(ratio)) for ratio in provider.aspect_ratios) == provider.aspect_ratios

    def test_user_and_password_are_sent_only_where_there_are_any(self, webui: Automatic1111StandIn) -> None:
        webui.user = "artist"
        assert sent(webui, asked(), user="artist", password="sk-test").status == 200
        with pytest.raises(NotConfigured):
            drawn(provider_for(webui), asked())

    def test_a_password_may_have_any_letters(self) -> None:
        with Automatic1111StandIn(key="pass:wörd") as webui:
            webui.user = "artist"
            assert sent(webui, asked(), user="artist", password="pass:wörd").status == 200

    def test_the_attempt_is_named(self, webui: Automatic1111StandIn) -> None:
        request = asked()
        assert sent(webui, request).attempt == str(request.attempt)

    def test_without_an_address_it_is_not_configured(self) -> None:
        with pytest.raises(NotConfigured, match="AUTOMATIC1111_URL is not set"):
            drawn(Automatic1111(host=""), asked())

    def test_what_it_costs_is_unknown_and_not_nothing(self) -> None:
        provider = Automatic1111(host="http://127.0.0.1")
        assert provider.price("loaded") is None
        assert not provider.is_free


class TestAnswer:
    def test_the_seed_is_told(self, webui: Automatic1111StandIn) -> None:
        assert drawn(provider_for(webui), asked(seed=7)).seed == 7

    def test_a_drawn_seed_is_told(self, webui: Automatic1111StandIn) -> None:
        assert drawn(provider_for(webui), asked()).seed is not None

    @pytest.mark.parametrize("info", [None, "", "{", "[]", '{"seed": "7"}', '{"seed": -1}', '{"seed": true}', 7, "\ud800"])
    def test_a_picture_with_odd_information_is_a_picture(self, info: object) -> None:
        result = read(200, {"images": [base64.b64encode(b"picture").decode()], "info": info})
        assert (result.body, result.seed) == (b"picture", None)

    def test_a_picture_may_say_of_what_kind_it_is(self) -> None:
        assert read(200, {"images": ["data:image/png;base64,aGk="]}).body == b"hi"

    @pytest.mark.parametrize("images", [None, [], {}, "aGk=", ["not base64!"], [None]])
    def test_a_200_without_a_picture_may_be_paid(self, images: object) -> None:
        error = reads_as(200, {"images": images})
        assert isinstance(error, BadAnswer)
        assert error.charged == Charged.UNKNOWN


class TestDocumented:
    @pytest.mark.parametrize("name", DOCUMENTED)
    def test_an_answer_has_its_word_its_charge_and_its_sentence(self, webui: Automatic1111StandIn, name: str) -> None:
        answer, kind, charged, word = DOCUMENTED[name]
        webui.when("", answer)
        with pytest.raises(kind) as caught:
            drawn(provider_for(webui), asked())
        assert (caught.value.charged, len(webui.calls)) == (charged, 1)
        assert word in str(caught.value)

    @pytest.mark.parametrize("body", [b"", b"<h1>Gateway</h1>", {}, {"detail": ""}, {"detail": "Internal Server Error"}])
    def test_a_500_in_another_shape_may_be_paid(self, body: object) -> None:
        assert type(reads_as(500, body)) is OutcomeUnknown

    @pytest.mark.parametrize("status", [201, 202, 204, 302, 403, 408, 409, 429, 501, 502, 503, 504])
    def test_a_status_that_is_not_documented_may_be_paid(self, status: int) -> None:
        error = reads_as(status, {"error": "OSError", "detail": "x", "body": "", "errors": "y"})
        assert type(error) is OutcomeUnknown
        assert str(status) in str(error)

    def test_a_long_reason_is_cut(self) -> None:
        assert len(str(reads_as(422, {"detail": "x" * 100_000}))) < 1000


class TestCheck:
    def test_it_tells_how_many_checkpoints_there_are(self, webui: Automatic1111StandIn) -> None:
        assert provider_for(webui).check() == "the server answers; it has 2 checkpoints"

    @pytest.mark.parametrize("name", ["dream_xl.safetensors [31e35c80fc]", "dream_xl.safetensors", "dream_xl", "31e35c80fc"])
    def test_a_checkpoint_has_several_names(self, webui: Automatic1111StandIn, name: str) -> None:
        assert provider_for(webui, models=[name]).check()

    def test_a_checkpoint_that_is_not_there_is_named(self, webui: Automatic1111StandIn) -> None:
        with pytest.raises(Invalid, match="no checkpoint lost_xl"):
            provider_for(webui, models=["old", "lost_xl"]).check()

    def test_a_wrong_password_is_said(self, webui: Automatic1111StandIn) -> None:
        webui.user = "artist"
        with pytest.raises(NotConfigured, match="the user and the password"):
            provider_for(webui, user="artist", password="other").check()

    def test_a_server_without_an_api_is_said(self, webui: Automatic1111StandIn) -> None:
        with pytest.raises(NotConfigured, match="--api"):
            Automatic1111(host=f"{webui.url}/elsewhere").check()
