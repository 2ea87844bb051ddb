"""How often providers may be called, by all workers together: a sliding window in Redis, measured by Redis's own clock.

A call that must wait gets a place of its own in the window at once, so that many waiting threads neither race for the next
free place nor all wake for it. Whoever does not use a place gives it back, and a call counts from the moment it goes out.
"""

import contextlib
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from imagegen import conf, errors, redis
from imagegen.providers import registry

log = logging.getLogger(__name__)
# A thread waits no longer than this in place; for longer it can do something else meanwhile.
PATIENCE_SECONDS = 10.0
# Calls leave a little after their place in the window, and not all equally late: the window is longer by so much.
MARGIN = 1.01

# Nobody needs longer to understand an answer.
DOUBT_SECONDS = 2.0
# About as long as an answer takes that says at once that nothing is to be had.
GAP_SECONDS = 0.005

PLENTY = 1_000_000

# KEYS: places, pause. ARGV: calls, window and patience in microseconds, the name of the place.
# Returns how many microseconds to wait, the place being kept meanwhile; minus one where that is too long. Who asks for the
# first time comes after everybody who has a place; who has one already only looks at the calls that went before.
_ADMIT = """
local known = redis.call('ZREM', KEYS[1], ARGV[4])
if redis.call('EXISTS', KEYS[2]) == 1 then return -1 end
local calls, window, patience = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if calls == 0 then return 0 end
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - window))
local taken, at = redis.call('ZCOUNT', KEYS[1], '-inf', known == 1 and string.format('%.0f', now) or '+inf'), now
if taken >= calls then
  local leaving = redis.call('ZRANGE', KEYS[1], taken - calls, taken - calls, 'WITHSCORES')[2]
  at = math.max(now, tonumber(leaving) + window + 1)
end
if at - now > patience then return -1 end
redis.call('ZADD', KEYS[1], string.format('%.0f', at), ARGV[4])
redis.call('PEXPIRE', KEYS[1], math.ceil((at - now + window) / 1000) + 1000)
return at - now
"""
# KEYS: places, pause. ARGV: window in microseconds, the name of the place. From now on it counts as used; a window of zero
# counts nothing. Returns for how many milliseconds the provider rests, and then the place is free again.
_USE = """
local left = redis.call('PTTL', KEYS[2])
if left > 0 then
  redis.call('ZREM', KEYS[1], ARGV[2])
  return left
end
if ARGV[1] ~= '0' then
  local clock = redis.call('TIME')
  redis.call('ZADD', KEYS[1], string.format('%.0f', clock[1] * 1000000 + clock[2]), ARGV[2])
  redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[1] / 1000) + 1000)
end
return 0
"""
# KEYS: pause. ARGV: milliseconds, a sentence. A shorter pause never cuts a longer one.
_PAUSE = """
if redis.call('PTTL', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[1])
return 1
"""


class Crowded(errors.ImagegenError):
    """Enough threads of this process wait for the provider already."""


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


class _Turnstile:
    """Lets the calls of this process to one provider go out one by one, and none while an answer is in doubt.

    Threads come free in crowds: before one had read that the account is empty, five others would have called.
    """

    def __init__(self) -> None:
        self._doubts = 0
        self._free_from = 0.0
        self._changed = threading.Condition()
        self._turn = threading.Lock()

    @contextlib.contextmanager
    def passing(self) -> Iterator[None]:
        """Wait for one's turn and for the end of all doubts; the next one's turn comes a moment after the block."""
        with self._turn:
            time.sleep(max(self._free_from - time.monotonic(), 0))
            with self._changed:
                self._changed.wait_for(lambda: not self._doubts, timeout=DOUBT_SECONDS)
            yield
            self._free_from = time.monotonic() + GAP_SECONDS

    @contextlib.contextmanager
    def closed(self) -> Iterator[None]:
        with self._changed:
            self._doubts += 1
        try:
            yield
        finally:
            with self._changed:
                self._doubts -= 1
                self._changed.notify_all()


_turnstiles: defaultdict[str, _Turnstile] = defaultdict(_Turnstile)


def doubt(provider: str) -> contextlib.AbstractContextManager[None]:
    """Let no thread of this process call a provider while the block finds out what its answer means."""
    return _turnstiles[provider].closed()


def take_place(provider: str) -> Place | None:
    """Return the right to call this provider now, where nobody need wait for it; else None.

    Raises redis.Error where nobody knows how many calls were made; for a provider without limits it never does.
    """
    place = Place(provider, uuid4().hex)
    return place if _ask(place, 0) is not None else None


def wait_for_place(provider: str, *, before: Callable[[], None] = lambda: None) -> Place | None:
    """Return the right to call this provider once, after waiting for it in place where that is worth it; else None.

    `before` is called before anything is waited for. Raises Crowded where enough threads of this process wait already, and
    redis.Error as `take_place` does.
    """
    if paused_for(provider):
        return None
    if not _crowd.join(provider):
        raise Crowded(provider)
    try:
        before()
        return _wait(Place(provider, uuid4().hex))
    finally:
        _crowd.leave(provider)


def use(place: Place) -> None:
    """Note that the call goes out now: however long it took from the place to here, the window counts from here.

    Raises errors.RateLimited where the provider has meanwhile had too many calls; the place is given back then.
    """
    with _turnstiles[place.provider].passing():
        rest = _use(place)
    if rest:
        sentence = f"{place.provider} takes no more calls for now. This one was not made. Nothing was charged."
        # Its own job need not wait besides: all wait together, and may be resumed together.
        raise errors.RateLimited(sentence, retry_after=0)


def _use(place: Place) -> int:
    """Count a call from now on; return for how many milliseconds its provider rests instead, 0 where it does not."""
    keys = (_places(place.provider), _pause(place.provider))
    try:
        left: Any = redis.impatient_client().eval(_USE, 2, *keys, _window(place.provider)[1], place.name)
    except redis.Error:
        # It counts from when the place was given; a little too early is better than not at all.
        log.warning("the moment of a call to %s could not be noted", place.provider)
        return 0
    return int(left)


def give_back(place: Place) -> None:
    """Return a place that was not used, so that another call may have it; where that fails, it is merely wasted."""
    with contextlib.suppress(redis.Error):
        redis.impatient_client().zrem(_places(place.provider), place.name)


def room(provider: str, seconds: float) -> int:
    """Return how many more calls a provider takes in so many seconds from now, at most a window of its limit.

    A great many where it has no limit, none while it has had enough. Raises redis.Error.
    """
    calls, window = _window(provider)
    horizon = min(int(seconds * 1e6), window) if calls else int(seconds * 1e6)
    client = redis.client()
    if paused_for(provider) * 1e6 > horizon:
        return 0
    if not calls:
        return PLENTY
    second, micro = client.time()
    taken = client.zcount(_places(provider), second * 10**6 + micro + horizon - window, "+inf")
    return max(calls - taken, 0)


def pause(provider: str, seconds: float, sentence: str) -> None:
    """Let no worker call this provider for so long: it said that it had too many calls."""
    try:
        redis.impatient_client().eval(_PAUSE, 1, _pause(provider), max(int(seconds * 1000), 1), sentence)
    except redis.Error as error:
        log.warning("other workers could not be told that %s had too many calls: %s", provider, error)


def end_pause(provider: str) -> bool:
    """Let a provider be called again that had too many calls; False where it did not rest, or nobody knows."""
    try:
        return bool(redis.impatient_client().delete(_pause(provider)))
    except redis.Error:
        return False


def paused_for(provider: str) -> float:
    """Return how many seconds a provider still rests after it had too many calls; 0 where it does not, or nobody knows."""
    return rests([provider])[provider]


def rests(providers: Iterable[str]) -> dict[str, float]:
    """Return the same for several providers, in one round trip."""
    names = list(providers)
    try:
        with redis.impatient_client().pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.pttl(_pause(name))
            left: list[Any] = pipeline.execute()
    except redis.Error:
        return dict.fromkeys(names, 0.0)
    return {name: max(int(milliseconds), 0) / 1000 for name, milliseconds in zip(names, left, strict=True)}


def _wait(place: Place) -> Place | None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    # Asked once more after each wait: calls may have left later than they were let go, or somebody was told to pause.
    while wait := _ask(place, deadline - time.monotonic()):
        time.sleep(wait)
    return None if wait is None else place


def _ask(place: Place, patience: float) -> float | None:
    """Return after how many seconds this place may be used, or whether to ask again then; None if that is too far away."""
    calls, window = _window(place.provider)
    keys = (_places(place.provider), _pause(place.provider))
    try:
        wait: Any = redis.impatient_client().eval(_ADMIT, 2, *keys, calls, window, int(max(patience, 0) * 1e6), place.name)
    except redis.Error:
        if calls:
            raise
        # Nothing is to be counted, and whether others were told to pause is worth no more than a try.
        return 0.0
    return None if wait < 0 else int(wait) / 1e6


def _window(provider: str) -> tuple[int, int]:
    """Return how many calls a provider takes in how many microseconds; zeros where it has no limit.

    One that is gone from the settings has none either: the claim will say so.
    """
    try:
        rate = registry.rate(provider)
    except KeyError:
        rate = None
    return (rate.calls, int(rate.seconds * MARGIN * 1e6)) if rate else (0, 0)


def _places(provider: str) -> str:
    return redis.key(f"limit:{{{provider}}}:places")


def _pause(provider: str) -> str:
    return redis.key(f"limit:{{{provider}}}:pause")
