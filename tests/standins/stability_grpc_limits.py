"""What Stability's gRPC service accepts: turns a message into an order, or says what is wrong with it."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.unknown_fields import UnknownFieldSet
from stability_sdk.interfaces.gooseai.generation import generation_pb2

from .deliveries import Reply
from .orders import Objection, Order

ENGINE = "stable-diffusion-xl-1024-v1-0"
# Its price is not documented.
CREDITS = 1.0
LARGEST_SEED = 4_294_967_295
LONGEST_PROMPT = 2000
SIZES = {
    (1024, 1024), (1152, 896), (1216, 832), (1344, 768), (1536, 640), (640, 1536), (768, 1344), (832, 1216), (896, 1152),
}  # fmt: skip
STYLES = (
    "enhance", "anime", "photographic", "digital-art", "comic-book", "fantasy-art", "line-art", "analog-film",
    "neon-punk", "isometric", "low-poly", "origami", "modeling-compound", "cinematic", "3d-model", "pixel-art",
    "tile-texture",
)  # fmt: skip
# Pictures are drawn so much smaller than asked for, in their ratio: nobody looks at them.
SHRUNK = 16
# The HTTP statuses by which the bill knows these words.
STATUSES = {
    "INVALID_ARGUMENT": 400, "UNAUTHENTICATED": 401, "PERMISSION_DENIED": 403, "NOT_FOUND": 404, "RESOURCE_EXHAUSTED": 429,
}  # fmt: skip


@dataclass(frozen=True)
class GrpcOrder(Order):
    """A message that keeps every rule."""

    def reply(self, picture: bytes) -> Reply:
        return self.generated(picture, generation_pb2.STOP)

    def generated(self, picture: bytes, finish_reason: int) -> Reply:
        return answer_reply(self.image(picture, finish_reason))

    def image(self, picture: bytes, finish_reason: int) -> Any:
        return generation_pb2.Artifact(
            type=generation_pb2.ARTIFACT_IMAGE,
            mime="image/png",
            binary=picture,
            seed=self.seed,
            finish_reason=finish_reason,
        )


def answer_reply(*artifacts: Any) -> Reply:
    """Return one message of the stream, in the shape in which stand-ins hand over what they say."""
    return Reply(200, {"grpc-status": "OK"}, generation_pb2.Answer(artifacts=artifacts).SerializeToString())


def error_reply(word: str, details: str) -> Reply:
    return Reply(STATUSES.get(word, 500), {"grpc-status": word}, details.encode())


def order(request: Any, *, knows_key: bool) -> GrpcOrder:
    """Return what is asked for; raise Objection where the service would say no."""
    fields = MessageToDict(request, preserving_proto_field_name=True)
    prompt = request.prompt[0].text if request.prompt else ""
    if not knows_key:
        raise Objection(error_reply("UNAUTHENTICATED", "missing authentication header"), prompt=prompt, fields=fields)
    if request.engine_id != ENGINE:
        said = f"The specified engine (ID {request.engine_id}) was not found."
        raise Objection(error_reply("NOT_FOUND", said), prompt=prompt, fields=fields)
    for fault in _faults(request):
        raise Objection(error_reply("INVALID_ARGUMENT", fault), prompt=prompt, fields=fields)
    image = request.image
    return GrpcOrder(
        path=ENGINE,
        fields=fields,
        prompt=prompt,
        seed=(image.seed[0] if image.seed else 0) or random.randint(1, LARGEST_SEED - 1),
        size=(image.width // SHRUNK, image.height // SHRUNK),
        output_format="png",
        credits=CREDITS,
    )


def _faults(request: Any) -> Iterator[str]:
    if not request.HasField("image"):
        yield "Must provide image parameters."
    if len(UnknownFieldSet(request)) or len(UnknownFieldSet(request.image)):
        yield "a field that nobody knows"
    yield from _prompt_faults(request.prompt)
    yield from _image_faults(request.image)
    extras = MessageToDict(request.extras)
    if extras and (set(extras) != {"$IPC"} or extras["$IPC"].get("preset") not in STYLES):
        yield "extras: no such preset"


def _prompt_faults(prompts: Any) -> Iterator[str]:
    if not any(prompt.text and _weight(prompt) > 0 for prompt in prompts):
        yield "prompt: at least one with a positive weight is needed"
    for prompt in prompts:
        if not 0 < len(prompt.text) <= LONGEST_PROMPT:
            yield f"prompt: must have 1 to {LONGEST_PROMPT} characters"


def _weight(prompt: Any) -> float:
    return float(prompt.parameters.weight) if prompt.parameters.HasField("weight") else 1.0


def _image_faults(image: Any) -> Iterator[str]:
    if image.width % 64 or image.height % 64:
        yield "width and height: must be multiples of 64"
    if (image.width, image.height) not in SIZES:
        yield "width and height: must be one of the sizes of this engine"
    if image.samples > 1 or len(image.seed) > 1:
        yield "samples: this stand-in makes one picture a call"
    if image.steps and not 10 <= image.steps <= 150:
        yield "steps: must be between 10 and 150"
    for step in image.parameters:
        if not 0 <= step.sampler.cfg_scale <= 35:
            yield "cfg_scale: must be between 0 and 35"
