"""Reading of a row's columns: types from the schema, else from the source."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from streams.errors import PoisonRecord
from streams.events.columns.connect_schema import Schema, is_bytes, logical_decoder
from streams.events.columns.decoders import Decoder, UnfitValue
from streams.events.columns.unavailable import is_unavailable

Warn = Callable[[str], None]
"""Takes a warning about a column; the same text comes for each of its values."""

SMALLEST_TIME: Final = 100_000_000_000
"""Ours: the millisecond count of 1973. A larger number without a type may be a time."""

_LOOKS_LIKE_BYTES: Final = re.compile(
    r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)"
).fullmatch


def ignore_warning(_: str) -> None:
    """Ignore a warning, where nobody reads it."""


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
        if is_unavailable(value):
            continue
        field, declared = fields.get(name), types.get(name)
        for warning in _doubts(value, field, declared):
            warn(f"column {name} of source {source} {warning}")
        decode = (logical_decoder(field) if field else None) or declared
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


def _doubts(value: object, field: Schema | None, declared: Decoder | None) -> list[str]:
    """Return what may be wrong with a value, without the value."""
    if field is None:
        return [] if declared or value is None else _untyped_doubts(value)
    doubts = []
    if "default" in field and field.get("optional") and value == field["default"]:
        doubts.append(
            "may be NULL where it has its default: set the converter's option "
            "replace.null.with.default=false, then NULL comes as null"
        )
    if is_bytes(field) and declared is None and value is not None:
        doubts.append("is bytes: its values are base64 text; if you know, type it")
    return doubts


def _untyped_doubts(value: object) -> list[str]:
    fix = "has neither a schema nor a type, and its values look like {}: name its type"
    if isinstance(value, str) and value and _LOOKS_LIKE_BYTES(value):
        return [fix.format("base64 of bytes or of a decimal")]
    if isinstance(value, dict) and value.keys() == {"scale", "value"}:
        return [fix.format("decimals with a scale")]
    is_large = type(value) is int and abs(value) >= SMALLEST_TIME
    return [fix.format("counts of time")] if is_large else []
