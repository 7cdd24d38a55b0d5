"""Results of API calls, as values.

Final results are `Accepted`, `Rejected`, `NotFound`, `Conflict` and `TooLarge`. After
`Throttled`, `Temporary` and `OperatorFault` the client waits and sends again. A reason
is a kebab-case code, optionally followed by `: ` and Klaviyo's description, and never
contains a value that was sent.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from streams.klaviyo.api.endpoints import Endpoint


class _Result(msgspec.Struct, frozen=True, kw_only=True):
    """Result of an API call.

    Attributes:
        status: HTTP status; 0 without a response.
        attempts: Requests made until this result.
        is_uncertain: True if an earlier attempt may have been executed although the
            response was lost.
    """

    status: int = 0
    attempts: int = 1
    is_uncertain: bool = False


class Accepted(_Result, frozen=True, kw_only=True):
    """Success with status 2xx.

    Attributes:
        data: JSON document of the response; empty without a body.
    """

    data: Mapping[str, Any] = {}


class Rejected(_Result, frozen=True, kw_only=True):
    """Request refused with 400 or similar; a retry would be refused again.

    Attributes:
        reason: Reason of the first error.
        item_reasons: Reason by index in the request's array, for errors that refer to
            an item.
    """

    reason: str
    item_reasons: Mapping[int, str] = {}


class NotFound(_Result, frozen=True, kw_only=True):
    """404: the list, the job or a profile does not exist."""

    reason: str = "not-found"
    item_reasons: Mapping[int, str] = {}


class Conflict(_Result, frozen=True, kw_only=True):
    """409: the identifiers belong to another profile, or to several.

    Attributes:
        duplicate_profile_id: One of the profiles, whichever; empty if none is named.
        reason: Reason of the conflict.
    """

    duplicate_profile_id: str
    reason: str = "duplicate-profile"


class TooLarge(_Result, frozen=True, kw_only=True):
    """Request refused with 413 or 414; the caller must split the batch."""

    reason: str = "too-large"


class Throttled(_Result, frozen=True, kw_only=True):
    """429: the client must wait at least `retry_after_s`."""

    retry_after_s: float


class Temporary(_Result, frozen=True, kw_only=True):
    """Temporary failure: 5xx, a timeout, a cut connection or a foreign page.

    Attributes:
        reason: Kebab-case code.
        is_blocked: True for a challenge page: the operator must have the sender's IP
            address allow-listed.
    """

    reason: str
    is_blocked: bool = False


class OperatorFault(_Result, frozen=True, kw_only=True):
    """Fault of the key, the account or this program: 401, 403 or 410."""

    reason: str


Rejection: TypeAlias = Rejected | NotFound | Conflict | TooLarge
"""Final result of a request that Klaviyo refused."""

FinalResult: TypeAlias = Accepted | Rejection
"""Result after which the same request must not be sent again."""

AttemptResult: TypeAlias = FinalResult | Throttled | Temporary | OperatorFault


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """Attempt to send a request, for metrics.

    Attributes:
        endpoint: Endpoint of the request.
        result: Result of the attempt.
        headers: Headers of the response; empty without one.
        limiter_wait_s: Seconds at the rate limiter.
        latency_s: Seconds from sending to the end of the response.
    """

    endpoint: Endpoint
    result: AttemptResult
    headers: Mapping[str, str]
    limiter_wait_s: float
    latency_s: float


class ListGone(msgspec.Struct, frozen=True, kw_only=True):
    """Result for a list that no longer exists.

    The caller must find or create the list of the audience, then send all items again.
    Verdicts reached before are dropped; sending an item twice has no effect.
    """

    list_id: str


class DailyQuotaExhausted(msgspec.Struct, frozen=True, kw_only=True):
    """Result for an exhausted daily quota for new lists.

    Attributes:
        retry_after_s: Seconds until a list can be created.
    """

    retry_after_s: float


class ListNameRejected(msgspec.Struct, frozen=True, kw_only=True):
    """Result for a list name that Klaviyo rejects.

    Attributes:
        reason: Kebab-case code, optionally followed by `: ` and a description.
        status: HTTP status of the response.
    """

    reason: str
    status: int = 0
