"""Manifest of a sync's state in Kafka: which segments of rows the state consists of.

A segment is a sequence of chunks, each a record: rows to remember or to forget, in the
order of the segments. A manifest is a single record, so that readers see either all
segments of a run or none of them.
"""

from typing import Final, Self

import msgspec

from streams.warehouse.sync_state import SyncState

MAX_SEGMENTS: Final = 50
"""Ours: a machine that takes over reads so many segments in some seconds."""

MAX_EXCESS_ROWS: Final = 100_000
"""Ours: so many rows of older runs are cheaper to keep than to write anew."""


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that a run remembers and forgets, in the topic of rows.

    Attributes:
        number: Number of the segment, unique within the sync.
        start: Offset from which the chunks are read.
        end: Offset after the last chunk.
        chunks: Number of chunks.
        rows: Number of rows.
        checksum: SHA-256 of all chunks, as hexadecimal digits.
        is_uncertain: True for the rows of a run that another machine has ended: Kafka
            may have their row events or not.
    """

    number: int
    start: int
    end: int
    chunks: int
    rows: int
    checksum: str
    is_uncertain: bool = False

    def as_uncertain(self) -> Self:
        """Return the segment of a run that was interrupted on another machine."""
        return msgspec.structs.replace(self, is_uncertain=True)


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """State of a sync in Kafka.

    Attributes:
        id: Random name of this manifest; empty if there is none yet.
        state: Progress after the last run that has ended.
        segments: Segments of its rows, the oldest first.
        pending: Segment of a run whose row events are being sent; None between runs.
        recoveries: Number of machines that have left the run under way to another one.
        next_number: Number of the next segment.
        rows_end: Offset in the topic of rows, from which chunks may lie there that
            belong to no manifest.
        ended_ms: End of the last run, milliseconds since the epoch.
    """

    id: str = ""
    state: SyncState = msgspec.field(default_factory=SyncState)
    segments: tuple[Segment, ...] = ()
    pending: Segment | None = None
    recoveries: int = 0
    next_number: int = 0
    rows_end: int = 0
    ended_ms: int = 0

    @property
    def all_segments(self) -> tuple[Segment, ...]:
        """Segments of the rows, that of a run under way included."""
        return self.segments if self.pending is None else (*self.segments, self.pending)

    def begun(self, segment: Segment, *, manifest_id: str) -> Self:
        """Return the manifest while the row events of a run are being sent.

        A run that was interrupted on another machine stays, as uncertain rows.
        """
        interrupted = self.pending
        segments = self.segments
        if interrupted is not None:
            segments = (*segments, interrupted.as_uncertain())
        return self._written(
            segment,
            manifest_id=manifest_id,
            segments=segments,
            pending=segment,
            recoveries=self.recoveries + 1 if interrupted is not None else 0,
        )

    def ended(self, state: SyncState, *, manifest_id: str, ended_ms: int) -> Self:
        """Return the manifest after Kafka has acknowledged every row event of a run.

        The hashes of the older segments keep their version until the next rewrite.
        """
        promoted = state.promoted()
        if self.segments:
            promoted.hash_version = self.state.hash_version
        return msgspec.structs.replace(
            self,
            id=manifest_id,
            state=promoted,
            segments=self.all_segments,
            pending=None,
            recoveries=0,
            ended_ms=ended_ms,
        )

    def rewritten(
        self, state: SyncState, segment: Segment, *, manifest_id: str
    ) -> Self:
        """Return the manifest whose only segment holds every row of the state."""
        return self._written(
            segment,
            manifest_id=manifest_id,
            state=state,
            segments=(segment,),
            pending=None,
        )

    def is_due_for_rewrite(self, state: SyncState, *, rows: int) -> bool:
        """Return True if one segment in place of all is worth its writing.

        Args:
            state: Progress after the last run.
            rows: Number of rows of the state.
        """
        written = sum(segment.rows for segment in self.segments)
        return (
            len(self.segments) > MAX_SEGMENTS
            or written > 2 * rows + MAX_EXCESS_ROWS
            or self.state.hash_version != state.hash_version
        )

    def dropped_since(self, previous: "Manifest") -> list[Segment]:
        """Return the segments of an earlier manifest that this one does not have."""
        kept = {segment.number for segment in self.all_segments}
        return [one for one in previous.all_segments if one.number not in kept]

    def _written(
        self, segment: Segment, *, manifest_id: str, **changes: object
    ) -> Self:
        return msgspec.structs.replace(
            self,
            id=manifest_id,
            next_number=segment.number + 1,
            rows_end=max(self.rows_end, segment.end),
            **changes,
        )
