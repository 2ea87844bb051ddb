"""How far a list of cards has come, and where its page hears of more."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlencode

from django.urls import reverse

from imagegen.queries import Card, Glance
from imagegen.states import UNFINISHED, State

REFRESH_SECONDS = 3


class Progress(NamedTuple):
    """How far a list of cards has come; `seconds_left` is a guess, None before there is anything to guess from.

    Of the unfinished ones so many are `held`, and of those only the ones that wait are `paused`: a call in flight goes on.
    """

    total: int
    done: int
    pictures: int
    failed: int
    canceled: int
    unfinished: int
    drawn: int
    held: int
    paused: int
    canceling: int
    seconds_left: int | None

    @property
    def details(self) -> list[str]:
        """Say what so many done do not tell: what came of them, and what the others do."""
        waits = bool(self.held)
        told = (
            (self.pictures if self.pictures < self.done else None, "with a picture"),
            (self.canceled or None, "canceled"),
            (self.canceling or None, "being canceled"),
            (self.paused or None, "paused"),
            (self.drawn if waits and self.drawn else None, "still being drawn"),
        )
        return [f"{number} {words}" for number, words in told if number is not None] + ([] if waits else self._time_left)

    @property
    def has_more_to_hold(self) -> bool:
        """Whether a pause would change anything."""
        return self.held < self.unfinished and self.has_more_to_cancel

    @property
    def has_more_to_cancel(self) -> bool:
        return self.canceling < self.unfinished

    @property
    def _time_left(self) -> list[str]:
        """Say how long it will take, or nothing."""
        if self.seconds_left is None:
            return []
        if self.seconds_left < 90:
            return [f"about {self.seconds_left} s left"]
        return [f"about {round(self.seconds_left / 60)} min left"]

    @property
    def refresh_seconds(self) -> int | None:
        """How soon a page that cannot listen should ask again; None once everything has ended."""
        return REFRESH_SECONDS if self.unfinished else None


def progress_of(shown: Iterable[Card | Glance], *, missing: int = 0) -> Progress:
    """Count what has ended. A missing card, shown or only counted, has ended: nothing will come of it."""
    shown = list(shown)
    states = Counter(each.state for each in shown)
    unfinished = [each for each in shown if each.state in UNFINISHED]
    done = len(shown) - len(unfinished)
    return Progress(
        total=len(shown) + missing,
        done=done + missing,
        pictures=sum(each.has_picture for each in shown),
        failed=states[State.FAILED],
        canceled=states[State.CANCELED],
        unfinished=len(unfinished),
        drawn=states[State.RUNNING],
        held=sum(each.is_held for each in unfinished),
        paused=sum(each.is_held and each.state == State.QUEUED for each in unfinished),
        canceling=sum(each.is_canceling for each in unfinished),
        seconds_left=_seconds_left(shown, done, len(unfinished)),
    )


def events_url(shown: Sequence[Card], **asked: str) -> str:
    """Return where an open page hears of changes to these cards; empty where nothing more will change."""
    if not progress_of(shown).unfinished:
        return ""
    newest = max(card.version for card in shown)
    return f"{reverse('events')}?{urlencode({**asked, 'since': newest})}"


def _seconds_left(shown: Sequence[Card | Glance], done: int, unfinished: int) -> int | None:
    """Guess from the pace so far, counted from when the first of them was asked for.

    Where none is being drawn there is no pace: all that are left wait, and say themselves for what.
    """
    begun = min((each.created for each in shown if each.created), default=None)
    if begun is None or not done or all(each.state != State.RUNNING for each in shown):
        return None
    return math.ceil((datetime.now(UTC) - begun).total_seconds() / done * unfinished)
