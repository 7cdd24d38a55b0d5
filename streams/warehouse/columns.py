"""Columns of a query: kinds, and the SQL of the canonical text of values.

Rows are compared by hashes of text. The text of a value is spelled out here for each
kind, so that neither another driver nor another version of DuckDB changes it: floats
have 17 significant digits, timestamps are whole microseconds.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

import msgspec
import orjson

HASH_VERSION: Final = 1
"""Version of the canonical text. Another version compares nothing: the next run takes
the rows as they are, or every row would count as updated."""


class ColumnKind(StrEnum):
    """Kind of a column, from the type that the database names."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    FLOAT = "float"
    """64 bits, IEEE 754."""
    REAL = "real"
    """32 bits, IEEE 754."""
    DECIMAL = "decimal"
    TEXT = "text"
    UUID = "uuid"
    JSON = "json"
    """JSON as text."""
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    """Without a time zone."""
    INSTANT = "instant"
    """Timestamp with a time zone, in UTC."""
    DURATION = "duration"
    BYTES = "bytes"
    NESTED = "nested"
    """Lists, structs and maps."""
    SCALAR = "scalar"
    """JSON text of any value, from drivers that name no types."""


class QueryColumn(msgspec.Struct, frozen=True, kw_only=True):
    """Column of a query.

    Attributes:
        name: Name in the result.
        kind: Kind of the values.
    """

    name: str
    kind: ColumnKind


_TEXTS: Final = {
    ColumnKind.FLOAT: "printf('%.17g', CAST({0} AS DOUBLE) + 0.0)",
    ColumnKind.REAL: "printf('%.9g', CAST({0} AS DOUBLE) + 0.0)",
    ColumnKind.UUID: "CAST(CAST(lower(hex({0})) AS UUID) AS VARCHAR)",
    ColumnKind.TIMESTAMP: "CAST(epoch_us({0}) AS VARCHAR)",
    ColumnKind.INSTANT: "CAST(epoch_us({0}) AS VARCHAR)",
    ColumnKind.BYTES: "base64({0})",
    ColumnKind.NESTED: "CAST(to_json({0}) AS VARCHAR)",
}
_PLAIN_TEXT: Final = "CAST({0} AS VARCHAR)"
_JSON_STRING: Final = (
    "CASE WHEN {0} LIKE '\"%' THEN json_extract_string({0}, '$') "
    "WHEN {0} <> 'null' THEN {0} END"
)


def quote(name: str) -> str:
    """Return a name as an identifier of DuckDB, and of standard SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def text_of(column: QueryColumn, source: str) -> str:
    """Return the SQL of a column's canonical text; NULL stays NULL.

    Args:
        column: The column.
        source: SQL of its value.
    """
    return _TEXTS.get(column.kind, _PLAIN_TEXT).format(source)


def identifier_of(column: QueryColumn, text: str) -> str:
    """Return the SQL of a column's text as an identifier; a quoted text is unquoted.

    Args:
        column: The column.
        text: SQL of its canonical text.
    """
    is_json = column.kind is ColumnKind.SCALAR
    return _JSON_STRING.format(text) if is_json else text


def key_of(texts: Sequence[str]) -> str:
    """Return the SQL of a row's key; NULL if a part of the key is NULL or blank.

    The key has the form of `streams.events.row.row_key_text`.

    Args:
        texts: SQL of the identifiers of the key's columns, in the order of the key.
    """
    empty = " OR ".join(f"{text} IS NULL OR trim({text}) = ''" for text in texts)
    key = texts[0] if len(texts) == 1 else f"to_json([{', '.join(texts)}])"
    return f"CASE WHEN {empty} THEN NULL ELSE CAST({key} AS VARCHAR) END"


def row_hash(columns: Iterable[tuple[str, str]]) -> str:
    """Return the SQL of a row's hash, 128 bits of MD5 as an unsigned number.

    Each text has its length before it, and NULL is no text: so no two rows have the
    same text to hash. The names are hashed too, or a renamed column would not count.

    Args:
        columns: Name and SQL of the canonical text of each column that counts.
    """
    in_order = sorted(columns)
    names = orjson.dumps([HASH_VERSION, *(name for name, _ in in_order)]).decode()
    parts = [
        f"CASE WHEN {text} IS NULL THEN '-' "
        f"ELSE concat(strlen({text}), ':', {text}) END"
        for _, text in in_order
    ]
    return f"md5_number(concat({', '.join([literal(names), *parts])}))"
