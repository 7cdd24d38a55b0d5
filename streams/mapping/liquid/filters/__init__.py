"""Filters of liquidjs 10, without the filters that Segment disables."""

from collections.abc import Callable
from typing import Any, Final

from streams.mapping.liquid.filters import arrays, dates, numbers, strings, values, web

FILTERS: Final[dict[str, Callable[..., Any]]] = {
    **arrays.FILTERS,
    **dates.FILTERS,
    **values.FILTERS,
    **numbers.FILTERS,
    **strings.FILTERS,
    **web.FILTERS,
}
"""All filters, by name."""
