"""One paid request over real sockets: sent at most once, ended by the clock, bounded in memory, deaf to its surroundings."""

import asyncio
import contextlib
import gzip
import shutil
import ssl
import subprocess
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import pytest

from imagegen import conf, http, spool
from imagegen.errors import BadAnswer, OutcomeUnknown, ProviderError, Unavailable
from imagegen.providers.base import Answer, ImageRequest
from imagegen.providers.stability import StabilityV2Beta
from imagegen.states import Charged
from tests.standins import stability as answers
from tests.standins.http_server import ServerThread, read_request
from tests.standins.stability import StabilityStandIn
from tests.waiting import unused_port

# Generous, because a busy machine may be late; a call that forgets its deadline takes far longer.
GRACE_SECONDS = 3.0


@dataclass
class Server:
    """Says the same words to every request, and counts what reaches it."""

    words: bytes
    url: str = ""
    connections: int = 0
    requests: list[str] = field(default_factory=list)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while request := await read_request(reader, writer, largest_body=1_000_000):
            self.requests.append(request.path)
            writer.write(self.words)
            await writer.drain()


@pytest.fixture
def serve() -> Iterator[Callable[[bytes], Server]]:
    with contextlib.ExitStack() as stack:

        def start(words: bytes) -> Server:
            server = Server(words)
            thread = ServerThread(server.converse).start()
            stack.callback(thread.stop)
            server.url = thread.url
            return server

        yield start


class Secure(ThreadingHTTPServer):
    """Speaks TLS and counts what reaches it; under /drip its answer never ends."""

    daemon_threads = True

    def __init__(self, certificate: Path, key: Path) -> None:
        super().__init__(("127.0.0.1", 0), _SecureHandler)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate, key)
        self.url = f"https://localhost:{self.server_address[1]}"
        self.handshake_seconds = 0.0
        self.connections = 0
        self.requests = 0

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that leave are what is tested."""


class _SecureHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Secure

    def setup(self) -> None:
        self.server.connections += 1
        time.sleep(self.server.handshake_seconds)
        self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def do_POST(self) -> None:
        self.server.requests += 1
        self.rfile.read(int(self.headers["content-length"]))
        if self.path != "/drip":
            self.wfile.write(answer())
            return
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            self.wfile.write(b"x")
            time.sleep(0.02)

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            self.request.close()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost that nobody has signed, and its key."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    certificate, key = (tmp_path_factory.mktemp("tls") / name for name in ("certificate.pem", "key.pem"))
    command = [
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
        "-addext", "subjectAltName=DNS:localhost", "-out", str(certificate), "-keyout", str(key),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


@pytest.fixture
def secure(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Secure]:
    """A server whose certificate this process trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with Secure(*certificate) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def answer(body: bytes = b"a picture", status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def post(client: http.Client, path: str = "/") -> tuple[int, dict[str, str], bytes]:
    with client.post_form(path, headers={}, fields={"prompt": "a fox"}) as response:
        return response.status, response.headers, b"".join(response.blocks())


def send(stability: StabilityStandIn, *, total_seconds: float = 20) -> Answer:
    """Call the stand-in as the product does, the answer going into the spool."""
    request = ImageRequest(uuid4(), "a fox", "core")
    provider = StabilityV2Beta(key=stability.key, host=stability.url, total_seconds=total_seconds)
    return provider.send(request, spool.keep(request.attempt, "stability"))


def failed(client: http.Client, path: str = "/") -> tuple[type[ProviderError], Charged]:
    with pytest.raises(ProviderError) as caught:
        post(client, path)
    return type(caught.value), caught.value.charged


class TestDeadline:
    @pytest.mark.parametrize(
        "answer", [answers.drip(100), answers.drip_headers(50), answers.silence()], ids=lambda one: one.name
    )
    def test_the_clock_ends_an_answer_that_takes_too_long(self, stability: StabilityStandIn, answer: answers.Answer) -> None:
        stability.when("", answer)
        start = time.monotonic()
        with pytest.raises(OutcomeUnknown):
            send(stability, total_seconds=1)
        assert 0.9 < time.monotonic() - start < 1 + GRACE_SECONDS

    def test_the_clock_ends_a_slow_answer_over_tls(self, secure: Secure) -> None:
        start = time.monotonic()
        assert failed(http.Client(secure.url, total_seconds=1), "/drip") == (OutcomeUnknown, Charged.UNKNOWN)
        assert time.monotonic() - start < 1 + GRACE_SECONDS

    def test_each_of_many_slow_calls_ends_at_its_own_deadline(self, stability: StabilityStandIn) -> None:
        stability.always("", answers.silence())

        def seconds(limit: float) -> float:
            start = time.monotonic()
            with pytest.raises(OutcomeUnknown):
                send(stability, total_seconds=limit)
            return time.monotonic() - start

        limits = [0.4, 0.8, 1.2] * 4
        with ThreadPoolExecutor(len(limits)) as threads:
            took = list(threads.map(seconds, limits))
        assert [limit for limit, each in zip(limits, took, strict=True) if not limit <= each < limit + 1] == []

    def test_a_finished_call_is_left_alone_when_its_deadline_comes(self, serve: Callable[[bytes], Server]) -> None:
        client = http.Client((server := serve(answer())).url, total_seconds=0.3)
        post(client)
        time.sleep(0.8)
        assert post(client)[0] == 200
        assert server.connections == 1

    def test_a_call_whose_time_is_up_before_it_is_sent_is_not_sent(self, secure: Secure) -> None:
        secure.handshake_seconds = 1
        assert failed(http.Client(secure.url, total_seconds=0.5)) == (Unavailable, Charged.NO)
        assert secure.requests == 0


class TestSize:
    @pytest.mark.parametrize("fault", [answers.endless(), answers.huge()], ids=lambda fault: fault.name)
    def test_a_body_without_end_is_cut_and_leaves_no_file(self, stability: StabilityStandIn, fault: answers.Answer) -> None:
        stability.when("", fault)
        with pytest.raises(BadAnswer) as caught:
            send(stability)
        assert caught.value.charged == Charged.UNKNOWN
        assert list(conf.spool_dir().iterdir()) == []

    def test_a_body_without_end_needs_little_memory(self, stability: StabilityStandIn) -> None:
        stability.when("", answers.endless())
        tracemalloc.start()
        try:
            with pytest.raises(BadAnswer):
                send(stability)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 8 * 1024**2

    @pytest.mark.parametrize(("size", "is_taken"), [(999, True), (1000, True), (1001, False)])
    def test_the_largest_body_is_taken_and_one_byte_more_is_not(
        self, serve: Callable[[bytes], Server], monkeypatch: pytest.MonkeyPatch, size: int, is_taken: bool
    ) -> None:
        monkeypatch.setattr(http, "MAX_BYTES", 1000)
        client = http.Client(serve(answer(b"x" * size)).url)
        with contextlib.nullcontext() if is_taken else pytest.raises(BadAnswer):
            assert len(post(client)[2]) == size

    def test_a_large_body_arrives_whole_and_in_blocks(self, serve: Callable[[bytes], Server]) -> None:
        body = bytes(range(256)) * 8192
        client = http.Client(serve(answer(body)).url)
        with client.post_form("/", headers={}, fields={"prompt": "a fox"}) as response:
            blocks = list(response.blocks())
        assert b"".join(blocks) == body
        assert max(map(len, blocks)) <= http.BLOCK_BYTES


class TestNothingSent:
    def test_a_closed_port_is_unavailable(self) -> None:
        client = http.Client(f"http://127.0.0.1:{unused_port()}")
        assert failed(client) == (Unavailable, Charged.NO)

    def test_a_server_that_does_not_speak_tls_is_unavailable(self) -> None:
        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(answer(status="400 Bad Request"))

        server = ServerThread(refuse).start()
        try:
            assert failed(http.Client(server.url.replace("http:", "https:"))) == (Unavailable, Charged.NO)
        finally:
            server.stop()

    def test_a_certificate_of_strangers_is_unavailable(self, secure: Secure, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("SSL_CERT_FILE")
        assert failed(http.Client(secure.url)) == (Unavailable, Charged.NO)
        assert secure.requests == 0

    @pytest.mark.parametrize("host", ["http://", "ftp://127.0.0.1", "http://[::1", "http://127.0.0.1:99999"])
    def test_an_address_that_is_none_is_unavailable(self, host: str) -> None:
        assert failed(http.Client(host)) == (Unavailable, Charged.NO)

    def test_an_address_without_a_scheme_is_not_sent_in_the_clear(
        self, serve: Callable[[bytes], Server], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(http, "CONNECT_SECONDS", 0.5)
        server = serve(answer())
        assert failed(http.Client(server.url.removeprefix("http://"))) == (Unavailable, Charged.NO)
        assert server.requests == []


class TestSentOnce:
    @pytest.mark.parametrize("status", ["408 Request Timeout", "429 Too Many Requests", "503 Service Unavailable"])
    def test_no_status_is_tried_again(self, serve: Callable[[bytes], Server], status: str) -> None:
        server = serve(answer(b"", status, "retry-after: 0"))
        assert post(http.Client(server.url))[0] == int(status[:3])
        assert len(server.requests) == 1

    @pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect"])
    def test_a_redirect_is_an_answer_and_not_followed(self, serve: Callable[[bytes], Server], status: str) -> None:
        elsewhere = serve(answer())
        server = serve(answer(b"", status, f"location: {elsewhere.url}/other"))
        assert post(http.Client(server.url))[0] == int(status[:3])
        assert (server.requests, elsewhere.requests) == (["/"], [])

    def test_a_broken_line_is_not_dialled_again(self, serve: Callable[[bytes], Server]) -> None:
        server = serve(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
        assert failed(http.Client(server.url, total_seconds=0.5)) == (OutcomeUnknown, Charged.UNKNOWN)
        assert server.connections == len(server.requests) == 1

    @pytest.mark.parametrize("words", [b"what?\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\x00\xff\r\n\r\n", b"\r\n\r\n"])
    def test_what_is_not_http_is_an_unknown_outcome(self, serve: Callable[[bytes], Server], words: bytes) -> None:
        assert failed(http.Client(serve(words).url, total_seconds=0.5)) == (OutcomeUnknown, Charged.UNKNOWN)

    def test_chunks_that_do_not_add_up_are_an_unknown_outcome(self, serve: Callable[[bytes], Server]) -> None:
        words = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n"
        assert failed(http.Client(serve(words).url, total_seconds=0.5)) == (OutcomeUnknown, Charged.UNKNOWN)


class TestConnections:
    def test_calls_in_a_row_share_a_connection(self, serve: Callable[[bytes], Server]) -> None:
        client = http.Client((server := serve(answer())).url)
        assert [post(client)[0] for _ in range(3)] == [200, 200, 200]
        assert (server.connections, len(server.requests)) == (1, 3)

    def test_a_connection_that_was_idle_too_long_is_not_used_again(
        self, serve: Callable[[bytes], Server], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(http, "MAX_IDLE_SECONDS", 0.0)
        client = http.Client((server := serve(answer())).url)
        assert [post(client)[0] for _ in range(3)] == [200, 200, 200]
        assert server.connections == 3

    def test_a_connection_with_half_an_answer_on_it_is_not_used_again(
        self, serve: Callable[[bytes], Server], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = http.Client((server := serve(answer(b"x" * 1_000_000))).url)
        with monkeypatch.context() as small:
            small.setattr(http, "MAX_BYTES", 1000)
            assert failed(client) == (BadAnswer, Charged.UNKNOWN)
        assert post(client)[2] == b"x" * 1_000_000
        assert server.connections == 2

    def test_calls_at_once_do_not_wait_for_one_another(self, serve: Callable[[bytes], Server]) -> None:
        client, together = http.Client(serve(answer()).url), threading.Barrier(8, timeout=5)

        def read_when_all_have_an_answer(_: int) -> bytes:
            with client.post_form("/", headers={}, fields={"prompt": "a fox"}) as response:
                together.wait()
                return b"".join(response.blocks())

        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(read_when_all_have_an_answer, range(8))) == [b"a picture"] * 8

    def test_a_call_over_tls_arrives(self, secure: Secure) -> None:
        assert post(http.Client(secure.url))[2] == b"a picture"

    def test_calls_over_tls_share_a_connection(self, secure: Secure) -> None:
        client = http.Client(secure.url)
        post(client)
        before = secure.connections
        assert post(client)[0] == 200
        assert secure.connections == before

    def test_one_call_over_tls_is_one_connection(self, secure: Secure) -> None:
        post(http.Client(secure.url))
        assert secure.connections == 1


class TestSurroundings:
    def test_proxies_of_the_environment_are_ignored(
        self, serve: Callable[[bytes], Server], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{unused_port()}")
        monkeypatch.setenv("NO_PROXY", "")
        assert post(http.Client(serve(answer()).url))[0] == 200

    def test_nothing_is_unpacked(self, serve: Callable[[bytes], Server]) -> None:
        packed = gzip.compress(b"x" * 1_000_000)
        assert post(http.Client(serve(answer(packed, "200 OK", "content-encoding: gzip")).url))[2] == packed

    def test_header_names_become_lower_case_and_values_stay(self, serve: Callable[[bytes], Server]) -> None:
        _, headers, _ = post(http.Client(serve(answer(b"", "200 OK", "X-Request-ID: AbC")).url))
        assert headers == {"content-length": "0", "x-request-id": "AbC"}


@pytest.mark.parametrize(
    ("host", "is_public"),
    [
        ("8.8.8.8", True),
        ("2001:4860:4860::8888", True),
        ("127.0.0.1", False),
        ("localhost", False),
        ("[::1]", False),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("192.168.0.1", False),
        ("0.0.0.0", False),
        ("::ffff:127.0.0.1", False),
        ("a" * 70, False),
        ("nowhere.invalid", False),
    ],
)
def test_a_host_is_public_if_none_of_its_addresses_is_ours(host: str, is_public: bool) -> None:
    assert http.is_public(host) is is_public
