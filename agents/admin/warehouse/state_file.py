"""State of a sync in a DuckDB file: the last run, and the run under way.

Every step is a transaction. After a kill the file holds either the step or the step
before it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self

import duckdb
import msgspec
import pyarrow as pa

from agents.admin.warehouse.database import NO_PROGRESS_BAR, RowSource
from streams.destination.syncs.model import InitialRun, Sync
from streams.errors import ConfigError
from streams.warehouse import diff_sql
from streams.warehouse.columns import HASH_VERSION
from streams.warehouse.diff_sql import DiffColumns
from streams.warehouse.plan import SyncPlan, vanished

MEMORY_LIMIT: Final = "300MB"
"""Ours: a diff of 5 million rows stays below 700 MiB with it; the rest goes to disk."""

THREADS: Final = 2
"""Ours: each thread has buffers of its own."""

CHANGES_PER_READ: Final = 20_000
"""Rows of `staged` that are looked through at once for those that changed."""


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


class ChangedRow(msgspec.Struct, frozen=True, kw_only=True):
    """Row that changed, with the canonical text of its columns."""

    op: int
    key: str | None
    row_hash: str
    user_id: str | None
    email: str | None
    texts: tuple[str | None, ...] = ()


class StateFile:
    """Open DuckDB file with the state of a sync.

    Args:
        path: The file; it is created if it does not exist.
        memory_limit: Memory that DuckDB may use, as DuckDB writes it.

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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def save(self) -> None:
        """Make the progress durable."""
        with self._transaction():
            self._write_progress()

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
        self._discard()
        statement = diff_sql.stage_statement(
            sync, diff, is_comparable=state.hash_version == HASH_VERSION
        )
        self._read(statement, source)
        self._db.execute(diff_sql.DUPLICATES)
        self._db.execute(diff_sql.MARK_REJECTED)
        gone = diff_sql.GONE if diff_sql.finds_deletions(sync) else diff_sql.NONE_GONE
        self._db.execute(gone)
        rows, added, updated, empty, duplicate = self._one_row(diff_sql.COUNTS)
        state.diff, state.read_ms = diff, now_ms
        state.gone_position = state.staged_position = state.sent = 0
        state.next_cursor = self._largest_cursor(sync, diff)
        state.plan = SyncPlan(
            rows=rows,
            previous_rows=self._one_row("SELECT count(*) FROM state")[0],
            added=added,
            updated=updated,
            deleted=self._one_row("SELECT count(*) FROM gone")[0],
            empty_keys=empty,
            duplicate_keys=duplicate,
            vanished_columns=vanished(previous_columns, diff.counted),
            is_first=not state.has_rows,
        )
        return state.plan

    def _read(self, statement: str, source: RowSource) -> None:
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
        self._db.register("batches", reader)
        try:
            self._db.execute(statement)
        except duckdb.Error:
            if failures:
                raise failures[0] from None
            raise
        finally:
            self._db.unregister("batches")

    def _largest_cursor(self, sync: Sync, diff: DiffColumns) -> str:
        """Return the largest cursor of the changed rows, else that of the last run."""
        if not sync.cursor:
            return ""
        text = next(text for column, text in diff.texts if column.name == sync.cursor)
        row = self._one_row(diff_sql.LARGEST_TEXT.format(text))
        return row[0] if row else self.state.cursor

    def begin_sending(self) -> None:
        """Make the run durable: from now on it is sent to its end, whatever happens."""
        self.state.phase = Phase.SENDING
        self.save()

    def pause(self, problems: list[str]) -> None:
        """Make the run durable, and keep it until somebody approves it."""
        self.state.phase, self.state.problems = Phase.PAUSED, problems
        self.save()

    def promote(self, sync: Sync) -> None:
        """Replace the state by the run: the next run is compared with it."""
        state = self.state
        with self._transaction():
            for statement in diff_sql.promote_statements(sync, state.diff):
                self._db.execute(statement)
            state.phase, state.problems = Phase.IDLE, []
            state.generation += 1
            state.hash_version, state.has_rows = HASH_VERSION, True
            state.cursor = state.next_cursor or state.cursor
            self._write_progress()
        self._db.execute("CHECKPOINT")

    def is_baseline(self, sync: Sync) -> bool:
        """Return True if the run is only remembered, and nothing of it is sent."""
        return sync.initial is InitialRun.BASELINE and not self.state.has_rows

    def discard_plan(self) -> None:
        """Forget the run under way; the state stays."""
        self._discard()
        self.state.phase, self.state.problems = Phase.IDLE, []
        self.save()

    def gone_rows(self) -> Iterator[tuple[int, list[ChangedRow]]]:
        """Yield deletions in chunks, with the position after each."""
        columns = f"{_CHANGED_COLUMNS}, {diff_sql.REJECTED + 1} AS op"
        yield from self._chunks("gone", columns, "true", self.state.gone_position)

    def changed_rows(self) -> Iterator[tuple[int, list[ChangedRow]]]:
        """Yield new and updated rows in chunks, with the position after each."""
        texts = "".join(f", {text}" for _, text in self.state.diff.texts)
        where = f"op IN ({diff_sql.ADDED}, {diff_sql.UPDATED})"
        yield from self._chunks(
            "staged",
            f"{_CHANGED_COLUMNS}, op{texts}",
            where,
            self.state.staged_position,
        )

    def rejected_rows(self) -> Iterator[ChangedRow]:
        """Yield rows without a key, and each key that several rows have.

        Those that the last run has rejected already are left out. A row without a key
        has its columns; a key that several rows have has those of no row.
        """
        texts = "".join(f", {text}" for _, text in self.state.diff.texts)
        columns = f"{_CHANGED_COLUMNS}, op{texts}"
        rows = self._db.execute(
            f"SELECT {columns} FROM staged WHERE k IS NULL "
            f"AND h NOT IN (SELECT k FROM rejected) LIMIT {MAX_REJECTED}"
        ).fetchall()
        rows += self._db.execute(
            f"SELECT key, '', NULL, NULL, {diff_sql.REJECTED} FROM duplicates "
            f"ANTI JOIN rejected USING (k) LIMIT {MAX_REJECTED}"
        ).fetchall()
        yield from map(_changed_row, rows)

    def sample(self, limit: int) -> list[ChangedRow]:
        """Return a few of the changes that the run would send."""
        gone = [row for _, rows in self.gone_rows() for row in rows[:limit]][:limit]
        for _, rows in self.changed_rows():
            return [*gone, *rows[:limit]]
        return gone

    def _chunks(
        self, table: str, columns: str, where: str, start: int
    ) -> Iterator[tuple[int, list[ChangedRow]]]:
        """Yield the rows of a table by their positions, which no later step changes."""
        last = self._one_row(f"SELECT coalesce(max(rowid), -1) FROM {table}")[0]
        for position in range(start, last + 1, CHANGES_PER_READ):
            until = position + CHANGES_PER_READ
            rows = self._db.execute(
                f"SELECT {columns} FROM {table} WHERE {where} "
                f"AND rowid >= {position} AND rowid < {until}"
            ).fetchall()
            if rows:
                yield until, [_changed_row(row) for row in rows]

    def _one_row(self, sql: str) -> tuple[Any, ...]:
        row = self._db.execute(sql).fetchone()
        return row or ()

    def _discard(self) -> None:
        for table in ("staged", "gone", "duplicates"):
            self._db.execute(f"DROP TABLE IF EXISTS {table}")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _write_progress(self) -> None:
        self._db.execute("DELETE FROM progress")
        body = msgspec.json.encode(self.state)
        self._db.execute("INSERT INTO progress VALUES (?)", [body])


MAX_REJECTED: Final = 1_000
"""Ours: dead letters of each fault in a run; the plan counts the others."""

_CHANGED_COLUMNS: Final = "key, CAST(h AS VARCHAR), user_id, email"


def _changed_row(row: tuple[Any, ...]) -> ChangedRow:
    key, row_hash, user_id, email, op, *texts = row
    return ChangedRow(
        op=op,
        key=key,
        row_hash=row_hash,
        user_id=user_id,
        email=email,
        texts=tuple(texts),
    )


def remove_state(path: Path) -> None:
    """Delete the state of a sync; the next run is its first."""
    for file in (path, path.with_name(f"{path.name}.wal")):
        if file.exists():
            file.unlink()
