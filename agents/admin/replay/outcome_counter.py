"""Counter of the outcomes of a replay's records."""

from collections import Counter
from collections.abc import Iterable

from agents.admin.outcome_reader import OutcomeReader
from streams.events.canonical_event import Origin


class OutcomeCounter:
    """Counter of outcomes; a record may have several outcomes, for several actions.

    Several records of one origin, such as the activations of one event, may share an
    outcome. So the counter waits for origins, not for records.

    Args:
        outcomes: Reader of the replay's outcomes.

    Attributes:
        completed: Number of published origins that have an outcome.
        counts: Verdict and the code of the reason → number of outcomes.
    """

    def __init__(self, outcomes: OutcomeReader) -> None:
        self._outcomes = outcomes
        self._pending = set[Origin]()
        self.completed = 0
        self.counts = Counter[str]()

    @property
    def pending_count(self) -> int:
        """Number of published origins that have no outcome yet."""
        return len(self._pending)

    def add(self, origins: Iterable[Origin]) -> None:
        """Add published origins to wait for; call before the next `read`."""
        self._pending.update(origins)

    def read(self, *, wait_s: float = 0.0) -> None:
        """Count the outcomes since the last call."""
        for item in self._outcomes.read_new(wait_s=wait_s):
            if item.origin in self._pending:
                self._pending.remove(item.origin)
                self.completed += 1
            reason = item.reason.partition(":")[0]
            self.counts[f"{item.verdict} {reason}".rstrip()] += 1
