"""Verdicts on items, and the reasons for the verdicts."""

from enum import StrEnum
from typing import NamedTuple, Self

import msgspec


class Verdict(StrEnum):
    """Final result for an item; retries happen before there is a verdict."""

    DELIVERED = "delivered"
    DISCARDED = "discarded"
    DEAD_LETTER = "dead-letter"


class Reason(NamedTuple):
    """Reason for a verdict; outcomes hold the text `code` or `code: detail`.

    Attributes:
        code: Stable name in kebab case; outcomes and dead letters are counted by it.
        detail: Explanation for people, without personal data; may be empty.
    """

    code: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" if self.detail else self.code

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a reason from text: `code` or `code: detail`, as written by `str`."""
        code, _, detail = text.partition(":")
        return cls(code, detail.strip())


class ItemVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """Verdict on an item of a batch, with the facts that an operator needs.

    Attributes:
        verdict: The verdict.
        reason: Text of a `Reason`; empty for most delivered items.
        status: HTTP status that led to the verdict; 0 if none did.
        attempts: Requests that carried the item.
    """

    verdict: Verdict
    reason: str = ""
    status: int = 0
    attempts: int = 1


def delivered(*, status: int = 0, reason: str = "") -> ItemVerdict:
    """Return the verdict for an item that Klaviyo accepted."""
    return ItemVerdict(verdict=Verdict.DELIVERED, status=status, reason=reason)


def discarded(reason: str, *, status: int = 0) -> ItemVerdict:
    """Return the verdict for an item that needed no request, with the reason."""
    return ItemVerdict(verdict=Verdict.DISCARDED, reason=reason, status=status)


def dead_letter(reason: str, *, status: int = 0) -> ItemVerdict:
    """Return the verdict for an item that fails unless a person mends the cause."""
    return ItemVerdict(verdict=Verdict.DEAD_LETTER, reason=reason, status=status)
