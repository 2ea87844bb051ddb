"""The errors of Hugging Face: of its router, of its own inference servers and of its partners'."""

from collections.abc import Mapping
from typing import Any

from imagegen import errors
from imagegen.reading import json_object, sentence, wait_seconds

# No Retry-After is documented; a minute is short for a person, and does not make a limit worse.
LIMITED_SECONDS = 60.0
# How long a model loads where that is not said, and for how long an estimate is believed: asking again costs nothing.
LOADING_SECONDS = 20.0
LONGEST_LOADING_SECONDS = 120.0
# For so long a server of Hugging Face's takes nothing once it finds itself too slow.
OVERLOAD_SECONDS = 10.0


def failure(status: int, headers: Mapping[str, str], body: bytes, *, key_name: str) -> errors.ProviderError:
    """Name what a status other than 200 means. Nothing says that a failure is free, so what is not clear may be paid."""
    found, said = json_object(body), _said(body)
    match status:
        case 401:
            return errors.NotConfigured(f"Hugging Face does not accept the key in {key_name}.")
        case 402:
            return errors.OutOfCredit("The account at Hugging Face has no credit left. Nothing was charged.")
        case 403 if said:
            return errors.NotConfigured(
                f"Hugging Face does not let the key in {key_name} do that ({said}). Nothing was charged."
            )
        case 429:
            wait = wait_seconds(headers, LIMITED_SECONDS)
            return errors.RateLimited("Hugging Face takes no more calls for the moment.", retry_after=wait)
        case 400 | 404 | 413 | 422 if said:
            return errors.Invalid(f"Hugging Face does not accept this request ({said}). Nothing was charged.")
        case 503 if "estimated_time" in found or "loading" in said:
            return errors.RateLimited(
                "The model is still loading. Nothing was charged.", retry_after=_loading_seconds(found)
            )
        case 503 if "overload detected" in said:
            # Its server says this before it reads the request.
            return errors.RateLimited("The model takes no more calls for the moment.", retry_after=OVERLOAD_SECONDS)
    return errors.OutcomeUnknown(f"Hugging Face answered with status {status}. It may have been paid.")


def _loading_seconds(found: Mapping[str, Any]) -> float:
    """Return when to ask for a model again that loads.

    Waiting like this, rather than failing a few times, is for minutes: nothing of it counts as a try.
    """
    estimate = found.get("estimated_time")
    if not isinstance(estimate, int | float) or not estimate > 0:
        return LOADING_SECONDS
    return min(max(estimate, 1.0), LONGEST_LOADING_SECONDS)


def _said(body: bytes) -> str:
    """Return what an error says in one of the shapes of those who may answer; the empty string where it is none of them.

    Hugging Face has {"error": "..."} or a list in it, Together {"error": {"message": "..."}}, FastAPI {"detail": ...}, and
    the router two plain words for a model that it does not know.
    """
    if body.strip().lower() == b"not found":
        return "Not Found"
    found = json_object(body)
    error = next((found[name] for name in ("error", "message", "detail") if found.get(name)), "")
    return sentence("; ".join(filter(None, map(_words, error if isinstance(error, list) else [error]))))


def _words(error: object) -> str:
    match error:
        case str():
            return error
        case {"message": str(words)} | {"msg": str(words)}:
            return words
    return ""
