"""Who takes over: the next provider of FALLBACK_CHAIN that can make a picture which another one surely did not make.

Only a job none of whose calls was paid, or may have been, is handed on: the chain saves time and never buys twice. A new
provider gets what was asked for, or the job stays: of the options only the model, which is his own, and its quality are left
out, and a seed where he takes none.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

from imagegen import conf, lanes, ledger, pauses
from imagegen.lanes import Lane
from imagegen.models import Job, ProviderPause
from imagegen.providers import registry
from imagegen.providers.base import ImageRequest, Provider
from imagegen.states import PauseReason


def successor(job: Job) -> dict[str, Any] | None:
    """Return the columns that give this job to who takes over; None where nobody can, or where it may have been paid for."""
    if ledger.paid_calls([job.pk]):
        return None
    return next((found for name in conf.who_takes_over(job.provider) if (found := _if_able(name, job))), None)


def ailing() -> Iterator[ProviderPause]:
    """Yield the pauses of providers in the chain whose jobs somebody else could make."""
    if not conf.fallback_chain():
        return
    for name, pause in pauses.current().items():
        if pause.reason != PauseReason.BY_HAND and conf.who_takes_over(name):
            yield pause


def _if_able(name: str, job: Job) -> dict[str, Any] | None:
    provider = registry.get(name)
    if provider.not_configured() or not pauses.allowance(name):
        return None
    asked = _asked(job, provider)
    if any(provider.refusals(asked)):
        return None
    lane = Lane.of(job.batch.owner_id, job.batch_id)
    return {
        "provider": name,
        "model": asked.model,
        "quality": asked.quality,
        "seed": asked.seed,
        "aspect_ratio": provider.ratio_of(asked),
        "moved_from": job.moved_from or job.provider,
        "turn": lanes.turn_in(name, lane),
        # Failures of the one before do not count against this one.
        "tries_from": job.fence,
    }


def _asked(job: Job, provider: Provider) -> ImageRequest:
    """Return what was asked for, as far as it is not about the provider before."""
    model = provider.models[0]
    asked = ImageRequest(
        attempt=uuid4(), prompt=job.prompt, model=model.name, negative_prompt=job.negative_prompt, size=job.size,
        aspect_ratio="" if job.size else job.aspect_ratio, style=job.style,
        quality=job.quality if job.quality in model.qualities else "", seed=job.seed,
    )  # fmt: skip
    return asked if provider.seed else replace(asked, seed=None)
