"""All filters by name."""

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
"""What liquidjs 10 has, less what Segment disables."""
