"""The Stability stand-in keeps the documented protocol, breaks it on request, and bills what it made."""

import base64
import io
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from types import ModuleType
from urllib.parse import urlsplit

import pytest
import requests
from PIL import Image

from tests.standins import stability as answer
from tests.standins.stability import Answer, StabilityStandIn

GENERATE = "/v2beta/stable-image/generate/"
HEADERS = {"authorization": "Bearer sk-test", "accept": "image/*"}


@pytest.fixture
def stability() -> Iterator[StabilityStandIn]:
    with StabilityStandIn() as stand_in:
        yield stand_in


def ask(
    stability: StabilityStandIn,
    prompt: str = "a fox",
    *,
    endpoint: str = "core",
    headers: dict[str, str] | None = None,
    image: bytes | None = None,
    **fields: str,
) -> requests.Response:
    return post(stability, {"prompt": prompt} | fields, endpoint=endpoint, headers=headers, image=image)


def post(
    stability: StabilityStandIn,
    form: dict[str, str],
    *,
    endpoint: str = "core",
    headers: dict[str, str] | None = None,
    image: bytes | None = None,
) -> requests.Response:
    """Send one request the way the provider's own sample does."""
    files = {"none": b""} if image is None else {"image": image}
    sent = HEADERS | (headers or {})
    return requests.post(stability.url + GENERATE + endpoint, headers=sent, files=files, data=form, timeout=10)


def errors_of(response: requests.Response) -> list[str]:
    body = response.json()
    assert set(body) == {"id", "name", "errors"}
    errors: list[str] = body["errors"]
    return errors


def decode(picture: bytes) -> Image.Image:
    decoded = Image.open(io.BytesIO(picture))
    decoded.load()
    return decoded


def png(width: int = 64, height: int = 64) -> bytes:
    encoded = io.BytesIO()
    Image.new("RGB", (width, height)).save(encoded, "png")
    return encoded.getvalue()


def raw_request(prompt: str = "a fox") -> bytes:
    form = f'--b\r\ncontent-disposition: form-data; name="prompt"\r\n\r\n{prompt}\r\n--b--\r\n'.encode()
    head = (
        f"POST {GENERATE}core HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer sk-test\r\n"
        f"content-type: multipart/form-data; boundary=b\r\ncontent-length: {len(form)}\r\n\r\n"
    )
    return head.encode() + form


def connect(stability: StabilityStandIn) -> socket.socket:
    address = urlsplit(stability.url)
    return socket.create_connection((str(address.hostname), address.port or 0), timeout=10)


def send_raw(stability: StabilityStandIn) -> socket.socket:
    connection = connect(stability)
    connection.sendall(raw_request())
    return connection


def wait_until(holds: Callable[[], bool], seconds: float = 10) -> None:
    """Poll for something that the stand-in's own thread brings about."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def receive_all(connection: socket.socket) -> bytes:
    received = b""
    while piece := connection.recv(65536):
        received += piece
    return received


def read_rest(connection: socket.socket) -> None:
    """Read the headers and the body that the length among them declares."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    (length,) = (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length"))
    while len(body) < length:
        body += connection.recv(65536)


class TestSuccess:
    def test_a_picture_comes_with_its_documented_headers(self, stability: StabilityStandIn) -> None:
        response = ask(stability)
        assert (response.headers["content-type"], response.headers["finish-reason"]) == (
            "image/png",
            "SUCCESS",
        )
        assert response.headers["x-request-id"]
        assert 0 < int(response.headers["seed"]) <= 4294967294
        assert decode(response.content).format == "PNG"

    def test_the_json_form_carries_the_picture_in_base64(self, stability: StabilityStandIn) -> None:
        response = ask(stability, headers={"accept": "application/json"}, seed="7")
        body = response.json()
        assert response.headers["content-type"] == "application/json; type=image/png"
        assert (body["finish_reason"], body["seed"]) == ("SUCCESS", 7)
        assert decode(base64.b64decode(body["image"])).size == (64, 64)

    def test_the_json_form_has_no_finish_reason_and_seed_headers(self, stability: StabilityStandIn) -> None:
        response = ask(stability, headers={"accept": "application/json"})
        assert {"finish-reason", "seed"}.isdisjoint(response.headers)

    @pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
    def test_the_output_format_is_honoured(self, stability: StabilityStandIn, output_format: str) -> None:
        response = ask(stability, output_format=output_format)
        assert response.headers["content-type"] == f"image/{output_format}"
        assert decode(response.content).format == output_format.upper()

    @pytest.mark.parametrize(
        ("ratio", "size"), [("16:9", (113, 64)), ("9:16", (64, 113)), ("2:3", (64, 96)), ("21:9", (149, 64))]
    )
    def test_the_aspect_ratio_is_honoured(self, stability: StabilityStandIn, ratio: str, size: tuple[int, int]) -> None:
        assert decode(ask(stability, aspect_ratio=ratio).content).size == size

    def test_equal_prompt_and_seed_give_equal_pictures(self, stability: StabilityStandIn) -> None:
        assert ask(stability, seed="5").content == ask(stability, seed="5").content

    def test_another_prompt_gives_another_picture(self, stability: StabilityStandIn) -> None:
        assert ask(stability, "a fox", seed="5").content != ask(stability, "a hare", seed="5").content

    def test_seed_zero_draws_a_new_seed_for_each_call(self, stability: StabilityStandIn) -> None:
        seeds = {ask(stability, seed="0").headers["seed"] for _ in range(3)}
        assert len(seeds) == 3

    def test_a_padded_picture_has_about_the_size_asked_for(self) -> None:
        with StabilityStandIn(picture_bytes=300_000) as stability:
            picture = ask(stability, aspect_ratio="16:9").content
        assert len(picture) == pytest.approx(300_000, rel=0.05)
        Image.open(io.BytesIO(picture)).verify()

    def test_padded_pictures_differ_in_their_pixels(self) -> None:
        with StabilityStandIn(picture_bytes=30_000) as stability:
            fox, hare = (decode(ask(stability, name).content) for name in ("a fox", "a hare"))
        assert fox.tobytes() != hare.tobytes()


class TestRules:
    @pytest.mark.parametrize(
        ("endpoint", "fields", "error"),
        [
            ("core", {"prompt": ""}, "prompt: must have 1 to 10000 characters"),
            ("core", {"prompt": "x" * 10001}, "prompt: must have 1 to 10000 characters"),
            ("core", {"negative_prompt": "x" * 10001}, "negative_prompt: must have 0 to 10000 characters"),
            ("core", {"seed": "-1"}, "seed: must be between 0 and 4294967294"),
            ("core", {"seed": "4294967295"}, "seed: must be between 0 and 4294967294"),
            ("core", {"seed": "1.5"}, "seed: must be an integer"),
            ("core", {"output_format": "gif"}, "output_format: must be one of png, jpeg, webp"),
            ("core", {"width": "512"}, "width: is not a field of this endpoint"),
            ("core", {"model": "sd3.5-large"}, "model: is not a field of this endpoint"),
            ("ultra", {"cfg_scale": "4"}, "cfg_scale: is not a field of this endpoint"),
            ("sd3", {"cfg_scale": "11"}, "cfg_scale: must be between 1 and 10"),
            ("sd3", {"cfg_scale": "nan"}, "cfg_scale: must be between 1 and 10"),
            ("sd3", {"strength": "0.5"}, "strength: is not allowed when mode is text-to-image"),
        ],
    )
    def test_a_broken_rule_is_named(
        self, stability: StabilityStandIn, endpoint: str, fields: dict[str, str], error: str
    ) -> None:
        response = post(stability, {"prompt": "a fox"} | fields, endpoint=endpoint)
        assert (response.status_code, errors_of(response)) == (400, [error])

    def test_image_to_image_needs_an_image(self, stability: StabilityStandIn) -> None:
        response = ask(stability, endpoint="sd3", mode="image-to-image", strength="0.5")
        assert errors_of(response) == ["image: is required when mode is image-to-image"]

    def test_a_superseded_model_takes_no_style(self, stability: StabilityStandIn) -> None:
        response = ask(stability, endpoint="sd3", model="sd3-medium", style_preset="anime")
        assert errors_of(response) == ["style_preset: is not allowed when model is sd3-medium"]

    @pytest.mark.parametrize("field", ["aspect_ratio", "style_preset"])
    def test_a_value_outside_its_list_is_refused(self, stability: StabilityStandIn, field: str) -> None:
        response = post(stability, {"prompt": "a fox", field: "7:5"})
        assert errors_of(response)[0].startswith(f"{field}: must be one of")

    def test_every_broken_rule_is_listed(self, stability: StabilityStandIn) -> None:
        assert len(errors_of(ask(stability, seed="x", output_format="gif"))) == 2

    def test_a_missing_prompt_is_named(self, stability: StabilityStandIn) -> None:
        url = stability.url + GENERATE + "core"
        response = requests.post(url, headers=HEADERS, files={"seed": (None, "1")}, timeout=10)
        assert errors_of(response) == ["prompt: is required"]

    def test_a_form_that_is_not_multipart_is_refused(self, stability: StabilityStandIn) -> None:
        url = stability.url + GENERATE + "core"
        response = requests.post(url, headers=HEADERS, json={"prompt": "a fox"}, timeout=10)
        assert errors_of(response) == ["content-type: must be multipart/form-data"]

    def test_a_multipart_body_without_its_end_is_refused(self, stability: StabilityStandIn) -> None:
        headers = HEADERS | {"content-type": "multipart/form-data; boundary=b"}
        response = requests.post(stability.url + GENERATE + "core", headers=headers, data=b"--b", timeout=10)
        assert errors_of(response) == ["body: the closing boundary is missing"]

    @pytest.mark.parametrize("accept", ["image/png", "*/*", "text/html"])
    def test_an_unlisted_accept_header_is_refused(self, stability: StabilityStandIn, accept: str) -> None:
        response = ask(stability, headers={"accept": accept})
        assert errors_of(response) == ["accept: must be one of image/*, application/json"]

    def test_a_client_header_may_not_be_long(self, stability: StabilityStandIn) -> None:
        response = ask(stability, headers={"stability-client-id": "x" * 257})
        assert errors_of(response) == ["stability-client-id: must be at most 256 characters"]

    @pytest.mark.parametrize("header", ["Bearer sk-other", "sk-test", ""])
    def test_a_wrong_key_is_refused(self, stability: StabilityStandIn, header: str) -> None:
        response = ask(stability, headers={"authorization": header})
        assert (response.status_code, response.json()["name"]) == (401, "unauthorized")

    def test_an_unknown_path_is_not_found(self, stability: StabilityStandIn) -> None:
        assert ask(stability, endpoint="core-2").status_code == 404

    def test_only_post_is_served(self, stability: StabilityStandIn) -> None:
        assert requests.get(stability.url + GENERATE + "core", timeout=10).status_code == 405

    def test_a_body_over_ten_mebibytes_is_too_large(self, stability: StabilityStandIn) -> None:
        response = ask(stability, endpoint="ultra", image=bytes(10 << 20), strength="1")
        assert (response.status_code, response.json()["name"]) == (413, "payload_too_large")

    def test_a_prompt_of_ten_thousand_wide_characters_is_served(self, stability: StabilityStandIn) -> None:
        prompt = "é" * 10_000
        assert ask(stability, prompt).status_code == 200
        assert stability.calls[0].prompt == prompt

    def test_a_large_image_within_the_limit_is_served(self, stability: StabilityStandIn) -> None:
        image = png() + bytes(9 << 20)
        response = ask(stability, endpoint="sd3", mode="image-to-image", image=image, strength="0.5")
        assert response.status_code == 200

    @pytest.mark.parametrize("image", [b"not a picture", png(63, 100), png(20000, 64)])
    def test_an_unfit_image_is_refused(self, stability: StabilityStandIn, image: bytes) -> None:
        response = ask(stability, endpoint="ultra", image=image, strength="0.5")
        assert errors_of(response)[0].startswith("image: ")

    def test_an_image_needs_a_strength(self, stability: StabilityStandIn) -> None:
        response = ask(stability, endpoint="ultra", image=png())
        assert errors_of(response) == ["strength: is required with image"]

    def test_a_chunked_body_is_read(self, stability: StabilityStandIn) -> None:
        _head, _, form = raw_request().partition(b"\r\n\r\n")
        pieces = (form[start : start + 20] for start in range(0, len(form), 20))
        headers = HEADERS | {"content-type": "multipart/form-data; boundary=b"}
        response = requests.post(stability.url + GENERATE + "core", headers=headers, data=pieces, timeout=10)
        assert response.status_code == 200


class TestScript:
    def test_answers_are_taken_in_turn_and_then_comes_success(self, stability: StabilityStandIn) -> None:
        stability.when("fox", answer.rate_limited(), answer.internal_error())
        assert [ask(stability).status_code for _ in range(3)] == [429, 500, 200]

    def test_a_script_leaves_other_prompts_alone(self, stability: StabilityStandIn) -> None:
        stability.when("fox", answer.refused())
        assert ask(stability, "a hare").status_code == 200

    def test_a_standing_answer_is_never_used_up(self, stability: StabilityStandIn) -> None:
        stability.always("fox", answer.refused())
        assert [ask(stability).status_code for _ in range(3)] == [403, 403, 403]

    def test_a_script_goes_before_a_standing_answer(self, stability: StabilityStandIn) -> None:
        stability.always("", answer.refused())
        stability.when("fox", answer.success())
        assert [ask(stability).status_code for _ in range(2)] == [200, 403]

    def test_the_latest_standing_answer_counts(self, stability: StabilityStandIn) -> None:
        stability.always("", answer.refused())
        stability.always("", answer.success())
        assert ask(stability).status_code == 200

    def test_a_broken_request_uses_no_answer_up(self, stability: StabilityStandIn) -> None:
        stability.when("fox", answer.refused())
        assert [ask(stability, seed="x").status_code, ask(stability).status_code] == [400, 403]

    @pytest.mark.parametrize(
        ("scripted", "status", "name"),
        [
            (answer.refused(), 403, "content_moderation"),
            (answer.invalid_language(), 422, "invalid_language"),
            (answer.public_figure(), 422, "public_figure"),
            (answer.bad_request("style: no"), 400, "bad_request"),
            (answer.unauthorized(), 401, "unauthorized"),
            (answer.out_of_credit(), 402, "payment_required"),
            (answer.not_found(), 404, "not_found"),
            (answer.too_large(), 413, "payload_too_large"),
            (answer.rate_limited(), 429, "rate_limit_exceeded"),
            (answer.internal_error(), 500, "internal_error"),
        ],
    )
    def test_a_documented_error_has_its_shape_and_is_free(
        self, stability: StabilityStandIn, scripted: Answer, status: int, name: str
    ) -> None:
        stability.when("fox", scripted)
        response = ask(stability)
        assert errors_of(response)
        assert (response.status_code, response.json()["name"], stability.bill) == (status, name, 0)

    def test_the_rate_limit_names_no_time_unless_told(self, stability: StabilityStandIn) -> None:
        stability.when("fox", answer.rate_limited(), answer.rate_limited(retry_after=3))
        assert [ask(stability).headers.get("retry-after") for _ in range(2)] == [None, "3"]

    def test_a_filtered_picture_is_blurred_and_billed(self, stability: StabilityStandIn) -> None:
        stability.when("fox", answer.filtered())
        blurred, sharp = ask(stability, seed="1"), ask(stability, seed="1")
        assert (blurred.status_code, blurred.headers["finish-reason"]) == (200, "CONTENT_FILTERED")
        assert decode(blurred.content).tobytes() != decode(sharp.content).tobytes()
        assert stability.bill == 6

    def test_a_filtered_picture_says_so_in_json(self, stability: StabilityStandIn) -> None:
        stability.when("fox", answer.filtered())
        response = ask(stability, headers={"accept": "application/json"})
        assert response.json()["finish_reason"] == "CONTENT_FILTERED"


class TestFaults:
    @pytest.mark.parametrize("status", [200, 502, 503, 504])
    def test_a_gateway_page_is_html(self, stability: StabilityStandIn, status: int) -> None:
        stability.when("fox", answer.html(status))
        response = ask(stability)
        assert (response.status_code, stability.bill) == (status, 3)
        assert response.headers["content-type"].startswith("text/html")

    @pytest.mark.parametrize("fault", [answer.wrong_type(), answer.empty(), answer.bomb()])
    def test_a_broken_picture_does_not_decode(self, stability: StabilityStandIn, fault: Answer) -> None:
        stability.when("fox", fault)
        response = ask(stability)
        assert (response.headers["content-type"], stability.bill) == ("image/png", 3)
        with pytest.raises((OSError, Image.DecompressionBombError)):
            decode(response.content)

    @pytest.mark.parametrize("fault", [answer.bad_crc(), answer.missing_iend()])
    def test_a_damaged_png_fails_its_verification(self, stability: StabilityStandIn, fault: Answer) -> None:
        stability.when("fox", fault)
        picture = Image.open(io.BytesIO(ask(stability).content))
        with pytest.raises((OSError, SyntaxError)):
            picture.verify()
        assert stability.bill == 3

    def test_a_truncated_body_ends_before_its_declared_length(self, stability: StabilityStandIn) -> None:
        stability.when("fox", answer.truncated())
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            ask(stability)
        assert stability.bill == 3

    def test_a_lying_length_hides_half_of_the_body(self, stability: StabilityStandIn) -> None:
        stability.when("fox", answer.lying_length())
        with pytest.raises(OSError, match="truncated"):
            decode(ask(stability).content)
        assert stability.bill == 3

    @pytest.mark.parametrize("fault", [answer.endless(), answer.huge()])
    def test_an_endless_body_stops_when_the_client_goes(self, stability: StabilityStandIn, fault: Answer) -> None:
        stability.when("fox", fault)
        with closing(send_raw(stability)) as connection:
            received = sum(len(connection.recv(65536)) for _ in range(100))
        assert received > 100_000
        assert (ask(stability).status_code, stability.bill) == (200, 6)

    def test_a_dripping_body_arrives_in_the_end(self, stability: StabilityStandIn) -> None:
        stability.when("fox", answer.drip(bytes_per_second=100_000))
        assert decode(ask(stability).content).size == (64, 64)

    def test_dripping_headers_arrive_in_the_end(self, stability: StabilityStandIn) -> None:
        stability.when("fox", answer.drip_headers(bytes_per_second=2_000))
        assert decode(ask(stability).content).size == (64, 64)

    @pytest.mark.parametrize(
        ("fault", "start", "status"),
        [
            (answer.reset_before_headers(), b"", None),
            (answer.reset_in_headers(), b"HTTP/1.1 200 OK\r\n", 200),
            (answer.reset_in_body(), b"HTTP/1.1 200 OK\r\n", 200),
        ],
    )
    def test_a_reset_is_a_reset_and_is_billed(
        self, stability: StabilityStandIn, fault: Answer, start: bytes, status: int | None
    ) -> None:
        stability.when("fox", fault)
        with closing(send_raw(stability)) as connection:
            assert connection.recv(len(start)) == start
            with pytest.raises(ConnectionResetError):
                receive_all(connection)
        assert [(call.status, call.credits) for call in stability.calls] == [(status, 3)]

    def test_hanging_up_closes_without_an_answer(self, stability: StabilityStandIn) -> None:
        stability.when("fox", answer.hang_up())
        with closing(send_raw(stability)) as connection:
            assert receive_all(connection) == b""

    def test_silence_answers_nothing_but_is_billed(self, stability: StabilityStandIn) -> None:
        stability.when("fox", answer.silence(seconds=0.05))
        with closing(send_raw(stability)) as connection:
            assert receive_all(connection) == b""
        assert [(call.status, call.credits) for call in stability.calls] == [(None, 3)]

    @pytest.mark.parametrize(
        "fault",
        [
            answer.html(502, billed=False),
            answer.reset_before_headers(billed=False),
            answer.hang_up(billed=False),
            answer.silence(0, billed=False),
        ],
    )
    def test_a_fault_before_the_work_can_be_free(self, stability: StabilityStandIn, fault: Answer) -> None:
        stability.when("fox", fault)
        with closing(send_raw(stability)):
            wait_until(lambda: bool(stability.calls))
        assert stability.bill == 0


class TestBill:
    @pytest.mark.parametrize(
        ("endpoint", "fields", "credits"),
        [
            ("core", {}, 3),
            ("ultra", {}, 8),
            ("sd3", {}, 6.5),
            ("sd3", {"model": "sd3.5-large-turbo"}, 4),
            ("sd3", {"model": "sd3.5-medium"}, 3.5),
            ("sd3", {"model": "sd3.5-flash"}, 2.5),
            ("sd3", {"model": "sd3-large"}, 6.5),
        ],
    )
    def test_each_model_has_its_price(
        self, stability: StabilityStandIn, endpoint: str, fields: dict[str, str], credits: float
    ) -> None:
        post(stability, {"prompt": "a fox"} | fields, endpoint=endpoint)
        assert stability.bill == credits

    def test_a_call_is_entered_with_what_was_sent(self, stability: StabilityStandIn) -> None:
        before = time.monotonic()
        ask(stability, headers={"x-chaotix-attempt": "a-17"}, seed="3")
        (call,) = stability.calls
        assert (call.attempt, call.path, call.status) == ("a-17", GENERATE + "core", 200)
        assert call.fields == {"prompt": "a fox", "seed": "3"}
        assert before <= call.at <= time.monotonic()

    def test_a_call_without_an_attempt_header_has_none(self, stability: StabilityStandIn) -> None:
        ask(stability)
        assert stability.calls[0].attempt is None

    def test_a_broken_request_is_entered_and_free(self, stability: StabilityStandIn) -> None:
        ask(stability, "a wolf", seed="x")
        (call,) = stability.calls
        assert (call.prompt, call.status, call.credits) == ("a wolf", 400, 0)

    def test_a_picture_is_billed_though_its_client_is_gone(self, stability: StabilityStandIn) -> None:
        stability.when("fox", answer.success(delay=0.1))
        send_raw(stability).close()
        wait_until(lambda: bool(stability.calls))
        assert (stability.bill, stability.in_flight) == (3, 0)

    def test_a_picture_is_not_billed_before_it_is_made(self, stability: StabilityStandIn) -> None:
        stability.when("fox", answer.success(delay=3600))
        with closing(send_raw(stability)):
            wait_until(lambda: bool(stability.in_flight))
            assert not stability.wait_until_idle(timeout=0)
            assert stability.bill == 0


class TestServer:
    def test_a_connection_carries_many_requests(self, stability: StabilityStandIn) -> None:
        with closing(connect(stability)) as connection:
            for _ in range(3):
                connection.sendall(raw_request())
                assert connection.recv(17) == b"HTTP/1.1 200 OK\r\n"
                read_rest(connection)
        assert stability.bill == 9

    def test_a_client_may_ask_before_it_sends_its_body(self, stability: StabilityStandIn) -> None:
        head, _, form = raw_request().partition(b"\r\n\r\n")
        with closing(connect(stability)) as connection:
            connection.sendall(head + b"\r\nexpect: 100-continue\r\n\r\n")
            assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
            connection.sendall(form)
            assert connection.recv(17) == b"HTTP/1.1 200 OK\r\n"

    def test_nonsense_closes_the_connection(self, stability: StabilityStandIn) -> None:
        with closing(connect(stability)) as connection:
            connection.sendall(b"hello\r\n\r\n")
            assert receive_all(connection) == b""

    def test_hundreds_of_slow_calls_wait_side_by_side(self, stability: StabilityStandIn) -> None:
        stability.always("", answer.success(delay=3600))
        with ExitStack() as connections:
            for _ in range(300):
                connections.enter_context(closing(send_raw(stability)))
            wait_until(lambda: stability.in_flight == 300)

    def test_calls_at_once_are_all_billed(self, stability: StabilityStandIn) -> None:
        with ThreadPoolExecutor(16) as pool:
            responses = list(pool.map(lambda number: ask(stability, f"fox {number}"), range(100)))
        assert {response.status_code for response in responses} == {200}
        assert (stability.bill, len({call.prompt for call in stability.calls})) == (300, 100)

    def test_closing_cuts_a_waiting_client(self) -> None:
        with StabilityStandIn() as stability:
            stability.always("", answer.silence())
            connection = send_raw(stability)
            wait_until(lambda: bool(stability.calls))
        with closing(connection):
            assert receive_all(connection) == b""

    def test_closing_on_open_connections_logs_nothing(self, caplog: pytest.LogCaptureFixture) -> None:
        with ExitStack() as connections, StabilityStandIn() as stability:
            stability.when("", answer.endless(), answer.silence(), answer.drip(1))
            for _ in range(3):
                connections.enter_context(closing(send_raw(stability)))
            idle = connections.enter_context(closing(connect(stability)))
            idle.sendall(b"POST")
            wait_until(lambda: len(stability.calls) == 3)
        assert caplog.records == []

    def test_closing_leaves_no_thread(self) -> None:
        before = threading.active_count()
        with StabilityStandIn() as stability:
            ask(stability)
        assert threading.active_count() == before

    def test_a_person_can_run_it(self) -> None:
        command = [sys.executable, "-m", "tests.standins.stability", "--picture-bytes", "5000"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            status = requests.get(url, timeout=10).status_code
            process.terminate()
        assert status == 404


@pytest.fixture(scope="module")
def litellm() -> ModuleType:
    """A client we did not write; told to look up no price list on the network."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    module: ModuleType = pytest.importorskip("litellm")
    return module


@pytest.mark.filterwarnings("ignore")
class TestLiteLLM:
    """A third party's client drives the stand-in unchanged."""

    def generate(self, litellm: ModuleType, stability: StabilityStandIn, **changes: str) -> bytes:
        arguments = {
            "model": "stability/stable-image-core",
            "prompt": "a fox",
            "api_key": "sk-test",
        } | changes
        response = litellm.image_generation(**arguments, api_base=stability.url, num_retries=0)
        return base64.b64decode(response.data[0].b64_json)

    def test_it_receives_a_picture(self, litellm: ModuleType, stability: StabilityStandIn) -> None:
        assert decode(self.generate(litellm, stability)).size == (64, 64)
        assert stability.bill == 3

    def test_its_size_becomes_an_aspect_ratio(self, litellm: ModuleType, stability: StabilityStandIn) -> None:
        self.generate(litellm, stability, size="1792x1024")
        assert stability.calls[0].fields["aspect_ratio"] == "16:9"

    @pytest.mark.parametrize("model", ["sd3.5-large", "stable-image-ultra"])
    def test_it_drives_the_other_endpoints(self, litellm: ModuleType, stability: StabilityStandIn, model: str) -> None:
        assert decode(self.generate(litellm, stability, model=f"stability/{model}"))

    def test_a_wrong_key_becomes_its_authentication_error(self, litellm: ModuleType, stability: StabilityStandIn) -> None:
        with pytest.raises(litellm.AuthenticationError):
            self.generate(litellm, stability, api_key="sk-other")

    @pytest.mark.parametrize(
        ("scripted", "error"),
        [
            (answer.refused(), "PermissionDeniedError"),
            (answer.filtered(), "BadRequestError"),
            (answer.rate_limited(), "RateLimitError"),
            (answer.internal_error(), "InternalServerError"),
        ],
    )
    def test_an_error_becomes_its_own_exception_after_one_call(
        self, litellm: ModuleType, stability: StabilityStandIn, scripted: Answer, error: str
    ) -> None:
        stability.always("fox", scripted)
        with pytest.raises(getattr(litellm, error)):
            self.generate(litellm, stability)
        assert len(stability.calls) == 1
