"""Black Forest Labs (FLUX), asynchronous: a call is accepted with an address, which is asked until the picture is there.

Facts from its OpenAPI document (tryAGI/BlackForestLabs, 2026-05), from docs.bfl.ai, and from help.bfl.ai as of June 2026:
what moderation stops, before drawing or after it, is not charged. Nothing is said about a task that ends in Error.
"""

import json
import re
import time
from collections.abc import Mapping
from datetime import date
from typing import Any

from imagegen import errors, http
from imagegen.providers.base import (
    MAX_SEED,
    Answer,
    Cost,
    Handle,
    ImageRequest,
    ImageResult,
    Keep,
    Model,
    Pending,
    Price,
    Provider,
    SizeRange,
    pixels,
    size_near,
)
from imagegen.reading import json_object, key_fault, sentence, wait_seconds, wrong_fields
from imagegen.states import Charged

HOST = "https://api.bfl.ai"
# Each region has hosts of its own below this domain, for tasks and for pictures, and their names may change.
DOMAIN = ".bfl.ai"
SOURCE = "https://bfl.ai/pricing"
DAY = date(2026, 11, 21)
# 24 tasks may be active at once. One of them ends within about ten seconds; no Retry-After is documented.
BUSY_SECONDS = 10.0
# Who only says "not now" is asked so many times less often than who says that he is drawing.
PATIENCE = 4
# Of a picture whose ratio would be too wide for a model at the usual million pixels.
SMALLER_AREA = 880_000
# FLUX.2 shrinks what has more than 4 megapixels; it takes sides from 64, and its help page names 256 as the smallest.
FLUX_2 = SizeRange(256, 2048, multiple=16)
FLUX_1 = SizeRange(256, 1440, multiple=32)
# What this plug writes beside an answer that is kept: what it answers, and what other answers said of the picture.
STEP, SEED, COST = "x-chaotix-step", "x-chaotix-seed", "x-chaotix-cost"
PICTURE, RESULT, OVERSIZED = "picture", "result", "oversized"
_JSON = {"content-type": "application/json"}
_ADDRESS = re.compile(r"(https?)://([a-z0-9.-]+)(?::(\d{1,5}))?(?:/[!-~]*)?", re.ASCII | re.IGNORECASE)


def _credits(amount: float) -> tuple[Price, ...]:
    return (Price(amount, "credits", SOURCE, DAY),)


class BlackForestLabs(Provider):
    """The FLUX models that draw from text. FLUX.2 is priced by the megapixel: what a call cost stands in its answer."""

    models = (
        # "The recommended default model for most generation", says the OpenAPI document.
        Model("flux-2-pro", sizes=FLUX_2),
        Model("flux-2-max", sizes=FLUX_2),
        Model("flux-2-flex", sizes=FLUX_2),
        Model("flux-2-klein-9b", sizes=FLUX_2),
        Model("flux-2-klein-4b", sizes=FLUX_2),
        Model("flux-pro-1.1", _credits(4), sizes=FLUX_1),
        # The only one that takes a ratio instead of a width and a height.
        Model("flux-pro-1.1-ultra", _credits(6)),
        Model("flux-dev", _credits(2.5), sizes=FLUX_1),
    )
    aspect_ratios = ("1:1", "21:9", "16:9", "3:2", "4:3", "5:4", "4:5", "3:4", "2:3", "9:16", "9:21")
    seed = True

    def __init__(
        self,
        *,
        key: str,
        host: str = HOST,
        key_name: str = "BFL_API_KEY",
        total_seconds: float = http.TOTAL_SECONDS,
        poll_seconds: float = 0.5,
        unknown_seconds: float = 30.0,
    ) -> None:
        """`poll_seconds` lie between two questions; for `unknown_seconds` a new task may not be known everywhere."""
        self._key, self._key_name = key, key_name
        self._host = host if "://" in host else f"https://{host}"
        self._poll_seconds, self._unknown_seconds = poll_seconds, unknown_seconds
        self._client = http.Client(host, total_seconds=total_seconds)

    def not_configured(self) -> str | None:
        return key_fault(self._key, self._key_name)

    def send(self, request: ImageRequest, keep: Keep) -> Answer | Handle:
        if missing := self.not_configured():
            raise errors.NotConfigured(f"{missing}. Nothing was sent.")
        headers = {**self._headers(), "x-chaotix-attempt": str(request.attempt)}
        with self._client.post_json(f"/v1/{request.model}", headers=headers, content=self._content(request)) as response:
            if response.status != 200:
                return keep(response.status, response.headers, response.blocks())
            body = b"".join(response.blocks())
            return self._handle(json_object(body), request.model) or keep(200, response.headers, [body])

    def poll(self, handle: Handle, keep: Keep) -> Answer | Pending:
        accepted: dict[str, Any] = json.loads(handle.value)
        status, body = self._client.ask(accepted["polling_url"], headers=self._headers())
        found = json_object(body) if status in (200, 404) else {}
        match found.get("status"):
            case "Ready":
                return self._fetch(found, accepted, keep)
            case "Pending":
                return Pending(self._poll_seconds)
            case "Task not found" if time.time() < accepted["at"] + self._unknown_seconds:
                return Pending(self._poll_seconds)
            case "Request Moderated" | "Content Moderated" | "Error" | "Task not found":
                return keep(200, {**_JSON, STEP: RESULT}, [body])
        return self._later()

    def read(self, answer: Answer) -> ImageResult:
        if answer.status != 200:
            raise _failure(answer, self._key_name)
        step = answer.headers.get(STEP)
        if step == PICTURE:
            return ImageResult(answer.body, _seed(answer.headers), cost=_cost(answer.headers))
        if step == RESULT:
            raise _end(json_object(answer.body))
        told = "took the call and named no place of its own to ask at"
        if step == OVERSIZED:
            told = f"has a picture of more than {http.MAX_BYTES // 1024**2} MB"
        raise errors.BadAnswer(f"Black Forest Labs {told}. It may have been paid.", charged=Charged.UNKNOWN)

    def check(self) -> str:
        status, body = self._client.ask("/v1/credits", headers=self._headers())
        if status in (401, 403):
            raise errors.NotConfigured(f"Black Forest Labs does not accept the key in {self._key_name}.")
        credits = json_object(body).get("credits")
        if status != 200 or not isinstance(credits, int | float):
            raise errors.Unavailable(f"Black Forest Labs answered {status} when asked for the balance.")
        return f"the key is accepted; {credits:g} credits are left"

    def _headers(self) -> dict[str, str]:
        return {"x-key": self._key, "accept": "application/json"}

    def _content(self, request: ImageRequest) -> dict[str, Any]:
        seed = {} if request.seed is None else {"seed": request.seed}
        return {"prompt": request.prompt, **self._shape(request), **seed, "output_format": "png"}

    def _shape(self, request: ImageRequest) -> dict[str, Any]:
        """Return the fields that say how wide and how high; one of the defaults is no square."""
        ratio, sizes = self.ratio_of(request) or self.aspect_ratios[0], self.sizes_of(request.model)
        if sizes is None:
            return {"aspect_ratio": ratio}
        width, height = pixels(request.size or _size(ratio, sizes))
        return {"width": width, "height": height}

    def _handle(self, accepted: Mapping[str, Any], model: str) -> Handle | None:
        """Return what to ask with later; None where the answer names no address to which the key may go."""
        address, cost = accepted.get("polling_url"), accepted.get("cost")
        if not is_own(address, self._host):
            return None
        if not isinstance(cost, int | float) or isinstance(cost, bool) or not 0 <= cost < 1e6:
            cost = None
        task = {"id": accepted.get("id"), "polling_url": address, "cost": cost, "model": model, "at": time.time()}
        return Handle(json.dumps(task))

    def _fetch(self, found: Mapping[str, Any], accepted: Mapping[str, Any], keep: Keep) -> Answer | Pending:
        """Download a picture that is ready, which costs nothing and can be done again."""
        result = found["result"] if isinstance(found.get("result"), dict) else {}
        said = [json.dumps(found).encode()]
        address = result.get("sample")
        if not isinstance(address, str) or not self._may_fetch(address):
            return keep(200, {**_JSON, STEP: RESULT}, said)
        try:
            with self._client.get(address, headers={}) as response:
                if response.status == 200 and not _is_page(response.headers):
                    return keep(200, {**response.headers, **_marks(result, accepted)}, response.blocks())
                # Read to its end, so that the connection can carry another question.
                for _ in response.blocks():
                    pass
                return self._later()
        except errors.BadAnswer:
            # Larger than anything that is read here, and it would be as large again the next time.
            return keep(200, {**_JSON, STEP: OVERSIZED}, said)

    def _may_fetch(self, address: str) -> bool:
        """Say whether a picture may be fetched from there: its own hosts, or over TLS any other that is not among ours."""
        origin = _origin(address)
        return is_own(address, self._host) or (origin is not None and origin[0] == "https" and http.is_public(origin[1]))

    def _later(self) -> Pending:
        return Pending(self._poll_seconds * PATIENCE)


def is_own(address: object, host: str) -> bool:
    """Say whether an address is the provider's own and may see the key: on this host, or on another of its domain."""
    theirs, ours = _origin(address), _origin(host)
    if theirs is None or ours is None or (theirs[0], theirs[2]) != (ours[0], ours[2]):
        return False
    return theirs[1] == ours[1] or (theirs[1].endswith(DOMAIN) and ours[1].endswith(DOMAIN))


def _origin(address: object) -> tuple[str, str, int] | None:
    """Return scheme, host and port; None for what different readers of addresses might read differently."""
    found = _ADDRESS.fullmatch(address) if isinstance(address, str) else None
    if found is None:
        return None
    scheme = found[1].lower()
    return scheme, found[2].lower(), int(found[3] or {"http": 80, "https": 443}[scheme])


def _size(ratio: str, sizes: SizeRange) -> str:
    """Return the size to ask for where only a ratio is wanted, within the bounds of the model."""
    usual = size_near(ratio, multiple=32)
    return usual if sizes.holds(*pixels(usual)) else size_near(ratio, multiple=32, area=SMALLER_AREA)


def _is_page(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").lower().startswith("text/html")


def _marks(result: Mapping[str, Any], accepted: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers that carry to `read` what other answers said of a picture."""
    seed, cost = result.get("seed"), accepted["cost"]
    return {
        STEP: PICTURE,
        SEED: str(seed) if type(seed) is int and 0 <= seed <= MAX_SEED else "",
        COST: "" if cost is None else f"{cost:.4f}",
    }


def _seed(headers: Mapping[str, str]) -> int | None:
    text = headers.get(SEED, "")
    return int(text) if re.fullmatch(r"[0-9]{1,10}", text) else None


def _cost(headers: Mapping[str, str]) -> Cost | None:
    text = headers.get(COST, "")
    return Cost(float(text), "credits") if re.fullmatch(r"[0-9]{1,7}\.[0-9]{4}", text) else None


def _end(found: Mapping[str, Any]) -> errors.ProviderError:
    """Name what became of a task that has ended without a picture."""
    match found.get("status"):
        case "Request Moderated":
            return errors.Refused("The moderation of Black Forest Labs denied the prompt. Nothing was charged.")
        case "Content Moderated":
            return errors.Refused("The moderation of Black Forest Labs withheld the picture. Nothing was charged.")
        case "Error":
            told = sentence(found.get("details"))
            return errors.OutcomeUnknown(f"Black Forest Labs failed{f' ({told})' if told else ''}. It may have been paid.")
        case "Task not found":
            return errors.OutcomeUnknown("Black Forest Labs no longer knows the task. It may have been paid.")
    nowhere = "Black Forest Labs says that the picture is ready, and not where. It may have been paid."
    return errors.BadAnswer(nowhere, charged=Charged.UNKNOWN)


def _failure(answer: Answer, key_name: str) -> errors.ProviderError:
    """Name what a status of the paid call means. A 500 and a 503 are documented, and not that they are free."""
    described = _described(answer.body)
    match answer.status:
        case 401:
            return errors.NotConfigured(f"Black Forest Labs does not accept the key in {key_name}.")
        case 402:
            return errors.OutOfCredit("The account at Black Forest Labs has no credit left. Nothing was charged.")
        case 403 if described:
            return errors.NotConfigured(f"Black Forest Labs does not accept the key in {key_name} ({described}).")
        case 429:
            wait = wait_seconds(answer.headers, BUSY_SECONDS)
            return errors.RateLimited("Black Forest Labs takes no more calls for the moment.", retry_after=wait)
        case 400 | 404 | 422 if described:
            return errors.Invalid(f"Black Forest Labs does not accept this request ({described}). Nothing was charged.")
    return errors.OutcomeUnknown(f"Black Forest Labs answered with status {answer.status}. It may have been paid.")


def _described(body: bytes) -> str:
    """Return what an error says in the provider's own shape, a sentence or a list of fields, else the empty string."""
    detail = json_object(body).get("detail")
    return wrong_fields(detail) if isinstance(detail, list) else sentence(detail if isinstance(detail, str) else "")
