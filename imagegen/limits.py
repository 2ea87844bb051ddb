"""How often providers may be called, by all workers together: a sliding window in Redis, measured by Redis's own clock.

A call that must wait gets a place of its own in the window at once, so that many waiting threads neither race for the next
free place nor all wake for it. Whoever does not use a place gives it back.
"""

import contextlib
import logging
import math
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from imagegen import conf, redis
from imagegen.providers import registry
from imagegen.providers.base import Rate

log = logging.getLogger(__name__)
# A thread waits no longer than this in place; for longer it can do something else meanwhile.
PATIENCE_SECONDS = 10.0
# Calls leave a little after their place in the window, and not all equally late: the window is longer by so much.
MARGIN = 1.03

PLENTY = 1_000_000

# KEYS: places, pause. ARGV: calls, window and patience in microseconds, a name for the place.
# Returns microseconds to wait with a place, or minus one and the microseconds after which to ask again.
_ADMIT = """
local pause = redis.call('PTTL', KEYS[2])
if pause > 0 then return {-1, pause * 1000} end
local calls, window, patience = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if calls == 0 then return {0, 0} end
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - window))
local taken, at = redis.call('ZCARD', KEYS[1]), now
if taken >= calls then
  local leaving = redis.call('ZRANGE', KEYS[1], taken - calls, taken - calls, 'WITHSCORES')[2]
  at = math.max(now, tonumber(leaving) + window + 1)
end
if at - now > patience then return {-1, at - now} end
redis.call('ZADD', KEYS[1], string.format('%.0f', at), ARGV[4])
redis.call('PEXPIRE', KEYS[1], math.ceil((at - now + window) / 1000) + 1000)
return {at - now, 0}
"""
# KEYS: pause. ARGV: milliseconds, a sentence. A shorter pause never cuts a longer one.
_PAUSE = """
if redis.call('PTTL', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[1])
return 1
"""


@dataclass(frozen=True)
class Place:
    """The right to make one call now."""

    provider: str
    name: str


class _Crowd:
    """How many threads of this process wait for each provider: at most half, so that other providers' jobs get through."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, int] = defaultdict(int)
        self._lock = threading.Lock()

    def join(self, provider: str) -> bool:
        with self._lock:
            if self._waiting[provider] >= max(conf.worker_concurrency() // 2, 1):
                return False
            self._waiting[provider] += 1
            return True

    def leave(self, provider: str) -> None:
        with self._lock:
            self._waiting[provider] -= 1


_crowd = _Crowd()


def wait_for_place(provider: str) -> Place | None:
    """Return the right to call this provider once, after waiting for it in place where that is worth it; else None.

    Raises redis.Error where nobody can tell how many calls were made; a provider without limits never does.
    """
    if not _crowd.join(provider):
        return None
    try:
        return _wait(provider)
    finally:
        _crowd.leave(provider)


def give_back(place: Place) -> None:
    """Return a place that was not used, so that another call may have it; where that fails, it is merely wasted."""
    with contextlib.suppress(redis.Error):
        redis.impatient_client().zrem(_places(place.provider), place.name)


def calls_within(provider: str, seconds: float) -> int:
    """Return how many calls a provider takes in so many seconds; a great many where it has no limit, or is gone."""
    try:
        rate = registry.rate(provider)
    except KeyError:
        return PLENTY
    return math.ceil(rate.calls * seconds / rate.seconds) if rate else PLENTY


def pause(provider: str, seconds: float, sentence: str) -> None:
    """Let no worker call this provider for so long: it said that it had too many calls."""
    try:
        redis.impatient_client().eval(_PAUSE, 1, _pause(provider), max(int(seconds * 1000), 1), sentence)
    except redis.Error as error:
        log.warning("other workers could not be told that %s had too many calls: %s", provider, error)


def paused_for(provider: str) -> float:
    """Return how many seconds a provider still rests after it had too many calls; 0 where it does not, or nobody knows."""
    try:
        left: Any = redis.impatient_client().pttl(_pause(provider))
    except redis.Error:
        return 0.0
    return max(int(left), 0) / 1000


def _wait(provider: str) -> Place | None:
    place = Place(provider, uuid4().hex)
    wait = _ask(place)
    if wait is None:
        return None
    if wait:
        time.sleep(wait)
        # Somebody else may have been told meanwhile that it is too much.
        if paused_for(provider):
            give_back(place)
            return None
    return place


def _ask(place: Place) -> float | None:
    """Return after how many seconds this place may be used; None where that is too far away."""
    try:
        rate = registry.rate(place.provider)
    except KeyError:
        # It is gone from the settings, which the claim will say.
        return 0.0
    try:
        wait = _admit(place, rate)
    except redis.Error:
        if rate is not None:
            raise
        # Nothing is to be counted, and whether others were told to pause is worth no more than a try.
        return 0.0
    return None if wait < 0 else wait / 1e6


def _admit(place: Place, rate: Rate | None) -> int:
    keys = (_places(place.provider), _pause(place.provider))
    numbers = _numbers(rate) if rate else (0, 0)
    answer: Any = redis.impatient_client().eval(_ADMIT, 2, *keys, *numbers, int(PATIENCE_SECONDS * 1e6), place.name)
    return int(answer[0])


def _numbers(rate: Rate) -> tuple[int, int]:
    return rate.calls, int(rate.seconds * MARGIN * 1e6)


def _places(provider: str) -> str:
    return f"chaotix:limit:{{{provider}}}:places"


def _pause(provider: str) -> str:
    return f"chaotix:limit:{{{provider}}}:pause"
