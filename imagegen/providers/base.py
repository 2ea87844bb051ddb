"""What a provider is: how it is asked, what it declares, and what it may answer.

A provider does one thing, the paid call. It never retries, sleeps, reads settings or touches the database. What goes
wrong it says with one of the words below ProviderError in errors.py.
"""

import abc
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import ClassVar
from uuid import UUID

# The largest seed of Stability's v2beta; every provider here takes at least these.
MAX_SEED = 4_294_967_294


@dataclass(frozen=True)
class ImageRequest:
    """One picture to make. `size` is "WIDTHxHEIGHT" in pixels; absent options are empty strings or None."""

    attempt: UUID
    prompt: str
    model: str
    negative_prompt: str = ""
    size: str = ""
    aspect_ratio: str = ""
    style: str = ""
    quality: str = ""
    seed: int | None = None


def is_success(status: int) -> bool:
    """Whether a provider says by this status that it did what was asked."""
    return 200 <= status < 300


@dataclass(frozen=True)
class Answer:
    """What a provider answered, kept on disk until the picture is stored. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    load: Callable[[], bytes] = field(repr=False)

    @property
    def body(self) -> bytes:
        """Read what came, anew each time: a hundred answers that wait for their turn need no memory."""
        return self.load()


@dataclass(frozen=True)
class Handle:
    """A paid call that is accepted but not finished: what `poll` needs to ask for its picture."""

    value: str


@dataclass(frozen=True)
class Pending:
    """Not finished yet; ask again `after` that many seconds."""

    after: float


@dataclass(frozen=True)
class Cost:
    """An amount of money, in dollars or in a provider's credits."""

    amount: float
    unit: str


@dataclass(frozen=True)
class ImageResult:
    """A picture as the provider made it, and what it says about it: the seed, what was used up, and what it cost."""

    body: bytes = field(repr=False)
    seed: int | None = None
    usage: Mapping[str, int] = field(default_factory=dict)
    cost: Cost | None = None


# Hears how many steps of how many are done; returns whether the picture is still wanted.
Step = Callable[[int, int], bool]

# Writes status, headers and body to disk, durably, and returns them as an Answer.
Keep = Callable[[int, Mapping[str, str], Iterable[bytes]], Answer]


@dataclass(frozen=True)
class Price(Cost):
    """What one picture costs, from which page, on which day; `size` and `quality` where it is that of one only."""

    source: str
    day: date
    size: str = ""
    quality: str = ""

    def is_for(self, size: str, quality: str) -> bool:
        return self.size in ("", size) and self.quality in ("", quality)


@dataclass(frozen=True)
class Rate:
    """At most so many calls in any so many seconds."""

    calls: int
    seconds: float

    def __mul__(self, share: float) -> "Rate":
        """Return a share of this rate, at least one call."""
        return Rate(max(int(self.calls * share), 1), self.seconds)


@dataclass(frozen=True)
class SizeRange:
    """Any width and height within these bounds, in pixels; `..._pixels` bound their product, `longest` their ratio."""

    least: int
    most: int
    multiple: int = 1
    most_pixels: int | None = None
    longest: int | None = None
    least_pixels: int | None = None

    def holds(self, width: int, height: int) -> bool:
        fits = all(self.least <= side <= self.most and side % self.multiple == 0 for side in (width, height))
        is_fair = (self.least_pixels or 1) <= width * height <= (self.most_pixels or math.inf)
        return fits and is_fair and (self.longest is None or max(width, height) <= self.longest * min(width, height))

    def __str__(self) -> str:
        step = f", in steps of {self.multiple}" if self.multiple > 1 else ""
        pixels = f", at least {self.least_pixels} pixels" if self.least_pixels else ""
        pixels += f", at most {self.most_pixels} pixels" if self.most_pixels else ""
        shape = f", at most {self.longest} times as long as wide" if self.longest else ""
        return f"from {self.least}x{self.least} to {self.most}x{self.most}{step}{pixels}{shape}"


@dataclass(frozen=True)
class TokenPrices:
    """What a million tokens cost in dollars, from which page, on which day. Cached input is cheaper; no answer tells it."""

    text_input: float
    image_input: float
    image_output: float
    source: str
    day: date

    def cost(self, usage: Mapping[str, int]) -> Cost | None:
        """Return what a call cost; None where the answer does not say what it used up."""
        if not {"input_tokens", "output_tokens"} <= usage.keys():
            return None
        text, pictures = usage.get("text_tokens", usage["input_tokens"]), usage.get("image_tokens", 0)
        millionths = text * self.text_input + pictures * self.image_input + usage["output_tokens"] * self.image_output
        return Cost(millionths / 1_000_000, "USD")


@dataclass(frozen=True)
class Model:
    """One model of a provider. Without a price it is unknown what a picture costs, never free.

    `sizes` are those of this model where they are not the provider's, `qualities` words for how much work to spend. Where
    `tokens` are what is paid for, a price is only about what a picture comes to.
    """

    name: str
    prices: tuple[Price, ...] = ()
    sizes: SizeRange | None = None
    qualities: tuple[str, ...] = ()
    tokens: TokenPrices | None = None

    def price(self, size: str = "", quality: str = "") -> Price | None:
        return next((price for price in self.prices if price.is_for(size, quality)), None)


class Provider(abc.ABC):
    """One way to make a picture. Subclasses declare what they support and implement `send` and `read`."""

    # The models, the default first. They, `seed` and `negative_prompt` may depend on the settings of one instance.
    models: tuple[Model, ...]
    # The ratios it draws, as "W:H", the default first; empty where only sizes are understood.
    aspect_ratios: ClassVar[tuple[str, ...]] = ()
    # The sizes it draws, in pixels; None where only ratios are understood.
    sizes: ClassVar[SizeRange | None] = None
    # Style words it understands.
    styles: ClassVar[tuple[str, ...]] = ()
    # Whether a seed makes the same picture again.
    seed: bool = False
    # Whether it can be told what not to draw.
    negative_prompt: bool = False
    # Which of the options above are told in words of the prompt, because its API has no field for them.
    folded: ClassVar[tuple[str, ...]] = ()
    # The longest prompt, in characters.
    max_prompt: ClassVar[int] = 10_000
    # How often it may be called, as it documents; None where it names no limit.
    rate: ClassVar[Rate | None] = None
    # What people are told about the origin of its pictures.
    origin: ClassVar[str] = "AI-generated"
    # The IPTC word for how its pictures come about, written into each file.
    # https://cv.iptc.org/newscodes/digitalsourcetype/
    digital_source: ClassVar[str] = "trainedAlgorithmicMedia"
    # Whether its pictures are placeholders, so that pages offer the real thing.
    is_demo: ClassVar[bool] = False
    # The queue of the workers that make its calls; empty for those of all providers that work elsewhere.
    queue: ClassVar[str] = ""
    # Whether a call whose worker died is made again without asking: nothing is paid, and the same seed makes the same.
    is_repeatable: ClassVar[bool] = False

    def not_configured(self) -> str | None:
        """Return a sentence that says what is missing before a call can be made, or None when nothing is."""
        return None

    @property
    def is_free(self) -> bool:
        """Whether no call to it ever costs money; an unknown price is no price of nothing."""
        return all(model.prices and not any(price.amount for price in model.prices) for model in self.models)

    @abc.abstractmethod
    def send(self, request: ImageRequest, keep: Keep) -> Answer | Handle:
        """Make the one paid call. Whatever the provider answers goes through `keep` before anything is made of it."""

    def poll(self, handle: Handle, keep: Keep) -> Answer | Pending:
        """Ask what became of a call that `send` answered with a handle. This is never charged.

        An error that is raised says only that it could not be asked: it is asked again. What the provider does say about the
        picture is kept, and `read` makes an error of it.
        """
        raise NotImplementedError(f"{type(self).__name__} answers at once")

    @abc.abstractmethod
    def read(self, answer: Answer) -> ImageResult:
        """Make a picture of an answer, or raise the word for what it says. Pure: the same answer always reads the same."""

    def check(self) -> str:
        """Ask, without paying, whether the provider is there and takes the key; say what it says of the account.

        Raises a ProviderError that says what is wrong.
        """
        return "there is nothing to ask"

    def model(self, name: str) -> Model:
        """Return what is known of a model; nothing of one that is gone."""
        return next((model for model in self.models if model.name == name), Model(name))

    def price(self, model: str, size: str = "", quality: str = "") -> Cost | None:
        """Return what a picture of this model costs; None where that is not known."""
        return self.model(model).price(size, quality)

    def sizes_of(self, model: str) -> SizeRange | None:
        """Return the sizes that this model draws; None where only ratios are understood."""
        return self.model(model).sizes or self.sizes

    def ratio_of(self, request: ImageRequest) -> str:
        """Return the ratio to draw: the one asked for, or that of the size where this model understands ratios only."""
        if request.size and self.sizes_of(request.model) is None:
            return self.ratio_for(request.size)
        return request.aspect_ratio

    def ratio_for(self, size: str) -> str:
        """Return the ratio of its own that comes within 3 % of `size`, or the empty string."""
        wanted = Fraction(*pixels(size))
        near = [ratio for ratio in self.aspect_ratios if abs(_fraction(ratio) / wanted - 1) < Fraction(3, 100)]
        return min(near, key=lambda ratio: abs(_fraction(ratio) - wanted), default="")

    def refusals(self, request: ImageRequest) -> Iterator[tuple[str, str]]:
        """Yield field and sentence for everything asked that this provider cannot do: nothing is dropped silently."""
        if request.model not in {model.name for model in self.models}:
            yield "model", f"model {request.model!r} is not one of {', '.join(model.name for model in self.models)}"
        if len(request.prompt) > self.max_prompt:
            yield "prompt", f"has {len(request.prompt)} characters; at most {self.max_prompt} are allowed"
        if len(request.negative_prompt) > self.max_prompt:
            yield (
                "negative_prompt",
                f"has {len(request.negative_prompt)} characters; at most {self.max_prompt} are allowed",
            )
        if request.negative_prompt and not self.negative_prompt:
            yield "negative_prompt", "this provider cannot be told what not to draw"
        if request.seed is not None and not self.seed:
            yield "seed", "this provider does not take a seed"
        if request.style and request.style not in self.styles:
            yield (
                "style",
                f"style {request.style!r} is not one of {', '.join(self.styles) or '(this provider has none)'}",
            )
        qualities = self.model(request.model).qualities
        if request.quality and request.quality not in qualities:
            known = ", ".join(qualities) or "(this model has none)"
            yield "quality", f"quality {request.quality!r} is not one of {known}"
        yield from self._shape_refusals(request)

    def _shape_refusals(self, request: ImageRequest) -> Iterator[tuple[str, str]]:
        if request.aspect_ratio and request.aspect_ratio not in self.aspect_ratios:
            known = ", ".join(self.aspect_ratios) or "(this provider takes sizes)"
            yield "aspect_ratio", f"aspect ratio {request.aspect_ratio!r} is not one of {known}"
        if not request.size:
            return
        sizes = self.sizes_of(request.model)
        if sizes is not None and not sizes.holds(*pixels(request.size)):
            yield "size", f"size {request.size!r} is not {sizes}"
        elif sizes is None and not self.ratio_for(request.size):
            yield "size", f"size {request.size!r} has none of the ratios {', '.join(self.aspect_ratios)}"


class StepwiseProvider(Provider):
    """A provider that draws here, step by step: it says how far it is, and may be stopped between two steps."""

    is_repeatable = True

    def send(self, request: ImageRequest, keep: Keep) -> Answer:
        return self.draw(request, keep, lambda done, steps: True)

    @abc.abstractmethod
    def draw(self, request: ImageRequest, keep: Keep, step: Step) -> Answer:
        """Do what `send` does, and call `step` after each of its steps. Raises Unavailable where that says to stop."""


def pixels(size: str) -> tuple[int, int]:
    """Return width and height of "1024x768"."""
    width, height = size.split("x")
    return int(width), int(height)


def _fraction(ratio: str) -> Fraction:
    width, height = ratio.split(":")
    return Fraction(int(width), int(height))


def size_near(ratio: str, *, multiple: int, area: int = 1024 * 1024) -> str:
    """Return the size of about so many pixels that comes nearest to a ratio, both sides multiples of that number."""
    width, height = (int(side) for side in ratio.split(":"))
    unit = math.sqrt(area / (width * height))
    return "x".join(str(max(round(side * unit / multiple), 1) * multiple) for side in (width, height))
