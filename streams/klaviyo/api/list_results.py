"""Results of an operation that are not about its items."""

import msgspec


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
