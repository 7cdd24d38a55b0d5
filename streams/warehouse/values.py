"""Values of columns, from their canonical text to JSON without loss.

The table of kinds is in `deploy/README.md`, "Rows of a warehouse".
"""

import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import orjson

from streams.mapping.values import Json
from streams.warehouse.columns import ColumnKind

EXACT_DIGITS: Final = 15
"""IEEE 754: each decimal of so many digits is a float that prints as the same text."""

INTEGER_MAX: Final = 2**63
"""JSON numbers beyond 64 bits lose digits in most readers; they stay text."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_REAL_DIGITS: Final = range(6, 10)
"""IEEE 754: so many digits tell any two floats of 32 bits from each other."""


def value_of(text: str | None, kind: ColumnKind, *, zone: str = "") -> Json:
    """Return the JSON value of a canonical text; None for NULL.

    Args:
        text: Text by `streams.warehouse.columns.text_of`.
        kind: Kind of the column.
        zone: IANA time zone of timestamps without one; empty leaves them without.
    """
    if text is None:
        return None
    if kind is ColumnKind.TIMESTAMP:
        return _timestamp(text, zone=zone)
    return _READERS.get(kind, str)(text)


def _integer(text: str) -> Json:
    number = int(text)
    return number if -INTEGER_MAX <= number < INTEGER_MAX else text


def _number(text: str) -> Json:
    number = float(text)
    if number != number or number in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN
        return text
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _real(text: str) -> Json:
    """Return the shortest number that is the same float of 32 bits."""
    number = float(text)
    if not abs(number) < 3.4e38:
        return text
    single = struct.unpack("f", struct.pack("f", number))[0]
    for digits in _REAL_DIGITS:
        shorter = float(f"{number:.{digits}g}")
        if struct.unpack("f", struct.pack("f", shorter))[0] == single:
            return _number(repr(shorter))
    return number


def _decimal(text: str) -> Json:
    """Return a number if a float keeps every digit, else the text."""
    number = Decimal(text)
    if not number.is_finite() or len(number.as_tuple().digits) > EXACT_DIGITS:
        return text
    return _number(text)


def _timestamp(text: str, *, zone: str) -> Json:
    naive = (_EPOCH + timedelta(microseconds=int(text))).replace(tzinfo=None)
    if not zone:
        return naive.isoformat()
    return naive.replace(tzinfo=ZoneInfo(zone)).isoformat()


def _instant(text: str) -> Json:
    instant = _EPOCH + timedelta(microseconds=int(text))
    return instant.isoformat().replace("+00:00", "Z")


def _json(text: str) -> Json:
    try:
        value: Json = orjson.loads(text)
    except orjson.JSONDecodeError:  # a NaN, or a number beyond what readers take
        return text
    return value


_READERS: Final[dict[ColumnKind, Callable[[str], Json]]] = {
    ColumnKind.BOOLEAN: lambda text: text == "true",
    ColumnKind.INTEGER: _integer,
    ColumnKind.FLOAT: _number,
    ColumnKind.REAL: _real,
    ColumnKind.DECIMAL: _decimal,
    ColumnKind.INSTANT: _instant,
    ColumnKind.JSON: _json,
    ColumnKind.NESTED: _json,
    ColumnKind.SCALAR: _json,
}
"""Reader of each kind whose value is not its text."""
