"""How much one rendering may do."""

from typing import Final

from liquid.exceptions import ResourceLimitError

from streams.mapping.values import Json

TEMPLATE_MAX_CHARS: Final = 1000
"""Segment's mapping kit, `@liquid`: longer templates are refused."""

WORK_MAX: Final = 100_000_000
"""Characters and items one rendering may handle; Segment's `memoryLimit`, 1e8.

There are no loops, so it bounds the time too: Segment's 500 ms.
"""


class WorkLimitError(ResourceLimitError):
    """A rendering that wants more than its share."""


def check_work(units: float) -> None:
    """Refuse a result that is too large, before it is made.

    Raises:
        OverWork: It is.
    """
    if units > WORK_MAX:
        raise WorkLimitError("memory alloc limit exceeded", token=None)


def size_of(value: Json) -> int:
    """Count what handling a value costs."""
    return len(value) if isinstance(value, (str, list, dict, range)) else 1
