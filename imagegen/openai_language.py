"""The errors of OpenAI's language, which its image and chat APIs share, and everybody who speaks it.

Facts from OpenAI's own document (openai/openai-openapi, August 2026). Nothing there says whether a call that fails is
charged: what was turned away before work began is taken for free, and what moderation withholds once it is made is not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imagegen import errors
from imagegen.reading import json_object, sentence, wait_seconds
from imagegen.states import Charged

# For want of a word from the server; its limits count calls a minute.
REST_SECONDS = 20.0
# The second is DALL-E's, and still comes from what stands between here and OpenAI.
MODERATED = {"moderation_blocked", "content_policy_violation", "content_filter"}
# The same status as too many calls, but waiting does not help.
NO_CREDIT = {"insufficient_quota", "billing_hard_limit_reached", "credit_balance_exhausted"}
OVERLOADED = ("overloaded", "slow down", "slow_down")


def failure(
    status: int, headers: Mapping[str, str], body: bytes, *, who: str, key_name: str, work: str = "picture"
) -> errors.ProviderError:
    """Name what a status other than 200 means, by OpenAI's document; a page of some gateway is not in it."""
    told = _told(body)
    match status:
        case 401:
            return errors.NotConfigured(f"{who} does not accept the key in {key_name}.")
        case 400 if told.words & MODERATED:
            return _refusal(told.stage, work)
        case 400 | 429 if told.words & NO_CREDIT:
            return errors.OutOfCredit("The account has no credit left. Nothing was charged.")
        case 402:
            return errors.OutOfCredit("The account has no credit left. Nothing was charged.")
        case 403 if told.said:
            return errors.NotConfigured(f"{who} does not let this key do that ({told.said}). Nothing was charged.")
        case 429:
            wait = wait_seconds(headers, REST_SECONDS)
            return errors.RateLimited(f"{who} takes no more calls for the moment.", retry_after=wait)
        case 400 | 404 | 405 | 413 | 415 | 422 if told.said:
            return errors.Invalid(f"{who} does not accept this request ({told.said}). Nothing was charged.")
        # It is turned away at the door: paid are the tokens of work, and this says that there is no room to begin any.
        # Any other 5xx may come when the picture is made already.
        case 503 if told.is_overload:
            return errors.Unavailable(f"{who} has no room for the moment ({told.said}). Nothing was charged.")
    why = f" ({told.said})" if told.said else ""
    return errors.OutcomeUnknown(f"{who} answered with status {status}{why}. It may have been paid.")


@dataclass(frozen=True)
class _Told:
    """What an answer says of an error; nothing where it has another shape."""

    words: frozenset[str] = frozenset()
    said: str = ""
    stage: str = ""

    @property
    def is_overload(self) -> bool:
        text = " ".join((*self.words, self.said)).lower()
        return bool(self.said) and any(hint in text for hint in OVERLOADED)


def _told(body: bytes) -> _Told:
    match json_object(body):
        case {"error": {"message": str(message)} as error}:
            words = frozenset(word for word in (error.get("code"), error.get("type")) if isinstance(word, str))
            return _Told(words, sentence(message), _stage(error))
        # What FastAPI makes of a request, and so vLLM and SGLang.
        case {"detail": str(detail)}:
            return _Told(said=sentence(detail))
        case {"detail": [*faults]}:
            return _Told(said=sentence("; ".join(filter(None, map(_fault, faults)))))
    return _Told()


def _fault(fault: object) -> str:
    match fault:
        case {"loc": [*_, str(field)], "msg": str(message)}:
            return f"{field}: {message}"
        case {"msg": str(message)}:
            return message
    return ""


def _stage(error: dict[str, Any]) -> str:
    match error.get("moderation_details"):
        case {"moderation_stage": str(stage)}:
            return stage
    return ""


def _refusal(stage: str, work: str) -> errors.Refused:
    """Tell a prompt that was turned down from a picture that was made and is withheld: that work was done."""
    if stage == "input":
        return errors.Refused("Moderation denied the prompt. Nothing was charged.")
    if stage == "output":
        told = f"Moderation withheld the {work} that was made. The call may count as paid."
    else:
        told = f"Moderation denied the prompt or withheld its {work}, and does not say which. The call may count as paid."
    return errors.Refused(told, charged=Charged.UNKNOWN)
