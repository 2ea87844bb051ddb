"""Settings as the rest of the app reads them: one small function each, so that tests can override them."""

from datetime import timedelta
from pathlib import Path

from django.conf import settings


def lease() -> timedelta:
    """How long a worker may be silent about a job before others may take it over."""
    return timedelta(seconds=settings.LEASE_SECONDS)


def heartbeat_seconds() -> float:
    """How often a worker process says that it lives: three times in a lease."""
    return float(settings.LEASE_SECONDS) / 3


def sweep_seconds() -> float:
    return float(settings.SWEEP_SECONDS)


def retry_unknown() -> bool:
    """Whether a call with an unknown outcome may be bought again without asking anybody."""
    return bool(settings.ON_UNKNOWN == "retry")


def max_paid_attempts() -> int:
    return int(settings.MAX_PAID_ATTEMPTS)


def max_paid_calls_per_day() -> int | None:
    """How many calls that cost money may be made between two midnights UTC; None is no limit."""
    limit = settings.MAX_PAID_CALLS_PER_DAY
    return None if limit is None else int(limit)


def rest_seconds() -> float:
    """How long a provider rests at first that has no credit, refuses the key or fails too often."""
    return float(settings.REST_SECONDS)


def fallback_chain() -> list[str]:
    """Providers in the order in which each takes over from the one before; empty where nobody does."""
    return list(settings.FALLBACK_CHAIN)


def who_takes_over(provider: str) -> list[str]:
    """Who takes over from this provider, in order; nobody where it is not in the chain."""
    chain = fallback_chain()
    return chain[chain.index(provider) + 1 :] if provider in chain else []


def max_prompts() -> int:
    """How many pictures one submission may ask for."""
    return int(settings.MAX_PROMPTS)


def max_body_bytes() -> int:
    return int(settings.MAX_BODY_BYTES)


def anonymous_access() -> str:
    """What people without a name may do: `open`, `read` or `closed`."""
    return str(settings.ANONYMOUS_ACCESS)


def sign_up_is_open() -> bool:
    """Whether people may make accounts themselves."""
    return bool(settings.SIGN_UP == "open")


def can_send_mail() -> bool:
    """Whether a server is named that takes mail."""
    return bool(settings.CAN_SEND_MAIL)


def worker_concurrency() -> int:
    return int(settings.WORKER_CONCURRENCY)


def queue_name(kind: str = "") -> str:
    """Return the queue of a kind of worker (Provider.queue)."""
    return f"{settings.CELERY_TASK_DEFAULT_QUEUE}{f'.{kind}' if kind else ''}"


def redis_url() -> str:
    return str(settings.REDIS_URL)


def redis_prefix() -> str:
    """What every key in Redis begins with, so that two installations can share a server."""
    return str(settings.REDIS_PREFIX)


def presigned_seconds() -> int:
    """How long the address works by which browsers get a picture from the bucket; 0 where this site hands pictures on."""
    return int(settings.PRESIGNED_SECONDS)


def metrics_token() -> str:
    """What whoever asks for /metrics must bring; empty where nothing is asked for."""
    return str(settings.METRICS_TOKEN)


def log_prompts() -> bool:
    """Whether lines of the log say what was asked for."""
    return bool(settings.LOG_PROMPTS)


def public_url() -> str:
    """The address people use, without a slash at the end; empty when it is whatever they typed."""
    return str(settings.PUBLIC_URL)


def data_dir() -> Path:
    return Path(settings.DATA_DIR)


def spool_dir() -> Path:
    """Where answers wait, on this machine, until their pictures are stored."""
    return data_dir() / "spool"
