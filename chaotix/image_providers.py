"""Which providers there are: the ones that have names in the environment, and those of PROVIDERS_FILE.

An entry says who makes pictures (BACKEND, OPTIONS) and how often he is called at most (RATE_LIMIT: calls, seconds).
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chaotix import env

PLUGS = "imagegen.providers"
# What an option of PROVIDERS_FILE begins with that stands in the environment: keys are not for files that are shared.
FROM_ENVIRONMENT = "env:"


def entries() -> dict[str, dict[str, Any]]:
    """Return IMAGE_PROVIDERS. Raises BadSetting where PROVIDERS_FILE cannot be understood."""
    return {**_of_the_environment(), **_of_the_file(env.text("PROVIDERS_FILE"))}


def stability_rate() -> tuple[int, int]:
    """Return how many calls Stability gets at most in how many seconds; 0 calls stand for no limit."""
    return env.integer("STABILITY_RATE_LIMIT", 135, least=0), 10


def _of_the_environment() -> dict[str, dict[str, Any]]:
    stability_key = env.secret("STABILITY_API_KEY")
    return {
        "stability": {
            "BACKEND": f"{PLUGS}.stability.StabilityV2Beta",
            "OPTIONS": {"key": stability_key, **env.given(host="STABILITY_API_HOST")},
            "RATE_LIMIT": stability_rate(),
        },
        **_older_stability(stability_key),
        "openai": {
            "BACKEND": f"{PLUGS}.openai.OpenAIImages",
            "OPTIONS": {"key": env.secret("OPENAI_API_KEY"), **env.given(host="OPENAI_BASE_URL")},
        },
        "openai-compatible": {
            "BACKEND": f"{PLUGS}.openai.OpenAICompatible",
            "OPTIONS": {
                "key": env.secret("OPENAI_COMPATIBLE_KEY"),
                "host": env.text("OPENAI_COMPATIBLE_URL"),
                "models": env.listing("OPENAI_COMPATIBLE_MODELS"),
            },
        },
        "hugging-face": {
            "BACKEND": f"{PLUGS}.hugging_face.HuggingFace",
            "OPTIONS": {
                "key": env.secret("HF_TOKEN"),
                **env.given(url="HF_IMAGE_URL", through="HF_THROUGH", bill_to="HF_BILL_TO"),
                **env.given(router="HF_ROUTER_URL", hub="HF_HUB_URL"),
                **({"models": models} if (models := env.listing("HF_IMAGE_MODELS")) else {}),
            },
        },
        "black-forest-labs": {
            "BACKEND": f"{PLUGS}.black_forest_labs.BlackForestLabs",
            "OPTIONS": {"key": env.secret("BFL_API_KEY"), **env.given(host="BFL_API_HOST")},
        },
        "automatic1111": {
            "BACKEND": f"{PLUGS}.automatic1111.Automatic1111",
            "OPTIONS": {
                "host": env.text("AUTOMATIC1111_URL"),
                "user": env.text("AUTOMATIC1111_USER"),
                "password": env.secret("AUTOMATIC1111_PASSWORD"),
                "models": env.listing("AUTOMATIC1111_MODELS"),
            },
        },
        **_local(),
        "demo": {"BACKEND": f"{PLUGS}.demo.Demo"},
    }


def _older_stability(key: str) -> dict[str, dict[str, Any]]:
    """Return Stability's two older APIs where their hosts are set: nobody else would want them on the list."""
    plugs = {"stability-v1": ("V1", "stability_v1.StabilityV1"), "stability-grpc": ("GRPC", "stability_grpc.StabilityGrpc")}
    return {
        name: {"BACKEND": f"{PLUGS}.{plug}", "OPTIONS": {"key": key, "host": host}, "RATE_LIMIT": stability_rate()}
        for name, (version, plug) in plugs.items()
        if (host := env.text(f"STABILITY_{version}_HOST"))
    }


def _local() -> dict[str, dict[str, Any]]:
    """Return the model on this machine, where one is named."""
    if not (model := env.text("DIFFUSERS_MODEL")):
        return {}
    numbers = {
        "batch": local_batch(),
        "steps": env.integer("DIFFUSERS_STEPS", 30, least=1, most=1000),
        "guidance": env.number("DIFFUSERS_GUIDANCE", 7.5, least=0),
        "side": env.integer("DIFFUSERS_SIDE", 512, least=64, most=2048),
    }
    options = {"model": model, **numbers, **env.given(config="DIFFUSERS_CONFIG", device="DIFFUSERS_DEVICE")}
    return {"diffusers": {"BACKEND": f"{PLUGS}.diffusers.Diffusers", "OPTIONS": options}}


def local_batch() -> int:
    """Return how many pictures of one shape are drawn at once: on a processor, more at once are no quicker."""
    has_gpu = any(Path("/dev").glob("nvidia[0-9]*")) and env.text("DIFFUSERS_DEVICE") != "cpu"
    return env.integer("DIFFUSERS_BATCH", 8 if has_gpu else 1, least=1, most=64)


def _of_the_file(path: str) -> dict[str, dict[str, Any]]:
    """Return the entries of a TOML file: a table for each provider, with its OPTIONS as a table inside."""
    if not path:
        return {}
    try:
        found = tomllib.loads((env.BASE_DIR / Path(path).expanduser()).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise env.BadSetting(f"PROVIDERS_FILE={path} cannot be read: {error}") from error
    return {name: _entry(path, name, entry) for name, entry in found.items()}


def _entry(path: str, name: str, entry: object) -> dict[str, Any]:
    if not isinstance(entry, dict) or not isinstance(entry.get("OPTIONS", {}), Mapping):
        raise env.BadSetting(f"PROVIDERS_FILE={path}: [{name}] is not a table with BACKEND and a table OPTIONS")
    return {**entry, "OPTIONS": {option: _value(value) for option, value in entry.get("OPTIONS", {}).items()}}


def _value(value: object) -> object:
    """Return an option as it stands, or what the variable holds that it names."""
    if isinstance(value, str) and value.startswith(FROM_ENVIRONMENT):
        return env.secret(value.removeprefix(FROM_ENVIRONMENT))
    return value
