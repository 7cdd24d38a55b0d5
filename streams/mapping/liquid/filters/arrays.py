"""Filters for arrays and for array items."""

import math
from collections.abc import Callable
from typing import Any, Final

from streams.mapping.liquid.convert import (
    is_nil,
    liquid_text,
    number_or_nan,
    to_array,
    to_integer,
)
from streams.mapping.liquid.limits import check_work
from streams.mapping.liquid.lookups import follow_path
from streams.mapping.liquid.operators import is_equal, is_truthy
from streams.mapping.paths import split_path
from streams.mapping.text import text_of, utf16_length
from streams.mapping.values import UNDEFINED, Json


def join(value: Json, separator: Json = None) -> str:
    """Join items with a separator, by default a space."""
    items = to_array(value)
    mark = " " if is_nil(separator) else liquid_text(separator)
    check_work(len(items) * (1 + len(mark)))
    return mark.join("" if is_nil(item) else text_of(item) for item in items)


def first(value: Json) -> Json:
    """Return the first item or character."""
    return _item_at(value, 0)


def last(value: Json) -> Json:
    """Return the last item or character."""
    return _item_at(value, -1)


def _item_at(value: Json, index: int) -> Json:
    if not isinstance(value, (list, range, str)):
        return ""
    return value[index] if value else UNDEFINED


def size(value: Json) -> int:
    """Count items or characters; other values have the size 0."""
    if isinstance(value, str):
        return utf16_length(value)
    return len(value) if isinstance(value, (list, range)) else 0


def sum_numbers(value: Json, key: Json = None) -> float:
    """Add up the items that are numbers."""
    path = liquid_text(key).split(".") if is_truthy(key) else []
    numbers = (number_or_nan(follow_path(item, path)) for item in to_array(value))
    return sum(number for number in numbers if not math.isnan(number))


def compact(value: Json) -> list[Json]:
    """Remove nil from an array."""
    return [item for item in to_array(value) if not is_nil(item)]


def push(value: Json, item: Json = None) -> list[Json]:
    """Add an item at the end."""
    return [*to_array(value), item]


def unshift(value: Json, item: Json = None) -> list[Json]:
    """Add an item at the start."""
    return [item, *to_array(value)]


def pop(value: Json) -> list[Json]:
    """Remove the last item."""
    return to_array(value)[:-1]


def shift(value: Json) -> list[Json]:
    """Remove the first item."""
    return to_array(value)[1:]


def slice_(value: Json, begin: Json = None, length: Json = None) -> Json:
    """Return some items or characters, by default a single item.

    A negative begin counts from the end.
    """
    if is_nil(value):
        return []
    items = list(value) if isinstance(value, (list, range)) else liquid_text(value)
    start = to_integer(begin, default=0)
    start = max(0, start + len(items)) if start < 0 else start
    return items[start : start + max(0, to_integer(length, default=1))]


def where(value: Json, key: Json = None, expected: Json = UNDEFINED) -> list[Json]:
    """Keep the items with a property that equals a value, or is truthy."""
    path = split_path(liquid_text(key)) or ()
    pairs = [(item, follow_path(item, path)) for item in to_array(value)]
    if expected is UNDEFINED:
        return [item for item, item_value in pairs if is_truthy(item_value)]
    return [item for item, item_value in pairs if is_equal(item_value, expected)]


def sample(value: Json, count: Json = None) -> Json:
    """Return the first items, by default a single item.

    liquidjs samples at random, but a replay must give the same result.
    """
    if is_nil(value):
        return []
    items = (
        list(value) if isinstance(value, (list, range)) else list(liquid_text(value))
    )
    item_count = to_integer(count, default=1)
    return items[: max(0, item_count)] if item_count != 1 else _item_at(items, 0)


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
    "sum": sum_numbers,
    "unshift": unshift,
    "where": where,
}
"""Array filters, by name."""
