"""Which offsets of one partition are finished, and how far it may be committed."""

from collections import deque
from collections.abc import Iterable


class OffsetTracker:
    """Offsets in delivery order; those done in any order; the contiguous position.

    Offsets need not be dense (compaction, transactions): what was delivered counts.
    """

    def __init__(self) -> None:
        self._unfinished: deque[int] = deque()
        self._finished: set[int] = set()
        self._last_tracked: int | None = None

    def track(self, offsets: Iterable[int]) -> None:
        """Offsets just delivered, ascending; each must be done before it is passed."""
        self._unfinished.extend(offsets)
        if self._unfinished:
            self._last_tracked = self._unfinished[-1]

    def mark_done(self, offsets: Iterable[int]) -> None:
        """Offsets whose records have an outcome; unknown ones are ignored."""
        self._finished.update(offsets)
        while self._unfinished and self._unfinished[0] in self._finished:
            self._finished.discard(self._unfinished.popleft())

    @property
    def commit_offset(self) -> int | None:
        """Offset to commit: the first not done. None when nothing was delivered."""
        if self._unfinished:
            return self._unfinished[0]
        return None if self._last_tracked is None else self._last_tracked + 1

    def __len__(self) -> int:
        return len(self._unfinished)
