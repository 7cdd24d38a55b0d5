"""How much a lane holds: records waiting, their bytes, and offsets left open."""

from collections.abc import Iterable

from agents.engine.kafka import Record
from agents.engine.partition import Partition
from agents.lanes.options import LaneOptions
from agents.lanes.pending import PendingRecord

OPEN_OFFSETS_PER_ITEM = 5
"""Offsets a lane may have open for each item of its window; some 100 bytes each."""


class PendingLimit:
    """What a lane has taken in and not given back.

    Args:
        options: Its bounds.
    """

    def __init__(self, options: LaneOptions) -> None:
        self._options = options
        self._last_offsets: dict[Partition, int] = {}
        self._bytes = 0

    def add(self, part: Partition, record: Record) -> None:
        """Take a record in."""
        self._last_offsets[part] = record.offset
        self._bytes += len(record.value or b"")
        part.hold()

    def remove(self, pending: PendingRecord) -> None:
        """Give one back: it is settled, or no longer ours."""
        self._bytes -= len(pending.value or b"")
        pending.part.release()

    def forget(self, parts: Iterable[Partition]) -> None:
        """Partitions on their way out count no more."""
        for part in parts:
            self._last_offsets.pop(part, None)

    def is_full(self, item_count: int) -> bool:
        """Whether nothing more is to be taken in.

        Superseded records wait for nothing, but their offsets do, behind others'.

        Args:
            item_count: Items that wait or are under way.
        """
        bounds = self._options
        open_offsets = sum(
            map(_open_offsets, self._last_offsets, self._last_offsets.values())
        )
        return (
            item_count >= bounds.max_pending_items
            or open_offsets >= OPEN_OFFSETS_PER_ITEM * bounds.max_pending_items
            or self._bytes >= bounds.max_pending_bytes
        )


def _open_offsets(part: Partition, last_offset: int) -> int:
    """Offsets taken in that a commit cannot pass yet; what is only fetched is none."""
    return (
        0
        if part.commit_offset is None
        else max(0, last_offset + 1 - part.commit_offset)
    )
