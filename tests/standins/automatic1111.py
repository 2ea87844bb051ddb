"""A stand-in for a server that speaks Automatic1111's API, with a bill of its own, though the true one keeps none.

    with Automatic1111StandIn() as webui:
        webui.when("a fox", out_of_memory(), success())
        ...  # point the product at webui.url
        assert webui.bill == 1

The true server passes over fields and checkpoints that it does not know; this one objects, so that no name is misspelt.
"""

import base64
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from .deliveries import Reply
from .faults import Answer, told
from .http_server import Request
from .orders import Objection, Order, whole_reply
from .standin import StandIn

API = "/sdapi/v1"
MAX_SEED = 4_294_967_295
SAMPLERS = ("Euler", "Euler a", "DPM++ 2M", "DPM++ SDE", "DDIM")
CHECKPOINTS = (
    {
        "title": "dream_xl.safetensors [31e35c80fc]",
        "model_name": "dream_xl",
        "hash": "31e35c80fc",
        "sha256": "31e35c80fc4829d14f90153f4c74cd59c90b779f6afe05a74cd6120b893f7e5b",
        "filename": "/models/Stable-diffusion/dream_xl.safetensors",
        "config": None,
    },
    {
        "title": "old.ckpt",
        "model_name": "old",
        "hash": None,
        "sha256": None,
        "filename": "/models/Stable-diffusion/old.ckpt",
        "config": None,
    },
)
# The kind of each field, by the defaults of the true server; None may stand for any value.
_TEXTS = (
    "prompt", "negative_prompt", "sampler_name", "sampler_index", "scheduler", "hr_upscaler", "hr_checkpoint_name",
    "hr_sampler_name", "hr_scheduler", "hr_prompt", "hr_negative_prompt", "script_name", "force_task_id", "infotext",
)  # fmt: skip
_WHOLES = (
    "seed", "subseed", "seed_resize_from_h", "seed_resize_from_w", "batch_size", "n_iter", "steps", "width", "height",
    "firstphase_width", "firstphase_height", "hr_second_pass_steps", "hr_resize_x", "hr_resize_y",
)  # fmt: skip
_NUMBERS = (
    "cfg_scale", "denoising_strength", "subseed_strength", "eta", "s_churn", "s_tmax", "s_tmin", "s_noise",
    "s_min_uncond", "hr_scale", "refiner_switch_at",
)  # fmt: skip
_SWITCHES = (
    "enable_hr", "restore_faces", "tiling", "do_not_save_samples", "do_not_save_grid", "send_images", "save_images",
    "override_settings_restore_afterwards", "disable_extra_networks",
)  # fmt: skip
_OTHERS: dict[str, type] = {
    "styles": list, "script_args": list, "override_settings": dict, "alwayson_scripts": dict, "comments": dict,
}  # fmt: skip
KINDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(_TEXTS, (str,)),
    **dict.fromkeys(_WHOLES, (int,)),
    **dict.fromkeys(_NUMBERS, (int, float)),
    **dict.fromkeys(_SWITCHES, (bool,)),
    **{name: (kind,) for name, kind in _OTHERS.items()},
}


@dataclass(frozen=True)
class PictureOrder(Order):
    """A request that keeps every rule."""

    def reply(self, picture: bytes) -> Reply:
        body = {"images": [base64.b64encode(picture).decode()], "parameters": self.fields, "info": json.dumps(self._info())}
        return json_reply(200, body)

    def _info(self) -> dict[str, Any]:
        """Return what the true server tells of a picture, in a text beside it."""
        width, height = self.size
        prompt, negative = self.prompt, self.fields.get("negative_prompt", "")
        model = self.fields.get("override_settings", {}).get("sd_model_checkpoint", "dream_xl")
        return {
            "prompt": prompt, "all_prompts": [prompt], "negative_prompt": negative, "all_negative_prompts": [negative],
            "seed": self.seed, "all_seeds": [self.seed], "subseed": 1, "all_subseeds": [1], "subseed_strength": 0,
            "width": width, "height": height, "sampler_name": self.fields.get("sampler_name", "Euler"), "cfg_scale": 7.0,
            "steps": self.fields.get("steps", 50), "batch_size": 1, "restore_faces": False, "face_restoration_model": None,
            "sd_model_name": model, "sd_model_hash": "31e35c80fc", "sd_vae_name": None, "sd_vae_hash": None,
            "seed_resize_from_w": -1, "seed_resize_from_h": -1, "denoising_strength": None, "extra_generation_params": {},
            "index_of_first_image": 0, "infotexts": [prompt], "styles": [], "job_timestamp": "20261121120000",
            "clip_skip": 1, "is_using_inpainting_conditioning": False, "version": "v1.10.1",
        }  # fmt: skip


class Automatic1111StandIn(StandIn):
    """One that knows two checkpoints; `user` and the key, as his password, are asked for unless `user` is empty."""

    provider = "automatic1111"
    variable = "AUTOMATIC1111_URL"
    user = ""

    def order(self, request: Request) -> PictureOrder:
        if request.path != f"{API}/txt2img":
            raise Objection(json_reply(404, {"detail": "Not Found"}))
        if request.method != "POST":
            raise Objection(json_reply(405, {"detail": "Method Not Allowed"}))
        if objection := self._stranger(request):
            raise Objection(objection)
        fields = _fields(request)
        prompt = str(fields.get("prompt", ""))
        if faults := list(_faults(fields)):
            raise Objection(json_reply(422, {"detail": faults}), prompt=prompt, fields=fields)
        if missing := _missing(fields):
            raise Objection(raised(404, "HTTPException", f"{missing} not found"), prompt=prompt, fields=fields)
        return _order(request.path, prompt, fields)

    def aside(self, request: Request) -> Reply | None:
        """Answer what clients ask before they draw."""
        known: dict[str, object] = {
            "scripts": {"txt2img": ["x/y/z plot"], "img2img": []},
            "sd-models": CHECKPOINTS,
            "samplers": [{"name": name, "aliases": [], "options": {}} for name in SAMPLERS],
            "progress": {"progress": 0.0, "eta_relative": 0.0, "state": {}, "current_image": None, "textinfo": None},
            "options": {"sd_model_checkpoint": CHECKPOINTS[0]["title"], "samples_format": "png"},
        }
        asked = urlsplit(request.path).path.removeprefix(f"{API}/")
        if request.method != "GET" or asked not in known:
            return None
        return self._stranger(request) or json_reply(200, known[asked])

    def _stranger(self, request: Request) -> Reply | None:
        """Return the objection to who brings no user and password, or others; None where he is welcome."""
        login = request.headers.get("authorization", "")
        if not self.user or login == "Basic " + base64.b64encode(f"{self.user}:{self.key}".encode()).decode():
            return None
        return raised(401, "HTTPException", "Incorrect username or password") if login else _unknown()


def unauthorized() -> Answer:
    """Reject user and password, 401. Not billed: nothing was begun."""
    return told("unauthorized", raised(401, "HTTPException", "Incorrect username or password"))


def without_api() -> Answer:
    """Answer 404, as a server that was started without --api. Not billed: nothing was begun."""
    return told("without_api", json_reply(404, {"detail": "Not Found"}))


def sampler_not_found() -> Answer:
    """Answer 404. Not billed: nothing was begun."""
    return told("sampler_not_found", raised(404, "HTTPException", "Sampler not found"))


def invalid() -> Answer:
    """Object to a field, 422. Not billed: nothing was begun."""
    return told("invalid", json_reply(422, {"detail": [_fault("width", "value is not a valid integer")]}))


def out_of_memory() -> Answer:
    """Fail while drawing, 500. Not billed: no picture was made."""
    return told("out_of_memory", raised(500, "OutOfMemoryError", errors="CUDA out of memory. Tried to allocate 2 GiB."))


def without_images() -> Answer:
    """Answer 200 with no picture, as when somebody interrupts it. Billed: a 200 says that it worked."""
    return told("without_images", json_reply(200, {"images": [], "parameters": {}, "info": "{}"}), billed=True)


def raised(status: int, name: str, detail: str = "", *, errors: str = "") -> Reply:
    """Build the error that the server makes of an exception."""
    return json_reply(status, {"error": name, "detail": detail, "body": "", "errors": errors})


def json_reply(status: int, body: object) -> Reply:
    return whole_reply(status, {"content-type": "application/json"}, json.dumps(body).encode())


def _unknown() -> Reply:
    return json_reply(401, {"detail": "Not authenticated"})


def _fields(request: Request) -> dict[str, Any]:
    try:
        fields = json.loads(request.body)
    except ValueError:
        fields = None
    if not request.headers.get("content-type", "").startswith("application/json") or not isinstance(fields, dict):
        raise Objection(json_reply(422, {"detail": [_fault("body", "value is not a valid dict")]}))
    return fields


def _fault(field: str, message: str) -> dict[str, Any]:
    return {"loc": ["body", field], "msg": message, "type": "value_error"}


def _faults(fields: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, value in fields.items():
        if name not in KINDS:
            yield _fault(name, "extra fields not permitted")
        elif value is not None and not _is_of(value, KINDS[name]):
            yield _fault(name, f"value is not a valid {KINDS[name][0].__name__}")
    for name in ("width", "height"):
        side = fields.get(name, 512)
        if isinstance(side, int) and (not 64 <= side <= 2048 or side % 8):
            yield _fault(name, "ensure this value is from 64 to 2048 and a multiple of 8")


def _is_of(value: object, kinds: tuple[type, ...]) -> bool:
    # To Python a bool is a number, and to JSON it is not.
    return isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds)


def _missing(fields: Mapping[str, Any]) -> str:
    """Return what is asked for and not there, or the empty string."""
    checkpoint = fields.get("override_settings", {}).get("sd_model_checkpoint")
    if (fields.get("sampler_name") or fields.get("sampler_index") or "Euler") not in SAMPLERS:
        return "Sampler"
    names = {value for known in CHECKPOINTS for value in known.values()}
    return "Model" if checkpoint is not None and checkpoint not in names else ""


def _order(path: str, prompt: str, fields: Mapping[str, Any]) -> PictureOrder:
    seed = fields.get("seed", -1)
    return PictureOrder(
        path=path,
        fields=fields,
        prompt=prompt,
        seed=random.randint(0, MAX_SEED - 1) if seed in (-1, None) else seed,
        # A quarter of each side, to be quick.
        size=((fields.get("width") or 512) // 4, (fields.get("height") or 512) // 4),
        output_format="png",
        credits=1,
    )
