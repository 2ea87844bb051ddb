"""Which prompt writers there are: the built-in one, and those that have names in the environment."""

from typing import Any

from chaotix import env

PLUGS = "imagegen.writers"


def entries() -> dict[str, dict[str, Any]]:
    """Return PROMPT_WRITERS."""
    return {
        "words": {
            "BACKEND": f"{PLUGS}.words.Words",
            "OPTIONS": {"folder": folder} if (folder := _folder("WORD_LISTS")) else {},
        },
        "openai": {
            "BACKEND": f"{PLUGS}.openai.OpenAIChat",
            "OPTIONS": {"key": env.secret("OPENAI_API_KEY"), **_openai()},
        },
        "huggingface": _hugging_face(),
    }


def _openai() -> dict[str, str]:
    host = env.text("OPENAI_TEXT_URL") or env.text("OPENAI_BASE_URL")
    model = env.text("OPENAI_TEXT_MODEL")
    return {**({"host": host} if host else {}), **({"model": model} if model else {})}


def _hugging_face() -> dict[str, Any]:
    """Return who writes for Hugging Face: a model in a folder, an endpoint, or the router, in this order."""
    key = env.secret("HF_TOKEN")
    if folder := _folder("HF_TEXT_FOLDER"):
        return {"BACKEND": f"{PLUGS}.local_text.LocalText", "OPTIONS": {"folder": folder}}
    if url := env.text("HF_TEXT_URL"):
        return {"BACKEND": f"{PLUGS}.hugging_face.HuggingFaceText", "OPTIONS": {"url": url, "key": key}}
    given = {"model": env.text("HF_TEXT_MODEL"), "router": env.text("HF_ROUTER_URL")}
    options = {name: value for name, value in given.items() if value}
    return {"BACKEND": f"{PLUGS}.hugging_face.HuggingFaceChat", "OPTIONS": {"key": key, **options}}


def _folder(name: str) -> Any:
    return env.folder(name, "") if env.text(name) else ""
