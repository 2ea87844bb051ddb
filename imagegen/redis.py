"""The one connection pool to Redis or Valkey of this process."""

from functools import cache

import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

from imagegen import conf

Error = redis.RedisError


def key(name: str) -> str:
    """Return what this installation calls something in Redis."""
    return f"{conf.redis_prefix()}:{name}"


@cache
def client() -> redis.Redis:
    """Return a client that gives up after seconds, so that nothing hangs while Redis is away."""
    return redis.Redis.from_url(
        conf.redis_url(), socket_connect_timeout=2, socket_timeout=5, max_connections=conf.worker_concurrency() + 20
    )


@cache
def impatient_client() -> redis.Redis:
    """Return a client for what may as well be left undone: it tries once, and for half a second."""
    return redis.Redis.from_url(
        conf.redis_url(),
        socket_connect_timeout=0.5,
        socket_timeout=0.5,
        max_connections=conf.worker_concurrency() + 20,
        retry=Retry(NoBackoff(), retries=0),
    )


def async_client() -> redis.asyncio.Redis:
    """Return a client of its own for one event loop; close it when done."""
    return redis.asyncio.Redis.from_url(conf.redis_url(), socket_connect_timeout=2, socket_timeout=5)
