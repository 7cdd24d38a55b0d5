"""Filters for values of any type."""

from collections.abc import Callable
from typing import Any, Final

from liquid.builtin.expressions.primitive import Blank, Empty

from streams.mapping.liquid.convert import LiquidNumber, number_or_nan
from streams.mapping.liquid.operators import is_truthy
from streams.mapping.text import json_text
from streams.mapping.values import UNDEFINED, Json


def default(value: Json, other: Json = None, *, allow_false: Json = None) -> Json:
    """Return another value for nil, false and empty values."""
    if isinstance(value, (Empty, Blank)):
        return other
    if isinstance(value, (str, list)):
        return value or other
    if value is False and is_truthy(allow_false):
        return False
    return value if is_truthy(value) else other


def as_json(value: Json) -> str | None:
    """Format a value as JSON; an absent value stays absent."""
    return None if value is UNDEFINED else json_text(_range_to_list(value))


def _range_to_list(value: Json) -> Json:
    return list(value) if isinstance(value, range) else value


def to_integer(value: Json) -> LiquidNumber:
    """Convert a value to a number, keeping the fraction, as recorded."""
    return number_or_nan(value)


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "default": default,
    "inspect": as_json,
    "json": as_json,
    "jsonify": as_json,
    "raw": lambda value: value,
    "to_integer": to_integer,
}
"""Filters for any value, by name."""
