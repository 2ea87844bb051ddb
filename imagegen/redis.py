"""The one connection pool to Redis or Valkey of this process."""

from functools import cache

import redis
import redis.asyncio

from imagegen import conf

Error = redis.RedisError


@cache
def client() -> redis.Redis:
    """Return a client that gives up after seconds, so that nothing hangs while Redis is away."""
    return redis.Redis.from_url(
        conf.redis_url(), socket_connect_timeout=2, socket_timeout=5, max_connections=conf.worker_concurrency() + 20
    )


def async_client() -> redis.asyncio.Redis:
    """Return a client of its own for one event loop; close it when done."""
    return redis.asyncio.Redis.from_url(conf.redis_url(), socket_connect_timeout=2, socket_timeout=5)
