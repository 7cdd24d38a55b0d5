"""What Klaviyo answered, as values.

Five kinds settle a request: `Accepted`, `Rejected`, `NotFound`, `Conflict`, `TooLarge`.
Three do not; the client waits and sends again: `Throttled`, `Temporary`,
`OperatorFault`. A reason is a kebab-case code, then optionally `: ` and words of
Klaviyo's own; it never holds a value somebody sent.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec


class _Result(msgspec.Struct, frozen=True, kw_only=True):
    """One answer.

    Attributes:
        status: HTTP status; 0 when there was none.
        attempts: Requests made until this answer.
        is_uncertain: An earlier one of them may have been carried out though its answer
            was lost.
    """

    status: int = 0
    attempts: int = 1
    is_uncertain: bool = False


class Accepted(_Result, frozen=True, kw_only=True):
    """2xx; `data` is the whole JSON document, empty when there was no body."""

    data: Mapping[str, Any] = {}


class Rejected(_Result, frozen=True, kw_only=True):
    """400 and its kin: it will be rejected again.

    Attributes:
        reason: The first error.
        item_reasons: Place in the request's array → the reason, where errors name
    items."""

    reason: str
    item_reasons: Mapping[int, str] = {}


class NotFound(_Result, frozen=True, kw_only=True):
    """404: the list, the job or a profile is gone; `item_reasons` as in `Rejected`."""

    reason: str = "not-found"
    item_reasons: Mapping[int, str] = {}


class Conflict(_Result, frozen=True, kw_only=True):
    """409: the identifiers belong to another profile."""

    duplicate_profile_id: str
    reason: str = "duplicate-profile"


class TooLarge(_Result, frozen=True, kw_only=True):
    """413, 414: split it."""

    reason: str = "too-large"


class Throttled(_Result, frozen=True, kw_only=True):
    """429: never wait less than `retry_after_s`."""

    retry_after_s: float


class Temporary(_Result, frozen=True, kw_only=True):
    """5xx, timeout, cut connection, a page that is not Klaviyo's: it will pass.

    Attributes:
        reason: What happened.
        is_blocked: A challenge page: the operator must allow-list the sender's IP.
    """

    reason: str
    is_blocked: bool = False


class OperatorFault(_Result, frozen=True, kw_only=True):
    """401, 403 for a scope, 410: the operator or we must mend it; nothing is lost."""

    reason: str


Rejection: TypeAlias = Rejected | NotFound | Conflict | TooLarge
"""Settled, and not as asked."""

FinalResult: TypeAlias = Accepted | Rejection
"""It makes no sense to send the same again."""

AttemptResult: TypeAlias = FinalResult | Throttled | Temporary | OperatorFault


class ListGone(msgspec.Struct, frozen=True, kw_only=True):
    """The list does not exist any more: pair the audience anew, then send all again.

    Verdicts already reached are dropped; sending an item twice changes nothing.
    """

    list_id: str


class DailyQuotaExhausted(msgspec.Struct, frozen=True, kw_only=True):
    """No list can be created today.

    Attributes:
        retry_after_s: Seconds until one can.
    """

    retry_after_s: float


class ListNameRejected(msgspec.Struct, frozen=True, kw_only=True):
    """Klaviyo takes no list of that name.

    Attributes:
        reason: Kebab-case code, then optionally `: ` and words.
        status: HTTP status of the answer.
    """

    reason: str
    status: int = 0
