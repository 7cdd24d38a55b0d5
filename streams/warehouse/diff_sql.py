"""SQL of a diff in DuckDB: the rows of a run beside the state of the last run.

Tables: `state` has a row for each row of the last run that Kafka has acknowledged;
`staged` has the rows of this run, with the texts of the columns of those that changed;
`gone` has the rows of the state that this run does not have.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from streams.destination.syncs.model import Sync, SyncMode
from streams.warehouse.columns import (
    QueryColumn,
    identifier_of,
    key_of,
    quote,
    row_hash,
    text_of,
)

UNCHANGED: Final = 0
ADDED: Final = 1
UPDATED: Final = 2
REJECTED: Final = 3
"""Row without a key, or with the key of another row."""
GONE_ROW: Final = 4
"""Row of the state that the state forgets."""

MOVED_ROW: Final = 5
"""Row of the state that stands for another person now, with the one of before."""

UNKNOWN_CONTENT: Final = 0
"""Hash of a row in the state of which Kafka may have one content or another: such a row
is updated, whatever it is now. MD5 has no such hash in practice."""
UNKNOWN_PRESENCE: Final = 1
"""Hash of a row in the state that Kafka may have or not: such a row is new if the query
returns it, and deleted if it does not."""

STATE_COLUMNS: Final = "k, key, h, user_id, email"
"""Hash of the key, the key, hash of the row, and the identifiers deletions need."""

CREATE_STATE: Final = (
    "CREATE TABLE IF NOT EXISTS state"
    "(k UHUGEINT, key VARCHAR, h UHUGEINT, user_id VARCHAR, email VARCHAR)"
)
CREATE_REJECTED: Final = "CREATE TABLE IF NOT EXISTS rejected(k UHUGEINT)"
"""Keys that several rows had in the last run, and hashes of rows without a key."""

SEGMENT_COLUMNS: Final = (
    "key, CAST(h >> 64 AS UBIGINT) AS high, "
    f"CAST(h & {2**64 - 1} AS UBIGINT) AS low, user_id, email"
)
"""Columns of a chunk; Arrow has no number of 128 bits without a sign, and the hash of
the key is computed again."""

ALL_ROWS: Final = (
    f"SELECT {SEGMENT_COLUMNS}, CAST({ADDED} AS UTINYINT) AS op FROM state"
)
"""Every row of the state, as rows of a segment."""

FORGET_STATE: Final = "DELETE FROM state; DELETE FROM rejected"

CREATE_LOADED: Final = (
    "CREATE OR REPLACE TEMP TABLE loaded"
    "(key VARCHAR, high UBIGINT, low UBIGINT, user_id VARCHAR, email VARCHAR, "
    "op UTINYINT)"
)
LOAD_CHUNK: Final = (
    "INSERT INTO loaded SELECT key, high, low, user_id, email, op FROM chunk"
)
FORGET_LOADED: Final = (
    "DELETE FROM state WHERE k IN (SELECT md5_number(key) FROM loaded)"
)
REMEMBER_LOADED: Final = (
    f"INSERT INTO state({STATE_COLUMNS}) SELECT md5_number(key), key, "
    "(CAST(high AS UHUGEINT) << 64) | low, user_id, email FROM loaded "
    f"WHERE op NOT IN ({GONE_ROW}, {MOVED_ROW})"
)
REMEMBER_UNCERTAIN: Final = (
    f"INSERT INTO state({STATE_COLUMNS}) SELECT md5_number(key), key, "
    f"CASE WHEN op IN ({UPDATED}, {MOVED_ROW}) THEN {UNKNOWN_CONTENT} "
    f"ELSE {UNKNOWN_PRESENCE} END, user_id, email FROM loaded "
    "QUALIFY row_number() OVER (PARTITION BY key ORDER BY op DESC) = 1"
)
"""Of a row that has moved, the person of before: whoever takes over lets it exit."""

GONE: Final = (
    f"CREATE OR REPLACE TABLE gone AS SELECT {STATE_COLUMNS} FROM state "
    "ANTI JOIN staged USING (k)"
)
NONE_GONE: Final = (
    f"CREATE OR REPLACE TABLE gone AS SELECT {STATE_COLUMNS} FROM state WHERE false"
)
MOVED: Final = (
    f"INSERT INTO gone SELECT {STATE_COLUMNS} FROM state WHERE k IN ("
    "SELECT s.k FROM state s JOIN ("
    f"SELECT k, user_id, email FROM staged WHERE op = {UPDATED}) b ON s.k = b.k "
    "WHERE coalesce(s.user_id, '') <> coalesce(b.user_id, '') "
    "OR (coalesce(b.user_id, '') = '' AND coalesce(s.email, '') <> "
    "coalesce(b.email, '')))"
)
"""Rows of an audience that stand for another person now: the one of before exits."""

DUPLICATES: Final = (
    "CREATE OR REPLACE TABLE duplicates AS "
    "SELECT k, any_value(key) AS key FROM staged "
    "WHERE k IS NOT NULL GROUP BY k HAVING count(*) > 1"
)
MARK_REJECTED: Final = (
    f"UPDATE staged SET op = {REJECTED} "
    "WHERE k IS NULL OR k IN (SELECT k FROM duplicates)"
)
COUNTS: Final = (
    "SELECT count(*), "
    f"count(*) FILTER (op = {ADDED}), count(*) FILTER (op = {UPDATED}), "
    f"count(*) FILTER (k IS NULL), count(*) FILTER (op = {REJECTED} AND "
    "k IS NOT NULL) FROM staged"
)
LARGEST_TEXT: Final = (
    "SELECT {0} FROM staged WHERE {0} IS NOT NULL "
    "ORDER BY TRY_CAST({0} AS DECIMAL(38, 6)) DESC NULLS LAST, {0} DESC LIMIT 1"
)
"""Largest of numbers, or of texts."""

_KEEP_REJECTED: Final = (
    f"INSERT INTO staged({STATE_COLUMNS}) SELECT {STATE_COLUMNS} FROM state "
    "WHERE k IN (SELECT k FROM duplicates)"
)


class DiffColumns(msgspec.Struct, frozen=True, kw_only=True):
    """Columns of a run: all columns, and the columns that count in comparisons.

    Attributes:
        columns: Every column of the query, in its order.
        counted: Names of the columns whose change makes a row updated.
    """

    columns: tuple[QueryColumn, ...]
    counted: tuple[str, ...]

    @property
    def texts(self) -> list[tuple[QueryColumn, str]]:
        """Each column, with the name of the column's text in `staged`."""
        return [(column, f"c{index}") for index, column in enumerate(self.columns)]


def counted_columns(sync: Sync, columns: Sequence[QueryColumn]) -> tuple[str, ...]:
    """Return the counted columns: the sync's columns, and the columns of the person.

    Args:
        sync: The sync; without columns every column counts.
        columns: Every column of the query.
    """
    if not sync.columns:
        return tuple(column.name for column in columns)
    named = {*sync.columns, sync.user_id, sync.email} - {""}
    return tuple(column.name for column in columns if column.name in named)


def stage_statement(sync: Sync, diff: DiffColumns, *, is_comparable: bool) -> str:
    """Return the SQL that reads `batches` once, and creates the table `staged`.

    Args:
        sync: The sync.
        diff: Its columns.
        is_comparable: Whether the hashes of the state are of this version; if not,
            a row whose key the state has is unchanged.
    """
    texts = diff.texts
    by_name = {column.name: (column, text) for column, text in texts}
    key = key_of([identifier_of(*by_name[name]) for name in sync.key])
    values = ", ".join(
        f"{text_of(column, quote(column.name))} AS {text}" for column, text in texts
    )
    identifiers = ", ".join(
        f"{identifier_of(*by_name[name]) if name else 'NULL::VARCHAR'} AS {alias}"
        for name, alias in ((sync.user_id, "user_id"), (sync.email, "email"))
    )
    hashed = row_hash((name, by_name[name][1]) for name in diff.counted)
    is_updated = "s.h <> b.h" if is_comparable and _finds_updates(sync) else "false"
    is_new = f"s.k IS NULL OR s.h = {UNKNOWN_PRESENCE}"
    is_updated = f"({is_updated} OR s.h = {UNKNOWN_CONTENT})"
    op = f"CASE WHEN {is_new} THEN {ADDED} WHEN {is_updated} THEN {UPDATED} ELSE 0"
    payload = "".join(
        f", CASE WHEN {is_new} OR {is_updated} THEN {text} END AS {text}"
        for _, text in texts
    )
    return (
        f"CREATE OR REPLACE TABLE staged AS SELECT b.k, b.key, b.h, b.user_id, b.email,"
        f" CAST({op} END AS UTINYINT) AS op{payload} FROM ("
        "SELECT *, md5_number(key) AS k FROM ("
        f"SELECT *, {key} AS key, {hashed} AS h, {identifiers} FROM ("
        f"SELECT {values} FROM batches))) b LEFT JOIN state s ON s.k = b.k"
    )


def _finds_updates(sync: Sync) -> bool:
    return sync.mode is not SyncMode.APPEND


def reads_every_row(sync: Sync) -> bool:
    """Return True if a row that the query does not return has vanished."""
    return sync.mode in (SyncMode.MIRROR, SyncMode.UPSERT)


def finds_deletions(sync: Sync) -> bool:
    """Return True if a row that has vanished becomes a deletion."""
    return sync.mode is SyncMode.MIRROR


def changes_of_state(sync: Sync) -> str:
    """Return the SQL of what the run under way remembers and forgets, as a segment."""
    forgets = reads_every_row(sync) and not finds_deletions(sync)
    table = "state" if forgets else "gone"
    return (
        f"SELECT {SEGMENT_COLUMNS}, op FROM staged WHERE op IN ({ADDED}, {UPDATED}) "
        f"UNION ALL SELECT {SEGMENT_COLUMNS}, CAST({GONE_ROW} AS UTINYINT) "
        f"FROM {table} ANTI JOIN staged USING (k) "
        f"UNION ALL SELECT {SEGMENT_COLUMNS}, CAST({MOVED_ROW} AS UTINYINT) "
        "FROM gone SEMI JOIN staged USING (k)"
    )


def promote_statements(sync: Sync, diff: DiffColumns) -> list[str]:
    """Return the statements that give `staged` the position of `state`.

    A key that was rejected in this run keeps its row of the last run: it has not
    vanished.
    """
    remember = [  # before the rejected rows leave `staged`
        "DELETE FROM rejected",
        "INSERT INTO rejected SELECT k FROM duplicates",
        "INSERT INTO rejected SELECT h FROM staged WHERE k IS NULL",
    ]
    drop = ["DROP TABLE staged", "DROP TABLE gone", "DROP TABLE duplicates"]
    if not reads_every_row(sync):
        changed = f"op IN ({ADDED}, {UPDATED})"
        return [
            f"DELETE FROM state WHERE k IN (SELECT k FROM staged WHERE {changed})",
            f"INSERT INTO state SELECT {STATE_COLUMNS} FROM staged WHERE {changed}",
            *remember,
            *drop,
        ]
    return [
        *remember,
        f"DELETE FROM staged WHERE op = {REJECTED}",
        _KEEP_REJECTED,
        *(f"ALTER TABLE staged DROP COLUMN {text}" for _, text in diff.texts),
        "ALTER TABLE staged DROP COLUMN op",
        "DROP TABLE state",
        "ALTER TABLE staged RENAME TO state",
        "DROP TABLE gone",
        "DROP TABLE duplicates",
    ]
