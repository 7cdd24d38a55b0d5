"""Collector for the verdicts of an operation."""

from collections.abc import Iterable

from streams.delivery.verdict import ItemVerdict, Verdict
from streams.errors import EngineError


class VerdictCollector:
    """Verdict and number of requests for each item of an operation.

    Args:
        count: Number of items.
    """

    def __init__(self, count: int) -> None:
        self._attempts = [0] * count
        self._verdicts: list[ItemVerdict | None] = [None] * count

    def is_pending(self, index: int) -> bool:
        """Report whether an item has no verdict yet."""
        return self._verdicts[index] is None

    def count_attempts(self, indices: Iterable[int], *, attempts: int) -> None:
        """Count the requests that contained the given items."""
        for index in indices:
            self._attempts[index] += attempts

    def mark_delivered(self, indices: Iterable[int], *, status: int) -> None:
        """Record that Klaviyo accepted the given items."""
        for index in indices:
            self._set_verdict(index, Verdict.DELIVERED, status=status)

    def mark_discarded(self, index: int, reason: str) -> None:
        """Record that an item needed no request."""
        self._set_verdict(index, Verdict.DISCARDED, reason=reason)

    def mark_dead_letter(self, index: int, reason: str, *, status: int = 0) -> None:
        """Record that an item can never be delivered as it is."""
        self._set_verdict(index, Verdict.DEAD_LETTER, reason=reason, status=status)

    def verdicts(self) -> list[ItemVerdict]:
        """Return the verdicts in the order of the items.

        Raises:
            EngineError: An item has no verdict.
        """
        settled = [verdict for verdict in self._verdicts if verdict is not None]
        if len(settled) != len(self._verdicts):
            raise EngineError("an item of a batch has no verdict")
        return settled

    def _set_verdict(
        self, index: int, verdict: Verdict, *, reason: str = "", status: int = 0
    ) -> None:
        self._verdicts[index] = ItemVerdict(
            verdict=verdict,
            reason=reason,
            status=status,
            attempts=self._attempts[index],
        )
