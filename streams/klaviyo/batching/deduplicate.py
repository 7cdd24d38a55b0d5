"""Deduplication of items that ask for the same change."""

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import TypeVar

import msgspec

from streams.delivery.verdict import ItemVerdict, Verdict

ItemT = TypeVar("ItemT")

DUPLICATE_VERDICT = ItemVerdict(
    verdict=Verdict.DISCARDED, reason="duplicate", attempts=0
)
"""Verdict for an item that asks for the same change as an earlier item."""


async def deduplicate(
    items: Sequence[ItemT],
    *,
    key: Callable[[ItemT], Hashable],
    send: Callable[[list[ItemT]], Awaitable[list[ItemVerdict]]],
) -> list[ItemVerdict]:
    """Send the first item of each key, and another only after a rejection.

    An item that equals a rejected item is rejected too, without a request.

    Args:
        items: All items.
        key: Returns equal keys for items that ask for the same change, or None.
        send: Sends items with distinct keys and returns a verdict for each.

    Returns:
        A verdict for each item, in order.
    """
    if len(items) == 1:
        return await send(list(items))
    verdicts: dict[int, ItemVerdict] = {}
    unsettled = [(index, key(item)) for index, item in enumerate(items)]
    while unsettled:
        first_by_key: dict[Hashable, int] = {}
        for index, item_key in unsettled:
            first_by_key.setdefault(
                ("none", index) if item_key is None else item_key, index
            )
        batch = list(first_by_key.values())
        batch_verdicts = await send([items[index] for index in batch])
        verdicts |= zip(batch, batch_verdicts, strict=True)
        unsettled = _settle_duplicates(
            unsettled, first_by_key, items=items, verdicts=verdicts
        )
    return [verdicts[index] for index in range(len(items))]


def _settle_duplicates(
    unsettled: Sequence[tuple[int, Hashable]],
    first_by_key: Mapping[Hashable, int],
    *,
    items: Sequence[object],
    verdicts: dict[int, ItemVerdict],
) -> list[tuple[int, Hashable]]:
    """Settle items by the verdict on the first item; return the rest."""
    still_unsettled = []
    for index, item_key in unsettled:
        if index in verdicts:
            continue
        first_verdict = verdicts[first_by_key[item_key]]
        if first_verdict.verdict is not Verdict.DEAD_LETTER:
            verdicts[index] = DUPLICATE_VERDICT
        elif items[index] == items[first_by_key[item_key]]:
            verdicts[index] = msgspec.structs.replace(first_verdict, attempts=0)
        else:
            still_unsettled.append((index, item_key))
    return still_unsettled
