"""How a call may end: what the provider did, whether it wrote that on its bill, and what the worker makes of it."""

from enum import Enum

from imagegen import errors
from imagegen.errors import ProviderError
from imagegen.states import Charged

# How long a rate limit of this provider lasts, in seconds.
STAY_AWAY = 30.0


class Ending(Enum):
    """One way a call may end. `error` is None for a picture; where nobody can tell, both bills are possible."""

    PICTURE = None, True
    REFUSED = errors.Refused("no"), False
    REFUSED_AND_CHARGED = errors.Refused("blurred", charged=Charged.YES), True
    INVALID = errors.Invalid("no such size"), False
    RATE_LIMITED = errors.RateLimited("slow down", retry_after=STAY_AWAY), False
    OUT_OF_CREDIT = errors.OutOfCredit("empty"), False
    BAD_KEY = errors.NotConfigured("who are you"), False
    UNAVAILABLE = errors.Unavailable("down"), False
    LOST_WHEN_PAID = errors.OutcomeUnknown("reset"), True
    LOST_UNPAID = errors.OutcomeUnknown("reset"), False
    BAD_ANSWER = errors.BadAnswer("html", charged=Charged.NO), False
    BAD_ANSWER_CHARGED = errors.BadAnswer("cut off", charged=Charged.YES), True
    BAD_ANSWER_WHEN_PAID = errors.BadAnswer("odd", charged=Charged.UNKNOWN), True
    BAD_ANSWER_UNPAID = errors.BadAnswer("odd", charged=Charged.UNKNOWN), False

    def __init__(self, error: ProviderError | None, is_billed: bool) -> None:
        self.error = error
        self.is_billed = is_billed

    @property
    def is_picture(self) -> bool:
        return self.error is None

    @property
    def is_kept(self) -> bool:
        """Whether there is an answer that can lie in the spool."""
        return not isinstance(self.error, errors.OutcomeUnknown)

    @property
    def outcome(self) -> str:
        return self.error.code if self.error else "came_too_late"

    @property
    def charged(self) -> Charged:
        """Return what the answer says about money."""
        return self.error.charged if self.error else Charged.YES


class Mishap(Enum):
    """What may go wrong on our side while a call is brought to its end."""

    NONE = "none"
    STORAGE_AWAY = "the picture has no place"
    BUG = "a bug"
    CRASH = "the process dies before the answer is discarded"
