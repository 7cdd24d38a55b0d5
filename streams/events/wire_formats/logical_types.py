"""Logical types of Avro, Kafka Connect and Debezium, as JSON.

The conversions are those of `streams/events/columns`: a column reads the same in each
wire format. Avro's own logical types: Avro 1.12, "Logical Types". Connect's Avro
converter writes its own and Debezium's into `connect.name`.
"""

import base64
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, TypeAlias

from streams.events.columns import decoders
from streams.events.columns.connect_schema import DECIMAL_NAME, LOGICAL_TYPES

Convert: TypeAlias = Callable[[Any], Any]
"""Turns a value as a decoder gives it into JSON."""

_DURATION_BYTES: Final = 12
"""Avro's duration: months, days and milliseconds, little-endian, four bytes each."""

_MILLIS: Final = 1_000

_AVRO_TYPES: Final[Mapping[tuple[str, str], Convert]] = {
    ("date", "int"): decoders.day,
    ("time-millis", "int"): decoders.time_of_day("millis"),
    ("time-micros", "long"): decoders.time_of_day("micros"),
    **{
        (f"timestamp-{unit}", "long"): decoders.timestamp(unit, has_zone=True)
        for unit in ("millis", "micros", "nanos")
    },
    **{
        (f"local-timestamp-{unit}", "long"): decoders.timestamp(unit)
        for unit in ("millis", "micros", "nanos")
    },
}
"""Conversion by logical type and the type below it."""

_CONNECT_BASES: Final = ("int", "long", "string")
_DECIMALS: Final = ("decimal", DECIMAL_NAME)
_VARIABLE_DECIMAL: Final = "io.debezium.data.VariableScaleDecimal"
_BYTES: Final = ("bytes", "fixed")


def bytes_value(raw: bytes) -> str:
    """Return bytes as base64 text."""
    return base64.b64encode(raw).decode("ascii")


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
        return _find_bytes_conversion(logical_type, scale=scale, size=size)
    if base_type == "record":
        is_decimal = logical_type == _VARIABLE_DECIMAL
        return _read_variable_decimal if is_decimal else None
    if base_type in _CONNECT_BASES and logical_type in LOGICAL_TYPES:
        return LOGICAL_TYPES[logical_type]
    return _AVRO_TYPES.get((logical_type, base_type))


def _find_bytes_conversion(
    logical_type: str, *, scale: int, size: int
) -> Convert | None:
    if logical_type in _DECIMALS:
        return partial(decoders.scaled_number, scale=scale)
    if logical_type == "uuid" and size == 16:
        return _read_uuid
    if logical_type == "duration" and size == _DURATION_BYTES:
        return _read_duration
    return None


def _read_variable_decimal(value: Mapping[str, Any]) -> float | str:
    return decoders.scaled_number(value["value"], value["scale"])


def _read_uuid(raw: bytes) -> str:
    return str(uuid.UUID(bytes=raw))


def _read_duration(raw: bytes) -> str:
    numbers = (int.from_bytes(raw[at : at + 4], "little") for at in (0, 4, 8))
    months, days, millis = numbers
    return f"P{months}M{days}DT{millis // _MILLIS}.{millis % _MILLIS:03d}S"
