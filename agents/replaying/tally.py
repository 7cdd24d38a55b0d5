"""How the records of a replay end, counted."""

from collections import Counter
from collections.abc import Iterable

from agents.endings import Endings
from streams.events.origin import Origin


class Tally:
    """Counts outcomes; a record may have several, of each of its actions.

    Records of one origin (a redelivery, or what a lane has of one event) may end
    together, so origins are waited for, not records.

    Args:
        endings: Where they come from.

    Attributes:
        ended: Origins taken in that have an outcome.
        counts: Verdict and the code of its reason → outcomes.
    """

    def __init__(self, endings: Endings) -> None:
        self._endings = endings
        self._under_way = set[Origin]()
        self.ended = 0
        self.counts = Counter[str]()

    @property
    def left(self) -> int:
        """Origins taken in that have no outcome yet."""
        return len(self._under_way)

    def took_in(self, origins: Iterable[Origin]) -> None:
        """Wait for these; to be told before the next `read`."""
        self._under_way.update(origins)

    def read(self, *, wait_s: float = 0.0) -> None:
        """Count what came since."""
        for item in self._endings.read(wait_s=wait_s):
            if item.origin in self._under_way:
                self._under_way.remove(item.origin)
                self.ended += 1
            reason = item.reason.partition(":")[0]
            self.counts[f"{item.verdict} {reason}".rstrip()] += 1
