"""Columns, keys and tables of sampled records: names and types, never a value.

A name may be personal too, as in an object keyed by addresses; such names are masked.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from streams.events.canonical_event import section
from streams.events.columns.connect_schema import read_connect_value
from streams.events.formats.source_record import DecodedRecord
from streams.events.guess import Guess
from streams.events.sources import RowTool, SourceFormat

MASK: Final = "(masked)"
PLAIN_NAME: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_ $.:/-]{0,63}").fullmatch
"""Names that are printed; another one may hold an address, a number or a token."""

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+").fullmatch


class SampledColumn(msgspec.Struct, frozen=True, kw_only=True):
    """Column of rows, or member of other objects.

    Attributes:
        name: Its name, or the mask.
        types: Types of its values, sorted; `null` is one.
        records: Number of records that have it.
    """

    name: str
    types: tuple[str, ...]
    records: int


def rows_of(value: object, guess: Guess) -> Iterator[dict[str, Any]]:
    """Yield the rows that a value holds, or the value itself if the value is a row."""
    if not isinstance(value, dict):
        return
    rows = payload = read_connect_value(value).payload
    if guess.format is SourceFormat.CLOUDEVENTS:
        rows = value.get("data", value)
    elif guess.tool in (RowTool.MAXWELL, RowTool.CANAL):
        rows = value.get("data")
    elif isinstance(payload, dict) and "op" in payload and "source" in payload:
        rows = payload.get("after")
    for row in rows if isinstance(rows, list) else (rows,):
        if isinstance(row, dict):
            yield row


def tables_of(records: Iterable[DecodedRecord]) -> tuple[str, ...]:
    """Return the names of the tables that records name, sorted."""
    names = {_table_of(read_connect_value(record.value).payload) for record in records}
    return tuple(sorted(mask_name(name) for name in names if name))


def _table_of(payload: object) -> str:
    if not isinstance(payload, dict):
        return ""
    found = section(payload, "source").get("table", payload.get("__table"))
    if "database" in payload:
        found = payload.get("table")
    return found if isinstance(found, str) else ""


def key_names(records: Iterable[DecodedRecord]) -> tuple[str, ...]:
    """Return the names of the fields of keys, sorted; a word for plain keys."""
    keys = [record.key for record in records if record.key is not None]
    fields = {name for key in keys if isinstance(key, dict) for name in key}
    if fields:
        return tuple(sorted(mask_name(name) for name in fields))
    return ("(whole key)",) if keys else ()


def mask_name(name: str) -> str:
    """Return a name that is safe to print, masked unless all characters are plain."""
    return name if PLAIN_NAME(name) else MASK


def columns_of(rows: Sequence[dict[str, Any]]) -> Iterator[SampledColumn]:
    """Yield the columns of rows, in the order of first appearance."""
    types: dict[str, set[str]] = {}
    counts: Counter[str] = Counter()
    for row in rows:
        by_name = {mask_name(name): type_name(value) for name, value in row.items()}
        counts.update(list(by_name))
        for name, text in by_name.items():
            types.setdefault(name, set()).add(text)
    for name, found in types.items():
        yield SampledColumn(name=name, types=tuple(sorted(found)), records=counts[name])


def type_name(value: object) -> str:
    """Return the name of a value's type; e-mail addresses count as a type."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "e-mail address" if _EMAIL(value) else "text"
        case dict():
            return "object"
        case _:
            return "list"
