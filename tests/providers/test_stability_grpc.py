"""Stability's gRPC: what is sent, what each answer means, that the charge agrees with the bill, and whom the key is told."""

import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar
from uuid import uuid4

import pytest

pytest.importorskip("stability_sdk", reason="stability-sdk installs on Python 3.12 or older alone")

from imagegen import spool
from imagegen.errors import (
    BadAnswer,
    Invalid,
    NotConfigured,
    OutcomeUnknown,
    OutOfCredit,
    ProviderError,
    RateLimited,
    Refused,
    Unavailable,
)
from imagegen.providers.base import Answer, ImageRequest
from imagegen.providers.stability_common import SDXL
from imagegen.providers.stability_grpc import FRAME, UNSENT, StabilityGrpc
from imagegen.states import Charged
from tests.providers.contract import (
    DAMAGED,
    KEY,
    YES,
    Contract,
    FaultTable,
    Plug,
    bad_key,
    busy,
    drawn,
    empty_account,
    error_in,
    failure_of,
    invalid,
    nobody_knows,
    refused,
)
from tests.standins import faults
from tests.standins import stability_grpc as answers
from tests.standins.stability_grpc import StabilityGrpcStandIn
from tests.standins.standin import Call, Seller
from tests.waiting import unused_port, wait_until

WORDS = ["CANCELLED", "UNKNOWN", "DEADLINE_EXCEEDED", "ABORTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNIMPLEMENTED"]


@pytest.fixture
def standin() -> Iterator[StabilityGrpcStandIn]:
    with StabilityGrpcStandIn() as standin:
        yield standin


def provider_for(standin: StabilityGrpcStandIn, *, total_seconds: float = 20, **options: Any) -> StabilityGrpc:
    return StabilityGrpc(**{"key": standin.key, "host": standin.url, "total_seconds": total_seconds, **options})


def asked(prompt: str = "a fox", **options: Any) -> ImageRequest:
    return ImageRequest(uuid4(), prompt, SDXL, **options)


def answered(provider: StabilityGrpc, request: ImageRequest) -> Answer:
    return provider.send(request, spool.keep(request.attempt, "stability-grpc"))


def sent(standin: StabilityGrpcStandIn, request: ImageRequest) -> Call:
    """Make a call and return it as the stand-in saw it."""
    drawn(provider_for(standin), request)
    [call] = standin.calls
    return call


def failure(standin: StabilityGrpcStandIn, answer: faults.Answer) -> ProviderError:
    return failure_of(provider_for(standin), standin, answer)


def reads_as(status: int, body: bytes = b"", **headers: str) -> ProviderError:
    return error_in(StabilityGrpc(key="sk-test"), status, body, headers)


def is_there(provider: StabilityGrpc) -> bool:
    try:
        return bool(provider.check())
    except Unavailable:
        return False


class TestContract(Contract):
    own_headers: ClassVar[Mapping[str, str]] = {
        "content-type": "application/grpc+proto",
        "grpc-status": "OK",
        "grpc-message": "",
    }

    @pytest.fixture(scope="class")
    @classmethod
    def plug(cls) -> Iterator[Plug]:
        troubles = {
            "a bad field": answers.bad_request(),
            "a bad key": answers.unauthorized(),
            "an empty account": answers.out_of_credit(),
            "a refused prompt": answers.refused(),
            "a blurred prompt": answers.filtered(),
            "a hidden prompt": answers.classified(),
            "a picture with an error": answers.failed(),
            "no picture": answers.no_picture(),
            "a busy hour": answers.rate_limited(),
            "a failure": answers.failure("INTERNAL"),
            "a gateway's page": faults.html(502),
            "half of it": faults.truncated(),
        }
        with StabilityGrpcStandIn(key=KEY) as standin:
            yield Plug(provider_for(standin), standin, troubles)


class TestFaultTable(FaultTable):
    documented = (
        refused(answers.refused()),
        refused(answers.filtered(), YES),
        refused(answers.classified(), YES),
        invalid(answers.bad_request()),
        invalid(answers.not_found()),
        busy(answers.rate_limited()),
        empty_account(answers.out_of_credit()),
        bad_key(answers.unauthorized()),
        bad_key(answers.permission_denied()),
        nobody_knows(answers.failed(), "bad_answer"),
        nobody_knows(answers.failure("UNAVAILABLE")),
    )
    # What of HTTP/1.1 can happen to gRPC, and what only gRPC has.
    of_the_wire = (
        nobody_knows(faults.html(502)),
        nobody_knows(faults.reset_before_headers()),
        nobody_knows(faults.hang_up()),
        nobody_knows(faults.reset_in_body()),
        nobody_knows(faults.truncated()),
        nobody_knows(faults.silence()),
        nobody_knows(answers.keepalives()),
        nobody_knows(faults.endless(), "bad_answer"),
        nobody_knows(faults.huge(), "bad_answer"),
        *DAMAGED,
    )
    # After a reset amid an answer grpc may wait until the time is up.
    ended_by_the_deadline: ClassVar = ("silence", "keepalives", "reset_in_body", "truncated")

    @pytest.fixture
    def standin(self, standin: StabilityGrpcStandIn) -> StabilityGrpcStandIn:
        return standin

    def entry(self, standin: Seller) -> dict[str, Any]:
        options = {"key": standin.key, "host": standin.url.removeprefix("http://")}
        return {"BACKEND": "imagegen.providers.stability_grpc.StabilityGrpc", "OPTIONS": options}


class TestRequest:
    def test_without_options_only_prompt_and_size_are_sent(self, standin: StabilityGrpcStandIn) -> None:
        request = asked()
        assert sent(standin, request).fields == {
            "engine_id": SDXL,
            "request_id": str(request.attempt),
            "prompt": [{"text": "a fox", "parameters": {"weight": 1.0}}],
            "image": {
                "width": "1024", "height": "1024", "samples": "1",
                "parameters": [{"sampler": {"cfg_scale": 7.0}}],
            },
        }  # fmt: skip

    def test_every_option_has_its_field(self, standin: StabilityGrpcStandIn) -> None:
        fields = sent(standin, asked(negative_prompt="rain", aspect_ratio="9:16", style="anime", seed=7)).fields
        assert [(prompt["text"], prompt["parameters"]["weight"]) for prompt in fields["prompt"]] == [
            ("a fox", 1),
            ("rain", -1),
        ]
        assert fields["image"] | {"parameters": []} == {
            "width": "768", "height": "1344", "samples": "1", "seed": [7], "parameters": [],
        }  # fmt: skip
        assert fields["extras"] == {"$IPC": {"preset": "anime"}}

    @pytest.mark.parametrize(("size", "drawn"), [("1920x1080", ("1344", "768")), ("800x1000", ("896", "1152"))])
    def test_a_size_becomes_the_nearest_that_the_engine_draws(
        self, standin: StabilityGrpcStandIn, size: str, drawn: tuple[str, str]
    ) -> None:
        image = sent(standin, asked(size=size)).fields["image"]
        assert (image["width"], image["height"]) == drawn

    @pytest.mark.parametrize("prompt", ["Füchse 🦊 狐", "x" * 2000, " a\nb\t"])
    def test_a_prompt_arrives_as_it_is(self, standin: StabilityGrpcStandIn, prompt: str) -> None:
        assert sent(standin, asked(prompt)).prompt == prompt

    def test_the_attempt_is_named(self, standin: StabilityGrpcStandIn) -> None:
        request = asked()
        assert sent(standin, request).attempt == str(request.attempt)


class TestAnswer:
    def test_the_seed_comes_with_the_picture(self, standin: StabilityGrpcStandIn) -> None:
        provider = provider_for(standin)
        assert provider.read(answered(provider, asked(seed=7))).seed == 7

    def test_what_is_kept_is_what_gRPC_frames(self, standin: StabilityGrpcStandIn) -> None:
        answer = answered(provider_for(standin), asked())
        assert (answer.status, answer.headers["grpc-status"]) == (200, "OK")
        packed, length = FRAME.unpack_from(answer.body)
        assert packed == 0
        assert len(answer.body) > FRAME.size + length

    @pytest.mark.parametrize(
        ("answer", "status", "kind", "charged"),
        [
            (answers.refused(), 400, Refused, Charged.NO),
            (answers.bad_request("a b"), 400, Invalid, Charged.NO),
            (answers.unauthorized(), 401, NotConfigured, Charged.NO),
            (answers.out_of_credit(), 402, OutOfCredit, Charged.NO),
            (answers.permission_denied(), 403, NotConfigured, Charged.NO),
            (answers.not_found(), 404, Invalid, Charged.NO),
            (answers.rate_limited(), 429, RateLimited, Charged.NO),
            (answers.failure("INTERNAL"), 500, OutcomeUnknown, Charged.UNKNOWN),
            (answers.failure("UNAVAILABLE"), 503, OutcomeUnknown, Charged.UNKNOWN),
            (answers.failure("DATA_LOSS"), 500, OutcomeUnknown, Charged.UNKNOWN),
            (faults.huge(), 502, BadAnswer, Charged.UNKNOWN),
            (answers.no_picture(), 200, BadAnswer, Charged.UNKNOWN),
            (answers.filtered(), 200, Refused, Charged.YES),
            (answers.classified(), 200, Refused, Charged.YES),
        ],
        ids=lambda value: value.name if isinstance(value, faults.Answer) else None,
    )  # fmt: skip
    def test_each_word_has_its_status_and_its_meaning(
        self, standin: StabilityGrpcStandIn, answer: faults.Answer, status: int, kind: type[ProviderError], charged: Charged
    ) -> None:
        standin.when("", answer)
        provider = provider_for(standin)
        kept = answered(provider, asked())
        with pytest.raises(kind) as caught:
            provider.read(kept)
        assert (kept.status, type(caught.value), caught.value.charged) == (status, kind, charged)

    @pytest.mark.parametrize("word", WORDS)
    def test_any_other_word_may_be_paid(self, standin: StabilityGrpcStandIn, word: str) -> None:
        error = failure(standin, answers.failure(word))
        assert type(error) is OutcomeUnknown
        assert word in str(error)

    def test_what_the_server_says_is_told(self, standin: StabilityGrpcStandIn) -> None:
        assert "INVALID_ARGUMENT: steps: is odd)" in str(failure(standin, answers.bad_request("steps: is odd")))

    def test_a_rate_limit_lasts_a_minute(self, standin: StabilityGrpcStandIn) -> None:
        error = failure(standin, answers.rate_limited())
        assert isinstance(error, RateLimited)
        assert error.retry_after == 60

    def test_a_picture_counts_however_the_stream_ends_after_it(self, standin: StabilityGrpcStandIn) -> None:
        provider = provider_for(standin)
        kept = answered(provider, asked())
        broken = Answer(503, {**kept.headers, "grpc-status": "UNAVAILABLE"}, lambda: kept.body)
        assert provider.read(broken) == provider.read(kept)

    def test_half_an_answer_is_no_picture(self, standin: StabilityGrpcStandIn) -> None:
        provider = provider_for(standin)
        body = answered(provider, asked()).body
        assert type(reads_as(200, body[:-100])) is BadAnswer

    @pytest.mark.parametrize("body", [b"", b"\0", FRAME.pack(0, 3) + b"\xff\xff\xff", FRAME.pack(0, 9) + b"x"])
    def test_what_cannot_be_parsed_may_be_paid(self, body: bytes) -> None:
        assert type(reads_as(200, body)) is BadAnswer
        assert type(reads_as(503, body)) is OutcomeUnknown

    def test_an_answer_that_drips_ends_with_its_time(self, standin: StabilityGrpcStandIn) -> None:
        standin.when("", answers.keepalives())
        kept = answered(provider_for(standin, total_seconds=0.3), asked())
        assert (kept.status, kept.headers["grpc-status"]) == (504, "DEADLINE_EXCEEDED")


class TestConnection:
    def test_a_call_is_sent_once_however_it_breaks(self, standin: StabilityGrpcStandIn) -> None:
        assert type(failure(standin, faults.reset_before_headers())) is OutcomeUnknown
        assert len(standin.calls) == 1

    def test_the_next_call_is_not_harmed_by_a_reset(self, standin: StabilityGrpcStandIn) -> None:
        standin.when("", faults.reset_before_headers())
        provider = provider_for(standin)
        statuses = [answered(provider, asked()).status for _ in range(2)]
        assert statuses == [503, 200]

    def test_nobody_there_is_known_before_anything_is_sent(self) -> None:
        provider = StabilityGrpc(key="sk-test", host=f"127.0.0.1:{unused_port()}", secure=False)
        with pytest.raises(Unavailable, match="nothing was sent"):
            answered(provider, asked())

    @pytest.mark.parametrize("said", UNSENT)
    def test_a_server_that_reached_nobody_behind_it_may_have_been_paid(
        self, standin: StabilityGrpcStandIn, said: str
    ) -> None:
        assert type(failure(standin, answers.error("UNAVAILABLE", f"{said}: so it is", billed=True))) is OutcomeUnknown

    def test_a_name_that_leads_nowhere_is_known_before_anything_is_sent(self) -> None:
        # A port that does not exist is no address either, and needs nobody to be asked.
        with pytest.raises(Unavailable, match="nothing was sent"):
            answered(StabilityGrpc(key="sk-test", host="[::1]:http-alt-no-such", secure=False), asked())

    def test_a_server_that_does_not_speak_grpc_gets_nothing(self, stability: Seller) -> None:
        provider = StabilityGrpc(key="sk-test", host=stability.url.removeprefix("http://"), secure=False, total_seconds=0.5)
        with pytest.raises(Unavailable, match="nothing was sent"):
            answered(provider, asked())
        # Only the greeting of HTTP/2, which looks like a request to a path that is a star.
        assert {(call.attempt, call.path) for call in stability.calls} <= {(None, "*")}

    def test_a_host_that_comes_back_is_called_again(self) -> None:
        port = unused_port()
        provider = StabilityGrpc(key="sk-test", host=f"127.0.0.1:{port}", secure=False)
        assert not is_there(provider)
        with StabilityGrpcStandIn(port=port):
            wait_until(lambda: is_there(provider), seconds=10, what="the connection")


class TestKey:
    @pytest.mark.parametrize(
        ("host", "encrypted"),
        [
            ("grpc.stability.ai:443", True),
            ("127.0.0.1:20443", True),
            ("127.0.0.1:50051", False),
            ("localhost:50051", False),
            ("[::1]:50051", False),
        ],
    )
    def test_the_port_tells_what_is_encrypted_and_here_nothing_need_be(self, host: str, encrypted: bool) -> None:
        provider = StabilityGrpc(key="sk-test", host=host)
        assert provider.not_configured() is None
        assert provider._secure is encrypted

    @pytest.mark.parametrize("host", ["grpc.stability.ai:80", "10.0.0.7:50051", "grpc.stability.ai", "127.0.0.1.evil.com:1"])
    def test_the_key_never_travels_in_the_clear(self, host: str) -> None:
        provider = StabilityGrpc(key="sk-test", host=host)
        assert "in the clear" in str(provider.not_configured())
        with pytest.raises(NotConfigured, match=r"^The key .*Nothing was sent\.$"):
            answered(provider, asked())

    def test_an_option_says_that_another_port_is_encrypted(self) -> None:
        assert StabilityGrpc(key="sk-test", host="grpc.example.com:8000", secure=True).not_configured() is None

    def test_a_scheme_is_named_as_the_fault(self) -> None:
        assert "HOST:PORT" in str(StabilityGrpc(key="sk-test", host="https://grpc.stability.ai:443").not_configured())

    @pytest.mark.parametrize("key", ["", "sk-first\nsk-second", "sk-…"])
    def test_a_key_that_fits_no_header_is_not_configured(self, key: str) -> None:
        with pytest.raises(NotConfigured, match="MY_KEY"):
            answered(StabilityGrpc(key=key, key_name="MY_KEY"), asked())


class TestCheck:
    def test_it_tells_the_balance(self, standin: StabilityGrpcStandIn) -> None:
        assert provider_for(standin).check() == "the key is accepted; 1000 credits are left"
        assert standin.calls == []

    def test_a_key_that_is_not_accepted_is_called_by_its_name(self, standin: StabilityGrpcStandIn) -> None:
        with pytest.raises(NotConfigured, match="MY_KEY"):
            provider_for(standin, key="sk-other", key_name="MY_KEY").check()

    def test_nobody_there_is_said(self) -> None:
        with pytest.raises(Unavailable):
            StabilityGrpc(key="sk-test", host=f"127.0.0.1:{unused_port()}", secure=False).check()


def run(program: str) -> str:
    """Run a program in a process that has imported nothing yet, and return what it prints."""
    command = [sys.executable, "-c", textwrap.dedent(program)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip()


class TestImports:
    def test_nothing_is_imported_until_it_is_used(self) -> None:
        program = """
            import sys
            from imagegen.providers.stability_grpc import StabilityGrpc
            print(StabilityGrpc(key="sk-test").not_configured(), "grpc" in sys.modules)
        """
        assert run(program) == "None False"

    def test_without_the_package_it_says_so(self) -> None:
        program = """
            import sys
            sys.modules.update(dict.fromkeys(("grpc", "google.protobuf", "stability_sdk")))
            from imagegen.errors import OutcomeUnknown
            from imagegen.providers.base import Answer
            from imagegen.providers.stability_grpc import StabilityGrpc
            provider = StabilityGrpc(key="sk-test")
            print(provider.not_configured())
            try:
                provider.read(Answer(200, {}, bytes))
            except OutcomeUnknown as error:
                print(error)
        """
        missing, unread = run(program).splitlines()
        assert "stability-sdk" in missing
        assert unread == "The answer cannot be read without stability-sdk. It may have been paid."
