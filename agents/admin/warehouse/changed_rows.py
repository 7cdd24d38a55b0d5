"""Rows of the state of a sync, and those that a run has changed."""

from collections.abc import Iterator
from typing import Any, Final

import duckdb
import msgspec

from streams.warehouse import diff_sql
from streams.warehouse.sync_state import SyncState

CHANGES_PER_READ: Final = 20_000
"""Rows of `staged` that are looked through at once for those that changed."""

MAX_REJECTED: Final = 1_000
"""Ours: dead letters of each fault in a run; the plan counts the others."""

_CHANGED_COLUMNS: Final = "key, CAST(h AS VARCHAR), user_id, email"


class ChangedRow(msgspec.Struct, frozen=True, kw_only=True):
    """Row that changed, with the canonical text of its columns."""

    op: int
    key: str | None
    row_hash: str
    user_id: str | None
    email: str | None
    texts: tuple[str | None, ...] = ()


class ChangedRows:
    """Reader of the rows of a state, and of those that a run has changed.

    Args:
        db: Database of the state.
        state: Progress of the run.
    """

    def __init__(self, db: duckdb.DuckDBPyConnection, state: SyncState) -> None:
        self._db, self._state = db, state

    def count_rows(self) -> int:
        """Return the number of rows of the state."""
        [count] = self._db.execute("SELECT count(*) FROM state").fetchone() or (0,)
        return int(count)

    def read_batches(self, sql: str, size: int) -> Iterator[Any]:
        """Yield the result of a query as Arrow batches of a number of rows."""
        with self._db.cursor() as cursor:  # an unfinished result of another is open
            reader: Any = cursor.sql(sql).to_arrow_reader(size)
            yield from reader

    def gone_rows(self) -> Iterator[tuple[int, list[ChangedRow]]]:
        """Yield deletions in chunks, with the position after each."""
        columns = f"{_CHANGED_COLUMNS}, {diff_sql.REJECTED + 1} AS op"
        yield from self._chunks("gone", columns, "true", self._state.gone_position)

    def changed_rows(self) -> Iterator[tuple[int, list[ChangedRow]]]:
        """Yield new and updated rows in chunks, with the position after each."""
        texts = "".join(f", {text}" for _, text in self._state.diff.texts)
        where = f"op IN ({diff_sql.ADDED}, {diff_sql.UPDATED})"
        yield from self._chunks(
            "staged",
            f"{_CHANGED_COLUMNS}, op{texts}",
            where,
            self._state.staged_position,
        )

    def rejected_rows(self) -> Iterator[ChangedRow]:
        """Yield rows without a key, and each key that several rows have.

        Those that the last run has rejected already are left out. A row without a key
        has its columns; a key that several rows have has those of no row.
        """
        texts = "".join(f", {text}" for _, text in self._state.diff.texts)
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
        [(last,)] = self._db.execute(
            f"SELECT coalesce(max(rowid), -1) FROM {table}"
        ).fetchall()
        for position in range(start, last + 1, CHANGES_PER_READ):
            until = position + CHANGES_PER_READ
            rows = self._db.execute(
                f"SELECT {columns} FROM {table} WHERE {where} "
                f"AND rowid >= {position} AND rowid < {until}"
            ).fetchall()
            if rows:
                yield until, [_changed_row(row) for row in rows]


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
