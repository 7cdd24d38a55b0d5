"""Conversions between types, with the results of liquidjs."""

import math
from typing import Final

from streams.mapping.text import SAFE_INTEGER_MAX, text_of
from streams.mapping.values import DEPTH_MAX, UNDEFINED, Json

LiquidNumber = int | float

_INFINITIES: Final = {
    "Infinity": math.inf,
    "+Infinity": math.inf,
    "-Infinity": -math.inf,
}
_DIGITS: Final = frozenset("0123456789+-.eE")


def is_nil(value: object) -> bool:
    """Return True for null and for `UNDEFINED`."""
    return value is None or value is UNDEFINED


def liquid_text(value: Json, *, depth: int = 0) -> str:
    """Format a value for the output: nil as empty text, arrays without commas."""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, range)):
        items = value if depth <= DEPTH_MAX else ()
        return "".join([liquid_text(item, depth=depth + 1) for item in items])
    if value is None or not isinstance(value, (bool, int, float, dict)):
        return ""
    return text_of(value)


def to_array(value: Json) -> list[Json]:
    """Convert a value to an array: nil is empty, another value is the only item."""
    if is_nil(value):
        return []
    return list(value) if isinstance(value, (list, range)) else [value]


def to_number(value: Json) -> LiquidNumber:
    """Convert a value to a number, or 0 if the conversion fails."""
    real = number_or_nan(value)
    return 0 if math.isnan(real) else real


def number_or_nan(value: Json) -> LiquidNumber:
    """Convert a value to a number, or NaN if the conversion fails."""
    if isinstance(value, bool) or value is None:
        return int(value or 0)
    if isinstance(value, int):
        return value if abs(value) <= SAFE_INTEGER_MAX else _to_float(value)
    if isinstance(value, float):
        return value
    if isinstance(value, (str, list)):
        return _parse_number(text_of(value).strip())
    return math.nan


def _to_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)


def _parse_number(text: str) -> LiquidNumber:
    if not text or text in _INFINITIES:
        return _INFINITIES.get(text, 0)
    if text[:2].lower() in {"0x", "0o", "0b"} and "_" not in text:
        return _parse_prefixed(text)
    if not _DIGITS.issuperset(text):
        return math.nan
    try:
        real = float(text)
    except ValueError:
        return math.nan
    return int(real) if abs(real) <= SAFE_INTEGER_MAX and real == int(real) else real


def _parse_prefixed(text: str) -> LiquidNumber:
    try:
        return number_or_nan(int(text, 0))
    except ValueError:
        return math.nan


def to_integer(value: Json, *, default: int) -> int:
    """Convert a counting argument to an integer."""
    if is_nil(value):
        return default
    real = to_number(value)
    return int(max(-SAFE_INTEGER_MAX, min(SAFE_INTEGER_MAX, real)))
