"""How the records of a replay end, counted."""

from collections import Counter

from agents.endings import Endings
from streams.events.origin import Origin


class Tally:
    """Counts outcomes; a record may have several, of each of its actions.

    Args:
        endings: Where they come from.
    """

    def __init__(self, endings: Endings) -> None:
        self._endings = endings
        self._origins = set[Origin]()
        self.counts = Counter[str]()

    @property
    def ended(self) -> int:
        """Source records that have an outcome."""
        return len(self._origins)

    def read(self, *, wait_s: float = 0.0) -> None:
        """Count what came since."""
        for item in self._endings.read(wait_s=wait_s):
            self._origins.add(item.origin)
            reason = item.reason.partition(":")[0]
            self.counts[f"{item.verdict} {reason}".rstrip()] += 1
