"""Filters of arrays."""

import math
from collections.abc import Callable
from typing import Any, Final

from streams.mapping.liquids.convert import (
    array_of,
    is_nil,
    liquid_text,
    number_or_nan,
    whole,
)
from streams.mapping.liquids.limits import demand
from streams.mapping.liquids.lookups import walk
from streams.mapping.liquids.operators import equal, truthy
from streams.mapping.paths import segments
from streams.mapping.text import text_of, units_count
from streams.mapping.values import UNDEFINED, Json


def join(value: Json, separator: Json = None) -> str:
    """Join with a separator, a space unless given."""
    items = array_of(value)
    mark = " " if is_nil(separator) else liquid_text(separator)
    demand(len(items) * (1 + len(mark)))
    return mark.join("" if is_nil(item) else text_of(item) for item in items)


def first(value: Json) -> Json:
    """Take the first item, or letter."""
    return _at(value, 0)


def last(value: Json) -> Json:
    """Take the last item, or letter."""
    return _at(value, -1)


def _at(value: Json, index: int) -> Json:
    if not isinstance(value, (list, range, str)):
        return ""
    return value[index] if value else UNDEFINED


def size(value: Json) -> int:
    """Count items or letters; anything else has none."""
    if isinstance(value, str):
        return units_count(value)
    return len(value) if isinstance(value, (list, range)) else 0


def total(value: Json, key: Json = None) -> float:
    """Add up what are numbers."""
    path = liquid_text(key).split(".") if truthy(key) else []
    numbers = (number_or_nan(walk(item, path)) for item in array_of(value))
    return sum(number for number in numbers if not math.isnan(number))


def compact(value: Json) -> list[Json]:
    """Drop nil."""
    return [item for item in array_of(value) if not is_nil(item)]


def push(value: Json, item: Json = None) -> list[Json]:
    """Put an item at the end."""
    return [*array_of(value), item]


def unshift(value: Json, item: Json = None) -> list[Json]:
    """Put an item at the start."""
    return [item, *array_of(value)]


def pop(value: Json) -> list[Json]:
    """Drop the last item."""
    return array_of(value)[:-1]


def shift(value: Json) -> list[Json]:
    """Drop the first item."""
    return array_of(value)[1:]


def slice_(value: Json, begin: Json = None, length: Json = None) -> Json:
    """Take some items or letters, one unless given; a begin below 0 is from the end."""
    if is_nil(value):
        return []
    held = list(value) if isinstance(value, (list, range)) else liquid_text(value)
    start = whole(begin, otherwise=0)
    start = max(0, start + len(held)) if start < 0 else start
    return held[start : start + max(0, whole(length, otherwise=1))]


def where(value: Json, key: Json = None, expected: Json = UNDEFINED) -> list[Json]:
    """Keep the items whose property equals a value, or is true."""
    path = segments(liquid_text(key)) or ()
    found = [(item, walk(item, path)) for item in array_of(value)]
    if expected is UNDEFINED:
        return [item for item, held in found if truthy(held)]
    return [item for item, held in found if equal(held, expected)]


def sample(value: Json, count: Json = None) -> Json:
    """Take some items, one unless given: the first, so that a replay gives the same."""
    if is_nil(value):
        return []
    held = list(value) if isinstance(value, (list, range)) else list(liquid_text(value))
    many = whole(count, otherwise=1)
    return held[: max(0, many)] if many != 1 else _at(held, 0)


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "compact": compact,
    "first": first,
    "join": join,
    "last": last,
    "pop": pop,
    "push": push,
    "sample": sample,
    "shift": shift,
    "size": size,
    "slice": slice_,
    "sum": total,
    "unshift": unshift,
    "where": where,
}
"""By name."""
