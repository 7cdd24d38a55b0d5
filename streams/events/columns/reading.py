"""Reading of a row's columns: types from the schema, else from the source."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from streams.errors import PoisonRecord
from streams.events.columns.connect_schema import (
    DECIMAL_NAME,
    Schema,
    is_bytes,
    logical_decoder,
)
from streams.events.columns.decoders import MAX_EXACT_INTEGER, Decoder, UnfitValue
from streams.events.columns.unavailable import is_unavailable

Warn = Callable[[str], None]
"""Takes a warning about a column; the same text comes for each of its values."""

SMALLEST_TIME: Final = 100_000_000_000
"""Ours: the millisecond count of 1973. A larger number without a type may be a time."""

_LOOKS_LIKE_BYTES: Final = re.compile(
    r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)"
).fullmatch


_MAYBE_UNAVAILABLE: Final = frozenset({str, list, dict})
_DOUBTFUL: Final = frozenset({str, int, dict})
_UNTYPED: Final = (
    "has neither a schema nor a type, and its values look like {}: name its type"
)
_INEXACT: Final = (
    "has numbers from 2^53 on that a double may not hold, and digits may be lost: let "
    "the producer write decimals as text (Debezium: decimal.handling.mode=string)"
)


def ignore_warning(_: str) -> None:
    """Ignore a warning, for callers that show no warnings."""


def read_columns(
    values: Mapping[str, Any],
    fields: Mapping[str, Schema],
    types: Mapping[str, Decoder],
    *,
    source: str,
    warn: Warn = ignore_warning,
) -> dict[str, Any]:
    """Return the columns of a row as JSON that people can read.

    A schema with a logical type decides, else the source's `types`; without either a
    value stays as it is. A placeholder for a value that is not in the database's log
    makes the column absent.

    Args:
        values: Column to value, as the tool encodes it.
        fields: Column to schema; empty if the record has no schema.
        types: Column to decoder, as the source declares them.
        source: Name of the source, for errors and warnings.
        warn: Takes warnings, which name a column and never a value.

    Raises:
        PoisonRecord: `bad-column`, if a value is not of the type of its column.
    """
    columns: dict[str, Any] = {}
    for name, value in values.items():
        kind = type(value)
        if kind in _MAYBE_UNAVAILABLE and is_unavailable(value):
            continue
        field, decode = fields.get(name), types.get(name)
        if field is not None:
            if doubt := _typed_doubt(value, field, is_declared=decode is not None):
                warn(f"column {name} of source {source} {doubt}")
            decode = logical_decoder(field) or decode
        elif decode is None and kind in _DOUBTFUL and (doubt := _untyped_doubt(value)):
            warn(f"column {name} of source {source} {_UNTYPED.format(doubt)}")
        if kind is float and abs(value) >= MAX_EXACT_INTEGER and _is_decimal(field):
            warn(f"column {name} of source {source} {_INEXACT}")
        if decode is not None and value is not None:
            value = _decoded(name, value, decode, source)  # noqa: PLW2901 - the same, readable
        columns[name] = value
    return columns


def _decoded(name: str, value: object, decode: Decoder, source: str) -> object:
    try:
        return decode(value)
    except UnfitValue as err:
        fix = f"check sources.{source}.types.{name} and the connector's options"
        raise PoisonRecord("bad-column", f"column {name}: {err}; {fix}") from None


def _is_decimal(field: Schema | None) -> bool:
    """Return True for a column that may be a decimal: its schema says no other type."""
    return field is None or field.get("name") == DECIMAL_NAME


def _typed_doubt(value: object, field: Schema, *, is_declared: bool) -> str:
    """Return the possible fault of a value that has a schema; else empty."""
    if "default" in field and field.get("optional") and value == field["default"]:
        return (
            "may be NULL where it has its default: set the converter's option "
            "replace.null.with.default=false, then NULL comes as null"
        )
    if is_bytes(field) and not is_declared and value is not None:
        return "is bytes: its values are base64 text; if that is meant, type it bytes"
    return ""


def _untyped_doubt(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Return the type that an untyped value may stand for; else empty."""
    kind = type(value)
    if kind is str:
        is_base64 = value[-1:] == "=" and _LOOKS_LIKE_BYTES(value)
        return "base64 of bytes or of a decimal" if is_base64 else ""
    if kind is int:
        is_large = not -SMALLEST_TIME < value < SMALLEST_TIME
        return "counts of time" if is_large else ""
    is_decimal = kind is dict and value.keys() == {"scale", "value"}
    return "decimals with a scale" if is_decimal else ""
