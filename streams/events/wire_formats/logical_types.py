"""Logical types: the meaning of a schema's numbers and bytes, and the form in JSON.

The names without a dot are Avro's (specification 1.12.0, "Logical Types"); those with
dots are Kafka Connect's and Debezium's, which Connect's Avro converter writes into
`connect.name`.
"""

import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, TypeAlias

import orjson

from streams.events.wire_formats.values import (
    bytes_value,
    date_text,
    decimal_value,
    time_text,
    timestamp_text,
)

Convert: TypeAlias = Callable[[Any], Any]
"""Turns a value as a decoder gives it into JSON."""

_MILLIS: Final = 1_000
_MICROS: Final = 1_000_000
_NANOS: Final = 1_000_000_000

_DURATION_BYTES: Final = 12
"""Avro's duration: months, days and milliseconds, little-endian, four bytes each."""


def decimal_of(raw: bytes, *, scale: int) -> int | float | str:
    """Return the decimal of a big-endian two's complement number and a scale."""
    return decimal_value(int.from_bytes(raw, signed=True), scale=scale)


def _read_variable_decimal(value: Mapping[str, Any]) -> int | float | str:
    return decimal_of(value["value"], scale=value["scale"])


def _read_json(text: str) -> Any:  # noqa: ANN401 - any JSON
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _read_uuid(raw: bytes) -> str:
    return str(uuid.UUID(bytes=raw))


def _read_duration(raw: bytes) -> str:
    numbers = (int.from_bytes(raw[at : at + 4], "little") for at in (0, 4, 8))
    months, days, millis = numbers
    return f"P{months}M{days}DT{millis // _MILLIS}.{millis % _MILLIS:03d}S"


_ZONED_MILLIS: Final = partial(timestamp_text, per_second=_MILLIS)
_ZONED_MICROS: Final = partial(timestamp_text, per_second=_MICROS)
_ZONED_NANOS: Final = partial(timestamp_text, per_second=_NANOS)
_LOCAL_MILLIS: Final = partial(timestamp_text, per_second=_MILLIS, zone="")
_LOCAL_MICROS: Final = partial(timestamp_text, per_second=_MICROS, zone="")
_LOCAL_NANOS: Final = partial(timestamp_text, per_second=_NANOS, zone="")

BY_NAME: Final[Mapping[tuple[str, str], Convert]] = {
    ("date", "int"): date_text,
    ("time-millis", "int"): partial(time_text, per_second=_MILLIS),
    ("time-micros", "long"): partial(time_text, per_second=_MICROS),
    ("timestamp-millis", "long"): _ZONED_MILLIS,
    ("timestamp-micros", "long"): _ZONED_MICROS,
    ("timestamp-nanos", "long"): _ZONED_NANOS,
    ("local-timestamp-millis", "long"): _LOCAL_MILLIS,
    ("local-timestamp-micros", "long"): _LOCAL_MICROS,
    ("local-timestamp-nanos", "long"): _LOCAL_NANOS,
    ("io.debezium.time.Date", "int"): date_text,
    ("io.debezium.time.Time", "int"): partial(time_text, per_second=_MILLIS),
    ("io.debezium.time.MicroTime", "long"): partial(time_text, per_second=_MICROS),
    ("io.debezium.time.NanoTime", "long"): partial(time_text, per_second=_NANOS),
    ("io.debezium.time.Timestamp", "long"): _LOCAL_MILLIS,
    ("io.debezium.time.MicroTimestamp", "long"): _LOCAL_MICROS,
    ("io.debezium.time.NanoTimestamp", "long"): _LOCAL_NANOS,
    ("org.apache.kafka.connect.data.Date", "int"): date_text,
    ("org.apache.kafka.connect.data.Time", "int"): partial(
        time_text, per_second=_MILLIS
    ),
    ("org.apache.kafka.connect.data.Timestamp", "long"): _ZONED_MILLIS,
    ("io.debezium.data.Json", "string"): _read_json,
    ("io.debezium.data.VariableScaleDecimal", "record"): _read_variable_decimal,
}
"""Conversion by logical type and the type below it."""

_DECIMALS: Final = ("decimal", "org.apache.kafka.connect.data.Decimal")
_BYTES: Final = ("bytes", "fixed")


def plain_conversion(base_type: str) -> Convert | None:
    """Return the conversion of a type without a meaning; None for JSON's own types."""
    return bytes_value if base_type in _BYTES else None


def find_conversion(
    logical_type: str, base_type: str, *, scale: int = 0, size: int = 0
) -> Convert | None:
    """Return the conversion of a logical type; None if the type has no conversion.

    A logical type on a type that it does not belong to is ignored, as Avro demands.

    Args:
        logical_type: Name of the logical type.
        base_type: Type below it, in Avro's words.
        scale: Digits after the point, for decimals.
        size: Length of a fixed type, bytes.
    """
    if base_type in _BYTES:
        if logical_type in _DECIMALS:
            return partial(decimal_of, scale=scale)
        if logical_type == "uuid" and size == 16:
            return _read_uuid
        if logical_type == "duration" and size == _DURATION_BYTES:
            return _read_duration
    return BY_NAME.get((logical_type, base_type))
