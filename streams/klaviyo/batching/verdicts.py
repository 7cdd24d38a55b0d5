"""The verdicts of one operation as they come in."""

from collections.abc import Iterable

from streams.delivery.verdict import ItemVerdict, Verdict
from streams.errors import EngineError


class VerdictCollector:
    """One line an item: the requests that carried it, and its verdict.

    Args:
        count: Items of the operation.
    """

    def __init__(self, count: int) -> None:
        self._attempts = [0] * count
        self._verdicts: list[ItemVerdict | None] = [None] * count

    def is_pending(self, index: int) -> bool:
        """Say whether an item has no verdict yet."""
        return self._verdicts[index] is None

    def count_attempts(self, indices: Iterable[int], *, attempts: int) -> None:
        """Count requests that carried these items."""
        for index in indices:
            self._attempts[index] += attempts

    def mark_delivered(self, indices: Iterable[int], *, status: int) -> None:
        """Klaviyo took these items."""
        for index in indices:
            self._set_verdict(index, Verdict.DELIVERED, status=status)

    def mark_discarded(self, index: int, reason: str) -> None:
        """Nothing had to be done for this item."""
        self._set_verdict(index, Verdict.DISCARDED, reason=reason)

    def mark_dead_letter(self, index: int, reason: str, *, status: int = 0) -> None:
        """This item can never be done as it is."""
        self._set_verdict(index, Verdict.DEAD_LETTER, reason=reason, status=status)

    def verdicts(self) -> list[ItemVerdict]:
        """Give the verdicts, in the order of the items.

        Raises:
            EngineError: An item was forgotten.
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
