"""Limits of the work that a rendering may do."""

from typing import Final

from liquid.exceptions import ResourceLimitError

from streams.mapping.values import Json

TEMPLATE_MAX_CHARS: Final = 1000
"""Longest template, Segment's mapping kit, `@liquid`."""

WORK_MAX: Final = 100_000_000
"""Characters and items that one rendering may process; Segment's `memoryLimit`, 1e8.

There are no loops, so this limit bounds the time too: Segment's 500 ms.
"""


class WorkLimitError(ResourceLimitError):
    """Rendering that exceeds the work limit."""


def check_work(units: float) -> None:
    """Reject a result that is too large, before the result is built.

    Raises:
        WorkLimitError: The result exceeds the limit.
    """
    if units > WORK_MAX:
        raise WorkLimitError("memory alloc limit exceeded", token=None)


def size_of(value: Json) -> int:
    """Return the cost of processing a value."""
    return len(value) if isinstance(value, (str, list, dict, range)) else 1
