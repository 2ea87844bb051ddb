"""The stand-in for Stability's gRPC keeps to the SDK's messages, and the SDK itself drives it unchanged."""

import io
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import trustme
from PIL import Image

pytest.importorskip("stability_sdk", reason="stability-sdk installs on Python 3.12 or older alone")

import grpc
from stability_sdk import api, client
from stability_sdk.interfaces.gooseai.generation import generation_pb2, generation_pb2_grpc

from tests.standins import faults
from tests.standins import stability_grpc as answers
from tests.standins.stability_grpc import StabilityGrpcStandIn
from tests.standins.stability_grpc_limits import ENGINE
from tests.waiting import wait_until

KEYED = (("authorization", "Bearer sk-test"), ("x-chaotix-attempt", "7"))


@pytest.fixture
def standin() -> Iterator[StabilityGrpcStandIn]:
    with StabilityGrpcStandIn() as standin:
        yield standin


@pytest.fixture
def open_standin() -> Iterator[StabilityGrpcStandIn]:
    """One that asks for no key, because the SDK sends none where it does not encrypt."""
    with StabilityGrpcStandIn(key="") as standin:
        yield standin


def message(**changes: Any) -> Any:
    """Return a request that is right but for the changes."""
    image = generation_pb2.ImageParameters(**{"width": 1024, "height": 1024, "samples": 1, **changes.pop("image", {})})
    request = {"engine_id": ENGINE, "prompt": [generation_pb2.Prompt(text="a fox")], "image": image, **changes}
    return generation_pb2.Request(**request)


def ask(standin: StabilityGrpcStandIn, request: Any, metadata: Any = KEYED) -> list[Any]:
    # On a connection of its own, which channels to the same host else share.
    with grpc.insecure_channel(standin.url, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        stub = generation_pb2_grpc.GenerationServiceStub(channel)
        return list(stub.Generate(request, metadata=metadata, timeout=10))


def word(standin: StabilityGrpcStandIn, request: Any, metadata: Any = KEYED) -> str:
    """Return the word by which a call ends."""
    with pytest.raises(grpc.RpcError) as caught:
        ask(standin, request, metadata)
    error: Any = caught.value
    return str(error.code().name)


def weighted(text: str, weight: float) -> Any:
    return generation_pb2.Prompt(text=text, parameters=generation_pb2.PromptParameters(weight=weight))


def unknown_field() -> Any:
    return generation_pb2.Request.FromString(message().SerializeToString() + b"\xf8\x3f\x01")


def with_preset(preset: str) -> Any:
    request = message()
    request.extras.update({"$IPC": {"preset": preset}})
    return request


class TestStandIn:
    def test_a_sign_of_life_comes_before_the_picture(self, standin: StabilityGrpcStandIn) -> None:
        first, second = ask(standin, message(image={"seed": [7]}))
        [artifact] = second.artifacts
        assert not first.artifacts
        assert (artifact.type, artifact.finish_reason, artifact.seed) == (
            generation_pb2.ARTIFACT_IMAGE,
            generation_pb2.STOP,
            7,
        )
        assert Image.open(io.BytesIO(artifact.binary)).size == (64, 64)

    def test_a_call_is_on_the_bill_with_its_attempt(self, standin: StabilityGrpcStandIn) -> None:
        ask(standin, message())
        [call] = standin.calls
        assert (call.attempt, call.prompt, call.status, call.credits) == ("7", "a fox", 200, 1)

    @pytest.mark.parametrize(
        "request_",
        [
            generation_pb2.Request(engine_id=ENGINE, prompt=[generation_pb2.Prompt(text="a fox")]),
            message(prompt=[]),
            message(prompt=[weighted("a fox", -1)]),
            message(prompt=[weighted("", 1)]),
            message(prompt=[weighted("x" * 2001, 1)]),
            message(prompt=[weighted("a fox", 1), weighted("", -1)]),
            message(image={"width": 1000}),
            message(image={"width": 512, "height": 512}),
            message(image={"samples": 2}),
            message(image={"seed": [1, 2]}),
            message(image={"steps": 9}),
            with_preset("oil on velvet"),
            unknown_field(),
        ],
    )
    def test_a_broken_request_is_an_invalid_argument(self, standin: StabilityGrpcStandIn, request_: Any) -> None:
        assert word(standin, request_) == "INVALID_ARGUMENT"
        assert [call.credits for call in standin.calls] == [0]

    def test_another_engine_is_not_found(self, standin: StabilityGrpcStandIn) -> None:
        assert word(standin, message(engine_id="stable-diffusion-v1-5")) == "NOT_FOUND"

    @pytest.mark.parametrize("metadata", [(), (("authorization", "Bearer sk-other"),), (("authorization", "sk-test"),)])
    def test_another_key_is_unauthenticated(self, standin: StabilityGrpcStandIn, metadata: Any) -> None:
        assert word(standin, message(), metadata) == "UNAUTHENTICATED"

    def test_a_chain_is_not_served(self, standin: StabilityGrpcStandIn) -> None:
        with grpc.insecure_channel(standin.url) as channel, pytest.raises(grpc.RpcError, match="UNIMPLEMENTED"):
            list(generation_pb2_grpc.GenerationServiceStub(channel).ChainGenerate(generation_pb2.ChainRequest(), timeout=10))

    @pytest.mark.parametrize("status", [401, 404, 502, 418])
    def test_a_gateways_page_ends_with_what_grpc_makes_of_it(self, standin: StabilityGrpcStandIn, status: int) -> None:
        standin.when("", faults.html(status))
        assert word(standin, message()) == answers.GATEWAYS.get(status, "UNKNOWN")
        assert standin.bill == 1

    @pytest.mark.parametrize("fault", [faults.hang_up(), faults.truncated(), faults.reset_before_headers()])
    def test_a_broken_connection_ends_unavailable_and_is_billed(
        self, standin: StabilityGrpcStandIn, fault: faults.Answer
    ) -> None:
        standin.when("", fault)
        assert word(standin, message()) == "UNAVAILABLE"
        assert standin.bill == 1

    def test_a_fault_harms_no_other_connection(self, standin: StabilityGrpcStandIn) -> None:
        standin.when("owl", faults.hang_up())
        standin.when("fox", faults.success(delay=0.3))
        with ThreadPoolExecutor() as threads:
            fox = threads.submit(ask, standin, message())
            wait_until(lambda: standin.in_flight == 1, seconds=10, what="the first call")
            assert word(standin, message(prompt=[weighted("an owl", 1)])) == "UNAVAILABLE"
            assert len(fox.result()) == 2

    @pytest.mark.parametrize("answer", [faults.silence(), faults.success(delay=3600)], ids=lambda answer: answer.name)
    def test_the_end_of_the_standin_ends_what_waits(self, answer: faults.Answer) -> None:
        with ThreadPoolExecutor() as threads:
            with StabilityGrpcStandIn() as standin:
                standin.when("", answer)
                called = threads.submit(word, standin, message())
                wait_until(lambda: bool(standin.in_flight or standin.calls), seconds=10, what="the call")
            assert called.result() == "UNAVAILABLE"


class TestStabilityInference:
    """The SDK's own client, in the clear."""

    def drawn(self, standin: StabilityGrpcStandIn, **options: Any) -> list[Any]:
        """Return the artifacts that it finds."""
        found = client.StabilityInference(host=standin.url).generate(**{"prompt": "a fox", "seed": 7, **options})
        return [artifact for answer in found for artifact in answer.artifacts]

    def test_it_gets_a_picture(self, open_standin: StabilityGrpcStandIn) -> None:
        [artifact] = self.drawn(open_standin, width=1536, height=640)
        assert (artifact.mime, artifact.seed) == ("image/png", 7)
        assert Image.open(io.BytesIO(artifact.binary)).size == (96, 40)
        assert open_standin.bill == 1

    def test_its_options_are_those_that_the_standin_knows(self, open_standin: StabilityGrpcStandIn) -> None:
        prompts = [weighted("a fox", 1), weighted("rain", -1)]
        self.drawn(open_standin, prompt=prompts, style_preset="anime", cfg_scale=9, steps=30)
        fields = open_standin.calls[0].fields
        assert fields["extras"] == {"$IPC": {"preset": "anime"}}
        assert [prompt["text"] for prompt in fields["prompt"]] == ["a fox", "rain"]

    def test_it_is_told_of_a_filter(self, open_standin: StabilityGrpcStandIn) -> None:
        open_standin.when("", answers.filtered())
        [artifact] = self.drawn(open_standin)
        assert artifact.finish_reason == generation_pb2.FILTER

    @pytest.mark.parametrize(
        ("answer", "code"),
        [
            (answers.refused(), "INVALID_ARGUMENT"),
            (answers.unauthorized(), "UNAUTHENTICATED"),
            (answers.rate_limited(), "RESOURCE_EXHAUSTED"),
            (answers.not_found(), "NOT_FOUND"),
            (answers.failure("INTERNAL"), "INTERNAL"),
            (faults.huge(), "RESOURCE_EXHAUSTED"),
        ],
        ids=lambda value: value.name if isinstance(value, faults.Answer) else None,
    )
    def test_an_error_is_its_own(self, open_standin: StabilityGrpcStandIn, answer: faults.Answer, code: str) -> None:
        open_standin.when("", answer)
        with pytest.raises(grpc.RpcError) as caught:
            self.drawn(open_standin)
        error: Any = caught.value
        assert error.code().name == code

    def test_without_its_key_it_is_turned_away(self, standin: StabilityGrpcStandIn) -> None:
        with pytest.raises(grpc.RpcError, match="UNAUTHENTICATED"):
            self.drawn(standin)


class TestContext:
    """The SDK's other way, which makes exceptions of its own."""

    def test_it_gets_a_picture(self, open_standin: StabilityGrpcStandIn) -> None:
        found = api.Context(open_standin.url).generate(["a fox"], [1], preset="anime")
        assert found[generation_pb2.ARTIFACT_IMAGE][0].size == (64, 64)

    def test_it_knows_an_empty_account(self, open_standin: StabilityGrpcStandIn) -> None:
        open_standin.when("", answers.out_of_credit())
        with pytest.raises(api.OutOfCreditsException, match="enough balance"):
            api.Context(open_standin.url).generate(["a fox"], [1])

    def test_it_knows_a_hidden_picture(self, open_standin: StabilityGrpcStandIn) -> None:
        open_standin.always("", answers.classified())
        with pytest.raises(api.ClassifierException):
            api.Context(open_standin.url).generate(["a fox"], [1])

    def test_it_reads_the_balance(self, open_standin: StabilityGrpcStandIn) -> None:
        balance, _ = api.Context(open_standin.url).get_user_info()
        assert balance == open_standin.balance


# In a process of its own: which authorities gRPC trusts is read once, before its first channel.
OVER_TLS = """
    import json, sys
    from pathlib import Path
    from uuid import uuid4
    import grpc
    from stability_sdk.client import StabilityInference
    from imagegen.errors import Unavailable
    from imagegen.providers.base import Answer, ImageRequest
    from imagegen.providers.stability_common import SDXL
    from imagegen.providers.stability_grpc import StabilityGrpc
    from tests.standins.stability_grpc import StabilityGrpcStandIn

    def keep(status, headers, blocks):
        body = b"".join(blocks)
        return Answer(status, headers, lambda: body)

    def told(host):
        provider = StabilityGrpc(key="sk-test", host=host, secure=True)
        return provider.read(provider.send(ImageRequest(uuid4(), "a fox", SDXL, seed=7), keep)).seed

    pem = Path(sys.argv[1]).read_bytes()
    with StabilityGrpcStandIn(credentials=grpc.ssl_server_credentials([(pem, pem)])) as standin:
        seeds = [told(standin.url)]
        found = StabilityInference(host=standin.url, key="sk-test").generate("a fox", seed=8)
        seeds += [artifact.seed for answer in found for artifact in answer.artifacts]
        calls = [call.status for call in standin.calls]
        print(json.dumps({"seeds": seeds, "calls": calls, "host": standin.url}))
    with StabilityGrpcStandIn() as clear:
        try:
            told(clear.url)
        except Unavailable:
            print(json.dumps(len(clear.calls)))
"""


@pytest.fixture(scope="module")
def over_tls(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What the program above prints, with a certificate from an authority that only it trusts."""
    folder: Path = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    environment = {**os.environ, "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(folder / "authority.pem")}
    command = [sys.executable, "-c", textwrap.dedent(OVER_TLS), str(folder / "server.pem")]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


class TestTls:
    def test_our_plug_and_the_sdk_bring_their_key_over_tls(self, over_tls: list[Any]) -> None:
        assert over_tls[0]["host"].endswith("443")
        assert over_tls[0]["seeds"] == [7, 8]
        assert over_tls[0]["calls"] == [200, 200]

    def test_who_speaks_no_tls_gets_nothing(self, over_tls: list[Any]) -> None:
        assert over_tls[1] == 0
