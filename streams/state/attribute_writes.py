"""Last writes on attributes, kept per set of attributes that an event sets.

Events mostly set the same attributes together, so a last write is about all the
attributes that one event sets, and is stored under their names.
"""

import json
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final

from streams.state.last_write import LastWrite, Rank
from streams.state.user_row import AttributeNames, UserRow

ATTRIBUTE_SETS_MAX: Final = 16
"""Ours: different sets of attributes remembered for a user."""

NAMES_MAX_CHARS: Final = 4_000
"""Ours: of a larger set the last to arrive counts. With `ATTRIBUTE_SETS_MAX` the limit
keeps a row far below the size that its topic accepts."""


def names_written(row: UserRow, matches: Callable[[Rank], bool]) -> frozenset[str]:
    """Return the attributes with a last write of a matching rank."""
    return frozenset(
        name
        for names, write in row.attributes.items()
        if matches(write.rank)
        for name in names
    )


def record_attributes(row: UserRow, names: Iterable[str], write: LastWrite) -> UserRow:
    """Record that an event set some attributes.

    Returns:
        The new row; the same object if the write is not news, sets nothing, or has too
        many names to remember.
    """
    key = tuple(sorted(names))
    before = row.attributes.get(key)
    is_recorded = before is not None and before.rank >= write.rank
    if not key or is_recorded or _size(key) > NAMES_MAX_CHARS:
        return row
    superseded = {
        old_key
        for old_key, old_write in row.attributes.items()
        if old_key != key and old_write.rank < write.rank and {*key}.issuperset(old_key)
    }
    kept = {k: old for k, old in row.attributes.items() if k not in superseded}
    return row.with_attributes(_merge_oldest({**kept, key: write}))


def _merge_oldest(
    writes: dict[AttributeNames, LastWrite],
) -> dict[AttributeNames, LastWrite]:
    """Merge the oldest sets until few enough remain.

    A merged set takes the later of the two writes, so no older attribute comes back.
    """
    if len(writes) <= ATTRIBUTE_SETS_MAX:
        return writes
    oldest_first = sorted(writes.items(), key=lambda item: item[1].rank)
    while len(oldest_first) > ATTRIBUTE_SETS_MAX:
        (first, _), (second, later), *newer = oldest_first
        merged = tuple(sorted({*first, *second}))
        if _size(merged) <= NAMES_MAX_CHARS:
            oldest_first = [(merged, later), *newer]
        else:
            oldest_first = oldest_first[1:]
    return dict(oldest_first)


@lru_cache(maxsize=1_000)
def _size(names: AttributeNames) -> int:
    return len(json.dumps(names, ensure_ascii=False))
