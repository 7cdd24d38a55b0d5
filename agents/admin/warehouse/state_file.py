"""State of a sync in a DuckDB file: the last run, and the run under way.

Every step is a transaction. After a kill the file holds either the step or the step
before it.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import duckdb
import msgspec
import pyarrow as pa

from agents.admin.warehouse.changed_rows import ChangedRows
from agents.admin.warehouse.database import NO_PROGRESS_BAR, RowSource
from streams.destination.syncs.model import Sync
from streams.errors import ConfigError
from streams.warehouse import diff_sql
from streams.warehouse.columns import HASH_VERSION
from streams.warehouse.diff_sql import DiffColumns
from streams.warehouse.plan import SyncPlan, vanished
from streams.warehouse.sync_state import Phase, SyncState

MEMORY_LIMIT: Final = "300MB"
"""Ours: a diff of 5 million rows stays below 700 MiB with it; the rest goes to disk."""

COUNT_GONE: Final = "SELECT count(*) FROM gone"

THREADS: Final = 2
"""Ours: each thread has buffers of its own."""


class StateFile:
    """Open DuckDB file with the state of a sync.

    Args:
        path: The file; it is created if it does not exist.
        memory_limit: Memory that DuckDB may use, as DuckDB writes it.

    Attributes:
        state: Progress of the sync.
        rows: Rows of the run under way that have changed.

    Raises:
        ConfigError: Another process has the file open, or the file is damaged.
    """

    def __init__(self, path: Path, *, memory_limit: str = MEMORY_LIMIT) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._db = duckdb.connect(
                path,
                config={
                    "memory_limit": memory_limit,
                    "threads": THREADS,
                    "temp_directory": str(path.with_suffix(".spill")),
                    "preserve_insertion_order": False,
                    "disabled_optimizers": "join_order,build_side_probe_side",
                },
            )
        except duckdb.Error as failure:
            problem = f"{path}: {str(failure).splitlines()[0]}"
            raise ConfigError([f"sync: state cannot be opened: {problem}"]) from None
        path.chmod(0o600)
        self._db.execute(NO_PROGRESS_BAR)
        self._db.execute(diff_sql.CREATE_STATE)
        self._db.execute(diff_sql.CREATE_REJECTED)
        self._db.execute("CREATE TABLE IF NOT EXISTS progress(body BLOB)")
        row = self._db.execute("SELECT body FROM progress").fetchone()
        self.state = msgspec.json.decode(row[0], type=SyncState) if row else SyncState()
        self.rows = ChangedRows(self._db, self.state)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def save(self) -> None:
        """Make the progress durable."""
        with _transaction(self._db):
            _write_progress(self._db, self.state)

    def stage(self, sync: Sync, source: RowSource, *, now_ms: int) -> SyncPlan:
        """Read the rows of a run, and compare them with the state.

        Args:
            sync: The sync.
            source: Rows of the query.
            now_ms: The clock, milliseconds since the epoch.
        """
        state = self.state
        previous_columns = state.diff.counted if state.has_rows else ()
        diff = DiffColumns(
            columns=source.columns,
            counted=diff_sql.counted_columns(sync, source.columns),
        )
        _discard(self._db)
        statement = diff_sql.stage_statement(
            sync, diff, is_comparable=state.hash_version == HASH_VERSION
        )
        _read(self._db, statement, source)
        self._db.execute(diff_sql.DUPLICATES)
        self._db.execute(diff_sql.MARK_REJECTED)
        gone = diff_sql.GONE if diff_sql.finds_deletions(sync) else diff_sql.NONE_GONE
        self._db.execute(gone)
        deleted = _one_row(self._db, COUNT_GONE)[0]
        if sync.audience:
            self._db.execute(diff_sql.MOVED)
        rows, added, updated, empty, duplicate = _one_row(self._db, diff_sql.COUNTS)
        state.diff, state.read_ms = diff, now_ms
        state.gone_position = state.staged_position = state.sent = 0
        state.next_cursor = _largest_cursor(self._db, sync, diff, previous=state.cursor)
        state.plan = SyncPlan(
            rows=rows,
            previous_rows=self.rows.count_rows(),
            added=added,
            updated=updated,
            deleted=deleted,
            moved=_one_row(self._db, COUNT_GONE)[0] - deleted,
            empty_keys=empty,
            duplicate_keys=duplicate,
            vanished_columns=vanished(previous_columns, diff.counted),
            is_first=not state.has_rows,
        )
        return state.plan

    def begin_sending(self, *, manifest_id: str) -> None:
        """Make the run durable: from now on it is sent to its end, whatever happens.

        Args:
            manifest_id: Manifest in Kafka that says so; empty without one.
        """
        self.state.phase, self.state.manifest_id = Phase.SENDING, manifest_id
        self.save()

    def pause(self, problems: list[str]) -> None:
        """Make the run durable, and keep it until somebody approves it."""
        self.state.phase, self.state.problems = Phase.PAUSED, problems
        self.save()

    def promote(self, sync: Sync, *, manifest_id: str) -> None:
        """Replace the state by the run: the next run is compared with it.

        Args:
            sync: The sync.
            manifest_id: Manifest in Kafka that says so; empty without one.
        """
        state = self.state
        with _transaction(self._db):
            for statement in diff_sql.promote_statements(sync, state.diff):
                self._db.execute(statement)
            _copy_state(self.state, state.promoted())
            state.manifest_id = manifest_id
            _write_progress(self._db, self.state)
        self._db.execute("CHECKPOINT")

    def clear(self) -> None:
        """Forget the state and the run under way; Kafka has other ones."""
        _discard(self._db)
        with _transaction(self._db):
            self._db.execute(diff_sql.FORGET_STATE)
            _copy_state(self.state, SyncState())
            _write_progress(self._db, self.state)

    def load_segment(self, chunks: Iterable[Any], *, is_uncertain: bool) -> None:
        """Remember and forget the rows of a segment.

        Args:
            chunks: Arrow tables with the columns of `diff_sql.SEGMENT_COLUMNS` and op.
            is_uncertain: Whether Kafka may have the row events of these rows or not.
        """
        self._db.execute(diff_sql.CREATE_LOADED)
        for chunk in chunks:
            self._db.register("chunk", chunk)
            self._db.execute(diff_sql.LOAD_CHUNK)
            self._db.unregister("chunk")
        remember = (
            diff_sql.REMEMBER_UNCERTAIN if is_uncertain else diff_sql.REMEMBER_LOADED
        )
        with _transaction(self._db):
            self._db.execute(diff_sql.FORGET_LOADED)
            self._db.execute(remember)
        self._db.execute("DROP TABLE loaded")

    def adopt(self, state: SyncState) -> None:
        """Replace the progress, once the rows of the state are those of Kafka."""
        _copy_state(self.state, state)
        self.save()
        self._db.execute("CHECKPOINT")

    def discard_plan(self) -> None:
        """Forget the run under way; the state stays."""
        _discard(self._db)
        self.state.phase, self.state.problems = Phase.IDLE, []
        self.save()


def _copy_state(target: SyncState, source: SyncState) -> None:
    """Replace the progress in the object that the reader of rows has too."""
    for name in SyncState.__struct_fields__:
        setattr(target, name, getattr(source, name))


def _discard(db: duckdb.DuckDBPyConnection) -> None:
    for table in ("staged", "gone", "duplicates"):
        db.execute(f"DROP TABLE IF EXISTS {table}")


def _write_progress(db: duckdb.DuckDBPyConnection, state: SyncState) -> None:
    db.execute("DELETE FROM progress")
    db.execute("INSERT INTO progress VALUES (?)", [msgspec.json.encode(state)])


def _read(db: duckdb.DuckDBPyConnection, statement: str, source: RowSource) -> None:
    """Run a statement over the rows of a query; DuckDB pulls them in batches.

    Raises:
        Exception: The error of the source, if reading failed.
    """
    failures: list[Exception] = []

    def batches() -> Iterator[Any]:
        try:
            yield from source.batches
        except Exception as failure:
            failures.append(failure)  # DuckDB would wrap it in an error of its own
            raise

    reader = pa.RecordBatchReader.from_batches(source.schema, batches())
    db.register("batches", reader)
    try:
        db.execute(statement)
    except duckdb.Error:
        if failures:
            raise failures[0] from None
        raise
    finally:
        db.unregister("batches")


def _largest_cursor(
    db: duckdb.DuckDBPyConnection, sync: Sync, diff: DiffColumns, *, previous: str
) -> str:
    """Return the largest cursor of the changed rows, else that of the last run."""
    if not sync.cursor:
        return ""
    text = next(text for column, text in diff.texts if column.name == sync.cursor)
    row = _one_row(db, diff_sql.LARGEST_TEXT.format(text))
    return row[0] if row else previous


def _one_row(db: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    row = db.execute(sql).fetchone()
    return row or ()


@contextmanager
def _transaction(db: duckdb.DuckDBPyConnection) -> Iterator[None]:
    db.execute("BEGIN")
    try:
        yield
    except BaseException:  # whatever it is: rolled back here, then raised
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def remove_state(path: Path) -> None:
    """Delete the state of a sync; the next run is its first."""
    for file in (path, path.with_name(f"{path.name}.wal")):
        if file.exists():
            file.unlink()
