"""The demo draws what is asked, says that it is a demo, and misbehaves when the prompt wants it to."""

import io
import time
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from PIL import Image

from imagegen import spool
from imagegen.errors import OutcomeUnknown, ProviderError, RateLimited, Refused, Unavailable
from imagegen.models import Attempt
from imagegen.providers import demo
from imagegen.providers.base import Answer, Handle, ImageRequest, ImageResult, Pending
from imagegen.providers.demo import ORIGIN, Demo
from imagegen.states import Charged, State
from tests.providers.contract import NO, PERHAPS, TRIES, YES, Contract, Plug, play
from tests.rows import make_job


def asked(prompt: str = "a fox", **options: Any) -> ImageRequest:
    return ImageRequest(uuid4(), prompt, "demo", **{"size": "128x96", "seed": 7, **options})


def send(request: ImageRequest) -> Answer | Handle:
    return Demo().send(request, spool.keep(request.attempt, "demo"))


def result(prompt: str = "a fox", **options: Any) -> ImageResult:
    answer = send(asked(prompt, **options))
    assert isinstance(answer, Answer)
    return Demo().read(answer)


def image(prompt: str = "a fox", **options: Any) -> Image.Image:
    picture = Image.open(io.BytesIO(result(prompt, **options).body))
    picture.load()
    return picture


def accepted(prompt: str) -> tuple[ImageRequest, Handle]:
    handle = send(request := asked(prompt))
    assert isinstance(handle, Handle)
    return request, handle


def is_kept(request: ImageRequest) -> bool:
    try:
        return bool(spool.read(request.attempt))
    except FileNotFoundError:
        return False


class TestPicture:
    @pytest.mark.parametrize("size", [(64, 64), (640, 480), (2048, 64), (333, 777)])
    def test_a_size_is_drawn_to_the_pixel(self, size: tuple[int, int]) -> None:
        assert image(size=f"{size[0]}x{size[1]}").size == size

    @pytest.mark.parametrize(
        ("ratio", "size"), [("", (640, 640)), ("1:1", (640, 640)), ("3:2", (960, 640)), ("9:16", (640, 1138))]
    )
    def test_a_ratio_has_a_short_side_of_640(self, ratio: str, size: tuple[int, int]) -> None:
        assert image(size="", aspect_ratio=ratio).size == size

    @pytest.mark.parametrize(
        "other", [{"prompt": "an owl"}, {"seed": 8}, {"negative_prompt": "rain"}, {"style": "ocean"}, {"style": "forest"}]
    )
    def test_each_option_changes_the_picture(self, other: dict[str, Any]) -> None:
        assert result(**other).body != result().body

    def test_equal_requests_of_two_demos_make_equal_bytes(self) -> None:
        assert result("Füchse 🦊").body == result("Füchse 🦊").body

    def test_its_metadata_say_that_no_ai_made_it(self) -> None:
        texts = image().info
        assert texts == {"Software": "Chaotix demo provider", "Comment": ORIGIN}
        assert "not made by AI" in ORIGIN

    @pytest.mark.parametrize("size", ["64x64", "2048x64", "640x640"])
    def test_white_words_stand_on_the_dark_foot_of_the_picture(self, size: str) -> None:
        picture = image(size=size)
        foot = picture.crop((0, picture.height - picture.height // 6, picture.width, picture.height)).convert("L")
        darkest, brightest = foot.getextrema()
        assert int(str(darkest)) < 60
        assert int(str(brightest)) > 200

    def test_it_is_free_and_says_so(self) -> None:
        price = Demo().price("demo")
        assert price is not None
        assert price.amount == 0

    def test_the_seed_is_told(self) -> None:
        assert (result(seed=7).seed, result(seed=4_294_967_294).seed) == (7, 4_294_967_294)


class TestWishes:
    @pytest.mark.parametrize(
        ("wish", "kind", "charged"),
        [
            ("refuse", Refused, Charged.NO),
            ("busy 5", RateLimited, Charged.NO),
            ("fail", Unavailable, Charged.NO),
            ("unknown", OutcomeUnknown, Charged.UNKNOWN),
            ("blur", Refused, Charged.YES),
        ],
    )
    def test_a_wish_is_granted_and_charged(self, wish: str, kind: type[ProviderError], charged: Charged) -> None:
        with pytest.raises(ProviderError) as caught:
            result(f"a fox [demo: {wish}]")
        assert (type(caught.value), caught.value.charged) == (kind, charged)

    @pytest.mark.parametrize(("wish", "seconds"), [("busy 5", 5), ("busy 0.5", 0.5), ("busy", 2)])
    def test_a_rate_limit_lasts_as_long_as_wished(self, wish: str, seconds: float) -> None:
        with pytest.raises(RateLimited) as caught:
            result(f"a fox [demo: {wish}]")
        assert caught.value.retry_after == seconds

    def test_slow_takes_its_time(self) -> None:
        start = time.monotonic()
        assert result("a fox [demo: slow 0.3]").body
        assert time.monotonic() - start >= 0.3

    @pytest.mark.parametrize("wish", ["[DEMO: Refuse]", "[demo:refuse]", "[demo:  refuse 3 ]", "a [b] [demo: refuse] c"])
    def test_a_wish_is_read_generously(self, wish: str) -> None:
        with pytest.raises(Refused):
            result(wish)

    @pytest.mark.parametrize(
        "text", ["[demo: dance]", "demo: refuse", "[demo refuse]", "[demo: refusenik]", "[demo: fail -1]"]
    )
    def test_other_words_are_drawn(self, text: str) -> None:
        assert result(text).body

    @pytest.mark.parametrize("wish", ["refuse", "busy", "fail", "blur"])
    def test_an_answeris_kept_whatever_it_says(self, wish: str) -> None:
        send(request := asked(f"a fox [demo: {wish}]"))
        assert is_kept(request)

    def test_nothingis_kept_of_an_unknown_outcome(self) -> None:
        request = asked("a fox [demo: unknown]")
        with pytest.raises(OutcomeUnknown):
            send(request)
        assert not is_kept(request)

    @pytest.mark.parametrize("seconds", ["9" * 20, "9" * 400], ids=["centuries", "infinity"])
    def test_no_prompt_makes_it_sleep_for_centuries(self, monkeypatch: pytest.MonkeyPatch, seconds: str) -> None:
        monkeypatch.setattr(demo, "MAX_SECONDS", 0.1)
        assert result(f"a fox [demo: slow {seconds}]").body

    @pytest.mark.parametrize("seconds", ["9" * 12, "9" * 400], ids=["centuries", "infinity"])
    def test_a_rate_limit_of_centuries_is_cut(self, seconds: str) -> None:
        with pytest.raises(RateLimited) as caught:
            result(f"a fox [demo: busy {seconds}]")
        assert caught.value.retry_after <= 24 * 3600


class TestLater:
    def test_a_handle_comes_first_and_nothingis_kept(self) -> None:
        request, _ = accepted("a fox [demo: later 60]")
        assert not is_kept(request)

    def test_it_is_pending_until_its_time_has_come(self) -> None:
        request, handle = accepted("a fox [demo: later 60]")
        assert Demo().poll(handle, spool.keep(request.attempt, "demo")) == Pending(after=1.0)

    def test_pending_tells_when_to_ask_again(self) -> None:
        request, handle = accepted("a fox [demo: later 0.5]")
        pending = Demo().poll(handle, spool.keep(request.attempt, "demo"))
        assert isinstance(pending, Pending)
        assert 0 < pending.after <= 0.5

    def test_another_process_polls_with_the_text_of_the_handle_alone(self) -> None:
        request, handle = accepted("a fox [demo: later 0]")
        assert isinstance(Demo().poll(Handle(str(handle.value)), spool.keep(request.attempt, "demo")), Answer)
        assert is_kept(request)

    def test_every_option_survives_the_wait(self) -> None:
        handle = send(request := asked("Füchse [demo: later 0]", size="", aspect_ratio="3:2", style="ocean", seed=9))
        assert isinstance(handle, Handle)
        answer = Demo().poll(handle, spool.keep(request.attempt, "demo"))
        assert isinstance(answer, Answer)
        assert Image.open(io.BytesIO(answer.body)).size == (960, 640)
        assert Demo().read(answer).seed == 9

    def test_polling_twice_makes_the_same_picture(self) -> None:
        request, handle = accepted("a fox [demo: later 0]")
        keep = spool.keep(request.attempt, "demo")
        first, second = Demo().poll(handle, keep), Demo().poll(handle, keep)
        assert isinstance(first, Answer)
        assert isinstance(second, Answer)
        assert (first.status, first.headers, first.body) == (second.status, second.headers, second.body)


class TestContract(Contract):
    own_headers: ClassVar = {"retry-after": "1", "seed": "7", "moderation": ""}

    @pytest.fixture(scope="class")
    @classmethod
    def plug(cls) -> Plug:
        wishes = ("refuse", "busy 5", "fail", "unknown", "blur")
        return Plug(Demo(), wishes=tuple(f"a fox [demo: {wish}]" for wish in wishes))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("wish", "state", "calls", "charged"),
    [
        ("later 0", State.SUCCEEDED, 1, YES),
        ("slow 0", State.SUCCEEDED, 1, YES),
        ("busy 1", State.QUEUED, TRIES, NO),
        ("refuse", State.REFUSED, 1, NO),
        ("blur", State.REFUSED, 1, YES),
        ("fail", State.FAILED, 5, NO),
        ("unknown", State.UNKNOWN, 1, PERHAPS),
    ],
)
def test_it_misbehaves_as_its_words_say(wish: str, state: State, calls: int, charged: Charged) -> None:
    job = play(make_job(f"A kite [demo: {wish}]", size="64x64"))
    assert (job.state, Attempt.objects.count()) == (state, calls)
    assert {attempt.charged for attempt in Attempt.objects.all()} == {charged}
