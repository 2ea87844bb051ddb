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
            "OPTIONS": {
                "key": env.secret("OPENAI_API_KEY"),
                **env.given(host="OPENAI_BASE_URL", model="OPENAI_TEXT_MODEL"),
                **env.given(host="OPENAI_TEXT_URL"),
            },
        },
        "huggingface": _hugging_face(),
    }


def _hugging_face() -> dict[str, Any]:
    """Return who writes for Hugging Face: a model in a folder, an endpoint, or the router, in this order."""
    key = env.secret("HF_TOKEN")
    if folder := _folder("HF_TEXT_FOLDER"):
        return {"BACKEND": f"{PLUGS}.local_text.LocalText", "OPTIONS": {"folder": folder}}
    if url := env.text("HF_TEXT_URL"):
        return {"BACKEND": f"{PLUGS}.hugging_face.HuggingFaceText", "OPTIONS": {"url": url, "key": key}}
    options = {"key": key, **env.given(model="HF_TEXT_MODEL", router="HF_ROUTER_URL")}
    return {"BACKEND": f"{PLUGS}.hugging_face.HuggingFaceChat", "OPTIONS": options}


def _folder(name: str) -> Any:
    return env.folder(name, "") if env.text(name) else ""
