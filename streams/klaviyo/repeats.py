"""The same thing asked twice is done once."""

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import TypeVar

import msgspec

from streams.delivery.verdict import ItemVerdict, Verdict

T = TypeVar("T")

REPEAT = ItemVerdict(verdict=Verdict.DISCARDED, reason="repeat", attempts=0)
"""The verdict on an item that says what an earlier one said."""


async def once_each(
    items: Sequence[T],
    *,
    key: Callable[[T], Hashable],
    send: Callable[[list[T]], Awaitable[list[ItemVerdict]]],
) -> list[ItemVerdict]:
    """Send the first item of each key; another only where that one was refused.

    An item that equals a refused one is refused with it, and not sent.

    Args:
        items: All items.
        key: Items with the same key ask the same; None is no key.
        send: Sends some of them, no key twice, and gives a verdict for each.

    Returns:
        A verdict for each item, in order.
    """
    if len(items) == 1:
        return await send(list(items))
    verdicts: dict[int, ItemVerdict] = {}
    left = [(place, key(item)) for place, item in enumerate(items)]
    while left:
        firsts: dict[Hashable, int] = {}
        for place, name in left:
            firsts.setdefault(("none", place) if name is None else name, place)
        batch = list(firsts.values())
        answers = await send([items[place] for place in batch])
        verdicts |= zip(batch, answers, strict=True)
        left = _unsettled(left, firsts, items=items, verdicts=verdicts)
    return [verdicts[place] for place in range(len(items))]


def _unsettled(
    left: Sequence[tuple[int, Hashable]],
    firsts: Mapping[Hashable, int],
    *,
    items: Sequence[object],
    verdicts: dict[int, ItemVerdict],
) -> list[tuple[int, Hashable]]:
    """Write the verdicts that follow from those of the firsts; give the others."""
    unsettled = []
    for place, name in left:
        if place in verdicts:
            continue
        first = verdicts[firsts[name]]
        if first.verdict is not Verdict.DEAD_LETTER:
            verdicts[place] = REPEAT
        elif items[place] == items[firsts[name]]:
            verdicts[place] = msgspec.structs.replace(first, attempts=0)
        else:
            unsettled.append((place, name))
    return unsettled
