"""What every provider promises, whoever answers. A new provider is one more entry in PLUGS."""

import contextlib
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from uuid import uuid4

import pytest

from imagegen import pictures, spool
from imagegen.errors import ProviderError
from imagegen.providers.base import Answer, Handle, ImageRequest, ImageResult, Keep, Model, Provider, SizeRange, pixels
from imagegen.providers.demo import Demo
from imagegen.providers.stability import StabilityV2Beta
from imagegen.states import Charged
from tests.standins import stability as answers
from tests.standins.stability import StabilityStandIn

KEY = "sk-canary-4f1d"


@dataclass(frozen=True)
class Plug:
    """A provider that can be asked, and one prompt for each way in which it can be made to fail."""

    provider: Provider
    troubles: tuple[str, ...]


@contextlib.contextmanager
def demo() -> Iterator[Plug]:
    wishes = ("refuse", "busy 5", "fail", "unknown", "blur")
    yield Plug(Demo(), tuple(f"a fox [demo: {wish}]" for wish in wishes))


@contextlib.contextmanager
def stability() -> Iterator[Plug]:
    troubles = {
        "a bad field": answers.bad_request(),
        "a bad key": answers.unauthorized(),
        "an empty account": answers.out_of_credit(),
        "a refused prompt": answers.refused(),
        "a blurred prompt": answers.filtered(),
        "a busy hour": answers.rate_limited(),
        "a failure": answers.internal_error(),
        "a gateway's page": answers.html(200),
        "half a picture": answers.truncated(),
        "a dead line": answers.reset_before_headers(),
    }
    with StabilityStandIn(key=KEY) as standin:
        for prompt, answer in troubles.items():
            standin.always(prompt, answer)
        yield Plug(StabilityV2Beta(key=KEY, host=standin.url, total_seconds=20), tuple(troubles))


PLUGS: dict[str, Callable[[], AbstractContextManager[Plug]]] = {"demo": demo, "stability": stability}


@pytest.fixture(scope="module", params=PLUGS)
def plug(request: pytest.FixtureRequest) -> Iterator[Plug]:
    with PLUGS[request.param]() as made:
        yield made


@pytest.fixture
def provider(plug: Plug) -> Provider:
    return plug.provider


class Recorder:
    """Keeps answers in the spool and remembers them."""

    def __init__(self, request: ImageRequest) -> None:
        self._keep = spool.keep(request.attempt, "any")
        self.kept: list[Answer] = []

    def __call__(self, status: int, headers: Mapping[str, str], blocks: Iterable[bytes]) -> Answer:
        self.kept.append(self._keep(status, headers, blocks))
        return self.kept[-1]


class Bare(Provider):
    """Supports nothing but ratios."""

    models = (Model("only"),)
    aspect_ratios: ClassVar[tuple[str, ...]] = ("1:1", "3:2")

    def send(self, request: ImageRequest, keep: Keep) -> Answer | Handle:
        raise NotImplementedError

    def read(self, answer: Answer) -> ImageResult:
        raise NotImplementedError


class CloseRatios(Bare):
    aspect_ratios = ("51:50", "1:1", "50:51")


class BareSizes(Bare):
    aspect_ratios = ()
    sizes = SizeRange(64, 512, multiple=8)


def asked(provider: Provider, prompt: str = "a fox", **options: Any) -> ImageRequest:
    seed = 7 if provider.seed else None
    return replace(ImageRequest(uuid4(), prompt, provider.models[0].name, seed=seed), **options)


def send(provider: Provider, request: ImageRequest) -> Answer:
    answer = provider.send(request, spool.keep(request.attempt, "any"))
    assert isinstance(answer, Answer)
    return answer


def picture(provider: Provider, prompt: str = "a fox", **options: Any) -> ImageResult:
    return provider.read(send(provider, asked(provider, prompt, **options)))


def trouble(provider: Provider, prompt: str) -> BaseException:
    with pytest.raises(Exception) as caught:  # noqa: PT011  (which one it may be is what the tests ask)
        picture(provider, prompt)
    return caught.value


def refused_fields(provider: Provider, **options: Any) -> list[str]:
    return [field for field, _ in provider.refusals(asked(provider, **options))]


class TestDeclared:
    def test_there_are_models_and_no_name_comes_twice(self, provider: Provider) -> None:
        names = [model.name for model in provider.models]
        assert all(names)
        assert len(set(names)) == len(names) > 0

    def test_a_price_says_where_and_when_it_was_read(self, provider: Provider) -> None:
        for price in (provider.price(model.name) for model in provider.models):
            assert price is None or (price.amount >= 0 and price.unit and price.source and price.day)

    def test_it_understands_ratios_or_sizes(self, provider: Provider) -> None:
        assert provider.aspect_ratios or provider.sizes

    def test_each_ratio_is_the_one_that_its_own_size_leads_to(self, provider: Provider) -> None:
        sizes = [f"{width}00x{height}00" for width, height in (ratio.split(":") for ratio in provider.aspect_ratios)]
        assert tuple(map(provider.ratio_for, sizes)) == provider.aspect_ratios

    def test_no_style_comes_twice(self, provider: Provider) -> None:
        assert all(provider.styles)
        assert len(set(provider.styles)) == len(provider.styles)

    def test_it_takes_a_prompt_and_says_where_its_pictures_come_from(self, provider: Provider) -> None:
        assert provider.max_prompt > 0
        assert provider.origin

    def test_it_is_configured_once_it_has_what_it_needs(self, provider: Provider) -> None:
        assert provider.not_configured() is None


class TestRefusals:
    def test_nothing_that_is_declared_is_refused(self, provider: Provider) -> None:
        options = [
            *({"model": model.name} for model in provider.models),
            *({"aspect_ratio": ratio} for ratio in provider.aspect_ratios),
            *({"style": style} for style in provider.styles),
            {"prompt": "x" * provider.max_prompt},
        ]
        assert [option for option in options if refused_fields(provider, **option)] == []

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("model", "dall-e-2"),
            ("style", "oil on velvet"),
            ("aspect_ratio", "7:1"),
            ("size", "9000x10"),
            ("size", "1x1000"),
        ],
    )
    def test_what_is_not_declared_is_refused(self, provider: Provider, field: str, value: str) -> None:
        [(refused, sentence)] = provider.refusals(asked(provider, **{field: value}))
        assert refused == field
        assert value in sentence

    @pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
    def test_a_text_that_is_too_long_is_refused(self, provider: Provider, field: str) -> None:
        [(refused, sentence)] = provider.refusals(asked(provider, **{field: "x" * (provider.max_prompt + 1)}))
        assert refused == field
        assert str(provider.max_prompt) in sentence

    @pytest.mark.parametrize(("field", "value"), [("negative_prompt", "rain"), ("seed", 7), ("seed", 0), ("style", "anime")])
    def test_an_option_without_its_flag_is_refused(self, field: str, value: object) -> None:
        assert refused_fields(Bare(), **{field: value}) == [field]

    @pytest.mark.parametrize(("size", "refused"), [("300x200", []), ("1000x980", []), ("1000x960", ["size"])])
    def test_a_size_needs_a_ratio_within_three_percent(self, size: str, refused: list[str]) -> None:
        assert refused_fields(Bare(), size=size) == refused

    @pytest.mark.parametrize(("size", "ratio"), [("510x500", "51:50"), ("500x500", "1:1"), ("500x510", "50:51")])
    def test_of_several_ratios_the_nearest_is_taken(self, size: str, ratio: str) -> None:
        assert CloseRatios().ratio_for(size) == ratio

    @pytest.mark.parametrize(
        ("size", "refused"), [("64x512", []), ("56x64", ["size"]), ("64x520", ["size"]), ("65x64", ["size"])]
    )
    def test_a_size_must_lie_in_the_range(self, size: str, refused: list[str]) -> None:
        assert refused_fields(BareSizes(), size=size) == refused

    def test_a_provider_of_sizes_takes_no_ratio(self) -> None:
        assert refused_fields(BareSizes(), aspect_ratio="1:1") == ["aspect_ratio"]

    def test_everything_wrong_is_said_at_once(self, provider: Provider) -> None:
        wrong = {"model": "dall-e-2", "style": "oil on velvet", "aspect_ratio": "7:1", "size": "1x1000"}
        assert sorted(refused_fields(provider, **wrong)) == sorted(wrong)


class TestCall:
    def test_an_answer_is_kept_exactly_once_before_send_returns(self, provider: Provider) -> None:
        recorder = Recorder(request := asked(provider))
        answer = provider.send(request, recorder)
        assert recorder.kept == [answer]

    def test_an_answer_that_is_no_picture_is_kept_once_as_well(self, plug: Plug) -> None:
        for prompt in plug.troubles:
            recorder = Recorder(request := asked(plug.provider, prompt))
            with contextlib.suppress(ProviderError):
                answer = plug.provider.send(request, recorder)
                assert recorder.kept == [answer]
            assert len(recorder.kept) <= 1

    def test_header_names_are_lower_case(self, provider: Provider) -> None:
        names = list(send(provider, asked(provider)).headers)
        assert names == [name.lower() for name in names]

    def test_reading_twice_gives_the_same(self, provider: Provider) -> None:
        answer = send(provider, asked(provider))
        assert provider.read(answer) == provider.read(answer)

    def test_an_answer_reads_the_same_out_of_the_spool(self, provider: Provider) -> None:
        answer = send(provider, request := asked(provider))
        assert provider.read(spool.read(request.attempt)) == provider.read(answer)

    def test_a_refusal_reads_the_same_out_of_the_spool(self, plug: Plug) -> None:
        request = asked(plug.provider, next(prompt for prompt in plug.troubles if "refuse" in prompt))
        said = []
        for answer in (send(plug.provider, request), spool.read(request.attempt)):
            with pytest.raises(ProviderError) as caught:
                plug.provider.read(answer)
            said.append((type(caught.value), str(caught.value), caught.value.charged))
        assert said[0] == said[1]

    def test_equal_requests_make_equal_pictures(self, provider: Provider) -> None:
        assert picture(provider).body == picture(provider).body

    def test_another_prompt_makes_another_picture(self, provider: Provider) -> None:
        assert picture(provider, "a fox").body != picture(provider, "an owl").body

    def test_a_seed_that_was_asked_for_is_told_again(self, provider: Provider) -> None:
        assert picture(provider).seed == asked(provider).seed

    def test_every_model_makes_a_whole_picture(self, provider: Provider) -> None:
        for model in provider.models:
            assert pictures.check(picture(provider, model=model.name).body).width > 0

    def test_a_picture_has_the_ratio_that_was_asked_for(self, provider: Provider) -> None:
        for ratio in provider.aspect_ratios:
            made = pictures.check(picture(provider, aspect_ratio=ratio).body)
            assert provider.ratio_for(f"{made.width}x{made.height}") == ratio

    def test_a_size_is_drawn_as_it_is_or_in_its_ratio(self, provider: Provider) -> None:
        made = pictures.check(picture(provider, size="384x256").body)
        assert (made.width, made.height) == pixels("384x256") or provider.ratio_for(f"{made.width}x{made.height}") == "3:2"

    def test_every_trouble_is_a_provider_error_that_knows_its_charge(self, plug: Plug) -> None:
        for prompt in plug.troubles:
            error = trouble(plug.provider, prompt)
            assert isinstance(error, ProviderError), prompt
            assert error.charged in Charged

    def test_every_trouble_is_told_in_a_sentence(self, plug: Plug) -> None:
        for prompt in plug.troubles:
            sentence = str(trouble(plug.provider, prompt))
            assert sentence[0].isupper()
            assert sentence.endswith(".")

    def test_threads_that_share_a_provider_do_not_mix_pictures(self, provider: Provider) -> None:
        prompts = [f"picture {number}" for number in range(24)]
        with ThreadPoolExecutor(8) as threads:
            together = list(threads.map(lambda prompt: picture(provider, prompt, size="128x128").body, prompts))
        assert together == [picture(provider, prompt, size="128x128").body for prompt in prompts]

    def test_the_key_is_in_nothing_that_a_log_may_show(self, plug: Plug) -> None:
        shown = [repr(plug.provider), str(plug.provider)]
        for prompt in plug.troubles:
            error = trouble(plug.provider, prompt)
            shown += [repr(error), *traceback.format_exception(error)]
        assert KEY not in "\n".join(shown)
