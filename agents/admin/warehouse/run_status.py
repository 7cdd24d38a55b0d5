"""Status of a run: in its file for other commands, and as lines of progress."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from agents.admin.progress import ReportLine, throttle
from agents.admin.warehouse.database import RowSource
from agents.admin.warehouse.lock import SyncStatus, write_status
from agents.shared.context import clock_ms
from streams.warehouse.sync_state import SyncState


class RunStatus:
    """Status of a run.

    Args:
        sync: Name of the sync.
        path: File of the status.
        report: Receives lines of progress.
    """

    def __init__(self, sync: str, path: Path, *, report: ReportLine) -> None:
        self._sync, self._path = sync, path
        self._report = throttle(report)
        self._rows_read = 0

    def describe(
        self,
        state: SyncState,
        *,
        phase: str = "",
        problems: list[str] | None = None,
        error: str = "",
    ) -> SyncStatus:
        """Return the status; the phase and the problems of the state by default."""
        return SyncStatus(
            sync=self._sync,
            phase=phase or state.phase,
            generation=state.generation,
            updated_ms=clock_ms(),
            rows_read=self._rows_read,
            sent=state.sent,
            plan=state.plan,
            problems=state.problems if problems is None else problems,
            error=error,
        )

    def write(
        self, state: SyncState, *, phase: str = "", error: str = ""
    ) -> SyncStatus:
        """Write the status to its file."""
        status = self.describe(state, phase=phase, error=error)
        write_status(self._path, status)
        return status

    def count_rows(self, state: SyncState, source: RowSource) -> Iterator[object]:
        """Yield the batches of a source, and report how far and how fast they come."""
        self._rows_read, started_s = 0, time.monotonic()
        previous = state.plan.rows if state.plan else 0
        for batch in source.batches:
            yield batch
            self._rows_read += batch.num_rows
            rate = self._rows_read / max(time.monotonic() - started_s, 0.001)
            self._report(
                f"{self._sync}: read {_progress(self._rows_read, previous, rate)}"
            )

    def sent_reporter(self, state: SyncState) -> Callable[[int], None]:
        """Return the receiver of the number of records that Kafka has acknowledged."""
        started_s, before = time.monotonic(), state.sent
        total = state.plan.changes if state.plan else 0

        def report(sent: int) -> None:
            rate = (sent - before) / max(time.monotonic() - started_s, 0.001)
            self._report(f"{self._sync}: sent {_progress(sent, total, rate)}")

        return report


def _progress(count: int, total: int, rate: float) -> str:
    """Describe a count with its rate, and the time that is left if a total is known."""
    text = f"{count:,} rows, {rate:,.0f} rows/s"
    if total <= count or not rate:
        return text
    return f"{text}, {(total - count) / rate:,.0f} s left of about {total:,}"
