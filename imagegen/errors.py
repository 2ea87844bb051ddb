"""Errors as words, read by type.

ImagegenError
├── BadSubmission          what was asked cannot be done; says which field and which item
├── Conflict               what is asked does not fit what is there: another submission's key, a job that has moved on
├── NotAllowed             ANONYMOUS_ACCESS does not let this person do it
├── StorageUnavailable     the picture could not be put where pictures are kept
├── WriterFailed           a prompt writer was asked and wrote nothing; says which, and why
├── NoRoom                 the disk has no room for an answer that has not been asked for yet
└── ProviderError          what became of one call to a provider; `charged` says whether money was spent
    ├── NotConfigured      no key, or the provider does not accept it
    ├── OutOfCredit        the account is empty
    ├── RateLimited        too many calls; `retry_after` in seconds
    ├── Unavailable        surely not executed, or documented as not charged: safe to try again
    ├── Invalid            the provider does not accept this request, and never will
    ├── Refused            the provider's moderation said no
    ├── BadAnswer          it answered, and the answer is no picture
    └── OutcomeUnknown     the call may have been executed and paid; nobody can tell
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from imagegen.states import Charged

# In seconds. Whatever a provider writes into Retry-After, a job is not put off for longer.
MAX_RETRY_AFTER = 3600.0


class ImagegenError(Exception):
    """Anything this product says about a submission, a job or a call."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a submission: the field, a sentence, and the item's position (from 0) where it has one."""

    field: str
    message: str
    position: int | None = None


class BadSubmission(ImagegenError):
    """What was asked cannot be done; `problems` lists why, and nothing was queued."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems


class Conflict(ImagegenError):
    """The idempotency key stands for another submission, or the job is past what is asked of it."""


class NotAllowed(ImagegenError):
    """This person may not do that."""


class WriterFailed(ImagegenError):
    """Writer `writer` was asked and wrote nothing. `code` is that of the error that says why."""

    def __init__(self, writer: str, message: str, code: str) -> None:
        super().__init__(message)
        self.writer = writer
        self.code = code


class StorageUnavailable(ImagegenError):
    """The picture could not be stored."""


class NoRoom(ImagegenError):
    """The disk is too full to keep the answers of the calls in flight."""


class ProviderError(ImagegenError):
    """What became of one call. The message is a sentence for people."""

    code = "provider_error"
    # What the answer says about the call, where there is one.
    http_status: int | None = None
    request_id: str = ""
    usage: Mapping[str, int] = MappingProxyType({})

    def __init__(self, message: str, *, charged: Charged = Charged.NO) -> None:
        super().__init__(message)
        self.charged = charged


class NotConfigured(ProviderError):
    """There is no key, or the provider does not accept it."""

    code = "not_configured"


class OutOfCredit(ProviderError):
    """The account has no credit left."""

    code = "out_of_credit"


class RateLimited(ProviderError):
    """Too many calls; `retry_after` is how many seconds to stay away, an hour at most."""

    code = "rate_limited"

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = min(retry_after, MAX_RETRY_AFTER)


class Unavailable(ProviderError):
    """The call was surely not executed, or failed in a way that is documented as not charged."""

    code = "unavailable"


class Invalid(ProviderError):
    """The provider does not accept this request and will not accept it later either."""

    code = "invalid"


class Refused(ProviderError):
    """The provider's moderation said no to the prompt, or to the picture it made."""

    code = "refused"


class BadAnswer(ProviderError):
    """The provider answered with something that is not the picture it promised."""

    code = "bad_answer"


class OutcomeUnknown(ProviderError):
    """The call was sent, and nobody can tell whether it was executed and paid."""

    code = "outcome_unknown"

    def __init__(self, message: str) -> None:
        super().__init__(message, charged=Charged.UNKNOWN)


class WorkerGone(OutcomeUnknown):
    """The same because of ourselves: who made the call is gone, and its answer with it. It says nothing of the provider."""

    code = "worker_gone"
