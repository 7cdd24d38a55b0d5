"""Progress of a sync: the step of its run, and the positions that Kafka has."""

from enum import StrEnum

import msgspec

from streams.warehouse.columns import HASH_VERSION
from streams.warehouse.diff_sql import DiffColumns
from streams.warehouse.plan import SyncPlan


class Phase(StrEnum):
    """Step that a run has reached."""

    IDLE = "idle"
    PAUSED = "paused"
    APPROVED = "approved"
    SENDING = "sending"


class SyncState(msgspec.Struct, kw_only=True):
    """Progress of a sync, beside its rows.

    Attributes:
        phase: Step that the run under way has reached.
        generation: Number of runs that have ended.
        hash_version: Version of the hashes in the state.
        has_rows: Whether a run has ended; else the next one is the first.
        diff: Columns of the run under way, or of the last one.
        plan: Numbers of the run under way, or of the last one.
        problems: Reasons for which the run is paused.
        read_ms: Time at which its rows were read, milliseconds since the epoch.
        gone_position: Row of `gone` up to which Kafka has acknowledged.
        staged_position: Row of `staged` up to which Kafka has acknowledged.
        sent: Number of row events that Kafka has acknowledged.
        cursor: Cursor of the last run; empty if there is none.
        next_cursor: Cursor of the run under way.
        manifest_id: Manifest in Kafka that the state is equal to; empty if the state
            lies in the file alone.
    """

    phase: Phase = Phase.IDLE
    generation: int = 0
    hash_version: int = HASH_VERSION
    has_rows: bool = False
    diff: DiffColumns = DiffColumns(columns=(), counted=())
    plan: SyncPlan | None = None
    problems: list[str] = []
    read_ms: int = 0
    gone_position: int = 0
    staged_position: int = 0
    sent: int = 0
    cursor: str = ""
    next_cursor: str = ""
    manifest_id: str = ""

    def promoted(self) -> "SyncState":
        """Return the progress after the run under way has ended."""
        return msgspec.structs.replace(
            self,
            phase=Phase.IDLE,
            problems=[],
            generation=self.generation + 1,
            hash_version=HASH_VERSION,
            has_rows=True,
            cursor=self.next_cursor or self.cursor,
        )
