"""Filters of any value."""

from collections.abc import Callable
from typing import Any, Final

from liquid.builtin.expressions.primitive import Blank, Empty

from streams.mapping.liquid.convert import LiquidNumber, number_or_nan
from streams.mapping.liquid.operators import is_truthy
from streams.mapping.text import json_text
from streams.mapping.values import UNDEFINED, Json


def default(value: Json, other: Json = None, *, allow_false: Json = None) -> Json:
    """Take another value for nil, false and what is empty."""
    if isinstance(value, (Empty, Blank)):
        return other
    if isinstance(value, (str, list)):
        return value or other
    if value is False and is_truthy(allow_false):
        return False
    return value if is_truthy(value) else other


def as_json(value: Json) -> str | None:
    """Write JSON; what is not there writes nothing."""
    return None if value is UNDEFINED else json_text(_range_to_list(value))


def _range_to_list(value: Json) -> Json:
    return list(value) if isinstance(value, range) else value


def to_integer(value: Json) -> LiquidNumber:
    """Give the number a value says, with its fraction, as recorded."""
    return number_or_nan(value)


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "default": default,
    "inspect": as_json,
    "json": as_json,
    "jsonify": as_json,
    "raw": lambda value: value,
    "to_integer": to_integer,
}
"""By name."""
