"""How the records of a replay end, counted."""

from collections import Counter
from collections.abc import Iterable

from agents.admin.outcome_reader import OutcomeReader
from streams.events.origin import Origin


class OutcomeCounter:
    """Counts outcomes; a record may have several, of each of its actions.

    Records of one origin (a redelivery, or what a lane has of one event) may end
    together, so origins are waited for, not records.

    Args:
        outcomes: Where they come from.

    Attributes:
        completed: Origins taken in that have an outcome.
        counts: Verdict and the code of its reason → outcomes.
    """

    def __init__(self, outcomes: OutcomeReader) -> None:
        self._outcomes = outcomes
        self._pending = set[Origin]()
        self.completed = 0
        self.counts = Counter[str]()

    @property
    def pending_count(self) -> int:
        """Origins taken in that have no outcome yet."""
        return len(self._pending)

    def add(self, origins: Iterable[Origin]) -> None:
        """Wait for these; to be told before the next `read`."""
        self._pending.update(origins)

    def read(self, *, wait_s: float = 0.0) -> None:
        """Count what came since."""
        for item in self._outcomes.read_new(wait_s=wait_s):
            if item.origin in self._pending:
                self._pending.remove(item.origin)
                self.completed += 1
            reason = item.reason.partition(":")[0]
            self.counts[f"{item.verdict} {reason}".rstrip()] += 1
