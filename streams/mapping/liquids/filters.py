"""All filters by name."""

from collections.abc import Callable
from typing import Any, Final

from streams.mapping.liquids import arrays, dates, misc, numbers, strings, web

FILTERS: Final[dict[str, Callable[..., Any]]] = {
    **arrays.FILTERS,
    **dates.FILTERS,
    **misc.FILTERS,
    **numbers.FILTERS,
    **strings.FILTERS,
    **web.FILTERS,
}
"""What liquidjs 10 has, less what Segment disables."""
