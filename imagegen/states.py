"""The words for what may become of a job, and whether a call was charged."""

from enum import StrEnum


class State(StrEnum):
    """Where a job is. Only lifecycle.py moves it."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"  # the provider's moderation said no
    CANCELED = "canceled"
    UNKNOWN = "unknown"  # a call may have been paid, and its picture is not here


UNFINISHED = frozenset({State.QUEUED, State.RUNNING})


class Charged(StrEnum):
    """Whether a call cost money, as far as the provider documents it."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Purpose(StrEnum):
    """What a call is paid for."""

    IMAGE = "image"
    PROMPTS = "prompts"


class Visibility(StrEnum):
    """Who may see a batch, or a picture, besides its owner and staff."""

    PRIVATE = "private"
    PUBLIC = "public"


class Wish(StrEnum):
    """What an owner may do with pictures that are there, as addresses spell it."""

    PUBLISH = "publish"
    TAKE_BACK = "take-back"
    DELETE = "delete"
    RESTORE = "restore"


class PauseReason(StrEnum):
    """Why every job of a provider waits."""

    NO_CREDIT = "no_credit"
    BAD_KEY = "bad_key"
    BREAKER = "breaker"
    BY_HAND = "by_hand"


class Decision(StrEnum):
    """What an owner may decide about a job, as addresses spell it."""

    CANCEL = "cancel"
    RETRY = "retry"
    BUY_AGAIN = "buy-again"
    PAUSE = "pause"
    RESUME = "resume"
