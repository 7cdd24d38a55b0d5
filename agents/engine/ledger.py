"""Which offsets of one partition are finished, and how far it may be committed."""

from collections import deque
from collections.abc import Iterable


class Ledger:
    """Offsets in delivery order; those done in any order; the contiguous position.

    Offsets need not be dense (compaction, transactions): what was delivered counts.
    """

    def __init__(self) -> None:
        self._open: deque[int] = deque()
        self._done: set[int] = set()
        self._last: int | None = None

    def track(self, offsets: Iterable[int]) -> None:
        """Offsets just delivered, ascending; each must be done before it is passed."""
        self._open.extend(offsets)
        if self._open:
            self._last = self._open[-1]

    def done(self, offsets: Iterable[int]) -> None:
        """Offsets whose records have an outcome; unknown ones are ignored."""
        self._done.update(offsets)
        while self._open and self._open[0] in self._done:
            self._done.discard(self._open.popleft())

    @property
    def position(self) -> int | None:
        """Offset to commit: the first not done. None when nothing was delivered."""
        if self._open:
            return self._open[0]
        return None if self._last is None else self._last + 1

    def __len__(self) -> int:
        return len(self._open)
