"""What became of one item."""

from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    """The end of an item's way; retries happen before there is a verdict."""

    DELIVERED = "delivered"
    DISCARDED = "discarded"
    DEAD_LETTER = "dead-letter"


class ItemVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on one item of a batch, with what an operator needs to know.

    Attributes:
        verdict: Where the item ended.
        reason: Kebab-case code, then optionally `: ` and words; no personal data.
        status: HTTP status that decided it; 0 when none did.
        attempts: Requests that carried the item.
    """

    verdict: Verdict
    reason: str = ""
    status: int = 0
    attempts: int = 1


def delivered(*, status: int = 0, reason: str = "") -> ItemVerdict:
    """Klaviyo took it."""
    return ItemVerdict(verdict=Verdict.DELIVERED, status=status, reason=reason)


def discarded(reason: str, *, status: int = 0) -> ItemVerdict:
    """Nothing had to be done, and `reason` says why."""
    return ItemVerdict(verdict=Verdict.DISCARDED, reason=reason, status=status)


def dead_letter(reason: str, *, status: int = 0) -> ItemVerdict:
    """It can never be done as it is; a person must look."""
    return ItemVerdict(verdict=Verdict.DEAD_LETTER, reason=reason, status=status)
