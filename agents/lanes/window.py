"""How much a lane holds: records waiting, their bytes, and offsets left open."""

from collections.abc import Iterable

from agents.engine.kafka import Record
from agents.engine.partition import Partition
from agents.lanes.options import LaneOptions
from agents.lanes.receipt import Receipt

UNPASSED_EACH = 5
"""Offsets a lane may have open for each item of its window; some 100 bytes each."""


class Window:
    """What a lane has taken in and not given back.

    Args:
        options: Its bounds.
    """

    def __init__(self, options: LaneOptions) -> None:
        self._options = options
        self._taken: dict[Partition, int] = {}
        self._bytes = 0

    def hold(self, part: Partition, record: Record) -> None:
        """Take a record in."""
        self._taken[part] = record.offset
        self._bytes += len(record.value or b"")
        part.hold()

    def release(self, receipt: Receipt) -> None:
        """Give one back: it is settled, or no longer ours."""
        self._bytes -= len(receipt.value or b"")
        receipt.part.release()

    def forget(self, parts: Iterable[Partition]) -> None:
        """Partitions on their way out count no more."""
        for part in parts:
            self._taken.pop(part, None)

    def is_full(self, waiting: int) -> bool:
        """Whether nothing more is to be taken in.

        Superseded records wait for nothing, but their offsets do, behind others'.

        Args:
            waiting: Items that wait or are under way.
        """
        bounds = self._options
        unpassed = sum(map(_unpassed, self._taken, self._taken.values()))
        return (
            waiting >= bounds.window_items
            or unpassed >= UNPASSED_EACH * bounds.window_items
            or self._bytes >= bounds.window_bytes
        )


def _unpassed(part: Partition, taken: int) -> int:
    """Offsets taken in that a commit cannot pass yet; what is only fetched is none."""
    return 0 if part.position is None else max(0, taken + 1 - part.position)
