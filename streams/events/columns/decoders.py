"""Decoders: the encoding of a column's values as JSON that people can read.

A decoder takes a value that is not null. It raises `UnfitValue` if the value is not of
its type.
"""

import binascii
import math
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

from streams.errors import PoisonRecord
from streams.events.text import read_json


class UnfitValue(Exception):
    """Value that does not fit the column's type; the text never shows the value."""


Decoder = Callable[[Any], Any]
"""Converts a value that is not null, or raises UnfitValue."""

ParsedT = TypeVar("ParsedT")

MAX_EXACT_INTEGER: Final = 2**53
"""IEEE 754: a larger integer has neighbours that a double cannot tell from it."""

MAX_EXACT_DIGITS: Final = 15
"""IEEE 754: decimals of so many digits are the same after a way through a double."""

MAX_SCALE: Final = 20_000
"""PostgreSQL 15, 8.1: a numeric has at most 16,383 digits after the point."""

MAX_DIGITS: Final = 200_000
"""Ours, above PostgreSQL's: 1e999999999 written out would fill the memory."""

MAX_DECIMAL_BYTES: Final = 65_536
"""PostgreSQL 15, 8.1: 131,072 digits before the point and 16,383 after it."""

_POWERS: Final[tuple[int, ...]] = tuple(
    10**digits for digits in range(MAX_EXACT_DIGITS + 1)
)
_EXACT_BELOW: Final = _POWERS[MAX_EXACT_DIGITS]
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - databases' times without a zone
_EPOCH_DATE: Final = date(1970, 1, 1)
_SECONDS_PER_HOUR: Final = 3_600
_SECONDS_PER_MINUTE: Final = 60
_MICROS_PER_SECOND: Final = 1_000_000
_MICROS_PER_DAY: Final = 86_400 * _MICROS_PER_SECOND
_BOOLEANS: Final = {
    0: False,
    1: True,
    "0": False,
    "1": True,
    "f": False,
    "t": True,
    "false": False,
    "true": True,
    "AA==": False,  # MySQL's BIT(1) as one byte
    "AQ==": True,
}


def as_it_is(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a value that needs no conversion."""
    return value


def text(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Return a text, or the digits of a number."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise UnfitValue("neither a text nor a number")


def boolean(value: Any) -> bool:  # noqa: ANN401 - any JSON
    """Return a boolean; MySQL writes 0 and 1, in snapshots at least."""
    if isinstance(value, str | int) and value in _BOOLEANS:
        return _BOOLEANS[value]
    raise UnfitValue("neither true nor false, nor 1 nor 0")


def number(value: Any) -> float | str:  # noqa: ANN401 - any JSON
    """Return a number, also from text and from Debezium's decimals with a scale."""
    if isinstance(value, dict):
        return variable_decimal(value)
    if isinstance(value, str):
        return exact_number(_decimal_of(value))
    return _json_number(value)


def decimal(scale: int) -> Decoder:
    """Return the decoder of decimals with a fixed scale.

    The source is Kafka's `org.apache.kafka.connect.data.Decimal`: the unscaled integer,
    big-endian, in two's complement; base64 in JSON. The converter's option
    `decimal.format: NUMERIC` writes numbers instead.

    Args:
        scale: Digits after the point.
    """

    def decode(value: Any) -> float | str:  # noqa: ANN401 - any JSON
        if isinstance(value, str):
            return _scaled(value, scale)
        return _json_number(value)

    return decode


def variable_decimal(value: Any) -> float | str:  # noqa: ANN401 - any JSON
    """Return the number of Debezium's `VariableScaleDecimal`: `{"scale", "value"}`."""
    if isinstance(value, dict):
        scale, unscaled = value.get("scale"), value.get("value")
        if type(scale) is int and isinstance(unscaled, str):
            return _scaled(unscaled, scale)
    raise UnfitValue("not a decimal with a scale")


def scaled_number(raw: bytes, scale: int) -> float | str:
    """Return the number of an unscaled integer and a scale, by `exact_number`.

    Args:
        raw: The unscaled integer, big-endian, in two's complement.
        scale: Digits after the point.
    """
    if abs(scale) > MAX_SCALE:
        raise UnfitValue("the scale of no database")
    if not 0 < len(raw) <= MAX_DECIMAL_BYTES:
        raise UnfitValue("of no bytes, or of more than any database's")
    unscaled = int.from_bytes(raw, signed=True)
    if 0 <= scale <= MAX_EXACT_DIGITS and abs(unscaled) < _EXACT_BELOW:
        divisor = _POWERS[scale]
        whole, rest = divmod(unscaled, divisor)
        return unscaled / divisor if rest else whole
    digits = Decimal(unscaled).as_tuple()
    return exact_number(Decimal((digits.sign, digits.digits, -scale)))


def exact_number(value: Decimal) -> float | str:
    """Return a number if a double holds the decimal exactly, else the digits as text.

    Klaviyo compares numbers as doubles: 0.1 is as exact there as anywhere, but an
    amount of 20 digits would lose the last ones.
    """
    if not value.is_finite():
        return str(value)
    if abs(value.adjusted()) > MAX_DIGITS:
        raise UnfitValue("of more digits than any database's")
    if value == value.to_integral_value() and abs(value) <= MAX_EXACT_INTEGER:
        return int(value)
    nearest = float(value)
    is_exact = math.isfinite(nearest) and Decimal(repr(nearest)) == value
    if is_exact and value != value.to_integral_value():
        return nearest
    return f"{value:f}"


def day(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Return an ISO date from days since 1970, or from a text as `1990-05-17Z`."""
    if type(value) is int:
        return _day_text(value)
    return _parsed(date.fromisoformat, _without_zone(value)).isoformat()


def timestamp(unit: str, *, has_zone: bool = False) -> Decoder:
    """Return the decoder of times since 1970 in a unit, or of ISO texts.

    Args:
        unit: `millis`, `micros` or `nanos`; nanoseconds are cut to microseconds.
        has_zone: Whether the time is in UTC. A time without a zone gets none: the
            `Z` that Debezium's mode `isostring` prints is invented.
    """

    def decode(value: Any) -> str:  # noqa: ANN401 - any JSON
        if type(value) is int:
            moment = _moment_text(_micros(value, unit))
        else:
            text = _without_zone(value)
            moment = _parsed(datetime.fromisoformat, text).isoformat()
        return f"{moment}Z" if has_zone else moment

    return decode


def zoned_timestamp(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Return the ISO text of a time with a zone, in UTC."""
    if not isinstance(value, str):
        raise UnfitValue("not an ISO 8601 time")
    moment = _parsed(datetime.fromisoformat, value)
    if moment.tzinfo is None:
        raise UnfitValue("a time without a zone")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def time_of_day(unit: str) -> Decoder:
    """Return the decoder of times of the day in a unit since midnight.

    MySQL's TIME goes to 838 hours and below zero, PostgreSQL's to 24:00:00: the text
    is made by hand.
    """

    def decode(value: Any) -> str:  # noqa: ANN401 - any JSON
        if type(value) is int:
            return _clock(_micros(value, unit))
        return _parsed(time.fromisoformat, _without_zone(value)).isoformat()

    return decode


def duration(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Return an ISO 8601 duration from microseconds; text is a duration already."""
    if isinstance(value, str):
        return value
    if type(value) is not int:
        raise UnfitValue("not a number of microseconds")
    seconds, micros = divmod(abs(value), _MICROS_PER_SECOND)
    return f"{'-' if value < 0 else ''}PT{seconds}{_fraction(micros)}S"


def json_value(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return the JSON in a text; an object or a list is JSON already."""
    if not isinstance(value, str):
        return value
    try:
        return read_json(value.encode())
    except (PoisonRecord, UnicodeEncodeError):
        raise UnfitValue("not JSON") from None


def base64_bytes(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Return base64 text unchanged, and refuse any other value."""
    if isinstance(value, str):
        return value
    raise UnfitValue("not base64")


def each(decode: Decoder) -> Decoder:
    """Return the decoder of a list with items of a common type."""

    def decode_items(value: Any) -> list[Any]:  # noqa: ANN401 - any JSON
        if not isinstance(value, list):
            raise UnfitValue("not a list")
        return [None if item is None else decode(item) for item in value]

    return decode_items


def _json_number(value: object) -> float | str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnfitValue("not a number")
    return exact_number(Decimal(value)) if isinstance(value, int) else value


def _decimal_of(value: str) -> Decimal:
    try:
        return Decimal(value)
    except ArithmeticError:
        raise UnfitValue("not the text of a number") from None


def _scaled(value: str, scale: int) -> float | str:
    """Return the number of an unscaled integer in base64."""
    try:
        raw = binascii.a2b_base64(value, strict_mode=True)
    except ValueError:  # text outside of ASCII, too
        raise UnfitValue("not base64") from None
    return scaled_number(raw, scale)


def _day_text(days: int) -> str:
    try:
        return (_EPOCH_DATE + timedelta(days=days)).isoformat()
    except OverflowError:
        return _far_day_text(days)


def _moment_text(micros: int) -> str:
    try:
        return (_EPOCH + timedelta(microseconds=micros)).isoformat()
    except OverflowError:
        days, rest = divmod(micros, _MICROS_PER_DAY)
        return f"{_far_day_text(days)}T{_clock(rest)}"


def _far_day_text(days: int) -> str:
    """Return a day that Python's dates cannot hold, such as PostgreSQL's infinity.

    Years outside 0 to 9999 have a sign and 6 digits, as ISO 8601 asks. The algorithm is
    `civil_from_days` of Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms".
    """
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (
        day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096
    ) // 365
    day_of_year = day_of_era - (
        365 * year_of_era + year_of_era // 4 - year_of_era // 100
    )
    shifted_month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted_month + 2) // 5 + 1
    month = shifted_month + 3 if shifted_month < 10 else shifted_month - 9
    year = year_of_era + era * 400 + (month <= 2)
    year_text = f"{year:04d}" if 0 <= year <= 9999 else f"{year:+07d}"
    return f"{year_text}-{month:02d}-{day:02d}"


def _parsed(parse: Callable[[str], ParsedT], text: str) -> ParsedT:
    """Parse ISO 8601; the parser's own error would show the value."""
    try:
        return parse(text)
    except ValueError:
        raise UnfitValue("not ISO 8601") from None


def _micros(value: int, unit: str) -> int:
    match unit:
        case "millis":
            return value * 1_000
        case "micros":
            return value
        case _:
            return value // 1_000


def _without_zone(value: object) -> str:
    if not isinstance(value, str):
        raise UnfitValue("neither a number nor an ISO text")
    return value.removesuffix("Z")


def _clock(micros: int) -> str:
    seconds, fraction = divmod(abs(micros), _MICROS_PER_SECOND)
    hours, seconds = divmod(seconds, _SECONDS_PER_HOUR)
    minutes, seconds = divmod(seconds, _SECONDS_PER_MINUTE)
    sign = "-" if micros < 0 else ""
    return f"{sign}{hours:02}:{minutes:02}:{seconds:02}{_fraction(fraction)}"


def _fraction(micros: int) -> str:
    return f".{micros:06}" if micros else ""
