"""One bad item never spoils its neighbours: strip by pointer, else bisect."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from streams.klaviyo.api.results import (
    Accepted,
    Conflict,
    FinalResult,
    NotFound,
    Rejected,
    Rejection,
    TooLarge,
)

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedItem(Generic[ItemT]):
    """One item that was refused, and by which answer.

    Attributes:
        item: The item.
        reason: Why.
        status: HTTP status of the answer.
        is_not_found: The answer was a 404.
    """

    item: ItemT
    reason: str
    status: int
    is_not_found: bool


@dataclass(slots=True, kw_only=True)
class BisectResult(Generic[ItemT]):
    """What became of the items of one operation.

    Attributes:
        accepted: Items that went through together, with the answer.
        rejected: Items that did not.
        is_list_gone: The list does not exist any more; the rest says nothing then.
    """

    accepted: list[tuple[tuple[ItemT, ...], Accepted]] = field(default_factory=list)
    rejected: list[RejectedItem[ItemT]] = field(default_factory=list)
    is_list_gone: bool = False


async def no_list_check() -> bool:
    """Say that there is no list that could be gone."""
    return False


async def send_with_bisect(
    items: Sequence[ItemT],
    *,
    send: Callable[[tuple[ItemT, ...]], Awaitable[FinalResult]],
    is_list_gone: Callable[[], Awaitable[bool]] = no_list_check,
) -> BisectResult[ItemT]:
    """Send items together; where that is refused, without the culprits.

    Args:
        items: All items.
        send: Sends some of them in one request.
        is_list_gone: Asks whether the list is gone. Asked at each 404 and at the first
            refusal that names no item, before neighbours are blamed for it.
    """
    bisected: BisectResult[ItemT] = BisectResult()
    pending_chunks = [tuple(items)] if items else []
    list_checked = False
    while pending_chunks:
        chunk = pending_chunks.pop()
        result = await send(chunk)
        if isinstance(result, Accepted):
            bisected.accepted.append((chunk, result))
            continue
        rejected, remaining_chunks = separate_rejected(chunk, result)
        if (not rejected or len(chunk) == 1) and _may_be_missing_list(
            result, list_checked=list_checked
        ):
            list_checked = True
            if await is_list_gone():
                return BisectResult(is_list_gone=True)
        bisected.rejected += rejected
        pending_chunks += remaining_chunks
    return bisected


def separate_rejected(
    chunk: tuple[ItemT, ...], rejection: Rejection
) -> tuple[list[RejectedItem[ItemT]], list[tuple[ItemT, ...]]]:
    """Part the culprits from the others.

    Returns:
        The items the answer names, or the only one; and what to send again: all
        others, or when no item is named the two halves.
    """
    item_reasons = _valid_item_reasons(rejection, count=len(chunk))
    if item_reasons:
        rejected = [
            _rejected_item(chunk[index], rejection, item_reasons[index])
            for index in sorted(item_reasons)
        ]
        remaining_items = tuple(
            item for index, item in enumerate(chunk) if index not in item_reasons
        )
        return rejected, [remaining_items] if remaining_items else []
    if len(chunk) == 1:
        return [_rejected_item(chunk[0], rejection, rejection.reason)], []
    return [], halves(chunk)


def halves(chunk: tuple[ItemT, ...]) -> list[tuple[ItemT, ...]]:
    """Cut in two; what cannot be cut stays."""
    middle = len(chunk) // 2
    return [half for half in (chunk[:middle], chunk[middle:]) if half]


def _valid_item_reasons(rejection: Rejection, *, count: int) -> dict[int, str]:
    match rejection:
        case Rejected(item_reasons=item_reasons) | NotFound(item_reasons=item_reasons):
            return {
                index: reason for index, reason in item_reasons.items() if index < count
            }
        case Conflict() | TooLarge():
            return {}


def _may_be_missing_list(rejection: Rejection, *, list_checked: bool) -> bool:
    return isinstance(rejection, NotFound) or (
        isinstance(rejection, Rejected) and not list_checked
    )


def _rejected_item(
    item: ItemT, rejection: Rejection, reason: str
) -> RejectedItem[ItemT]:
    return RejectedItem(
        item=item,
        reason=reason,
        status=rejection.status,
        is_not_found=isinstance(rejection, NotFound),
    )


async def gather_all(
    coroutines: Iterable[Coroutine[Any, Any, ResultT]],
) -> list[ResultT]:
    """Await all of them; one alone is awaited in place, without a task."""
    pending = list(coroutines)
    if len(pending) == 1:
        return [await pending[0]]
    return list(await asyncio.gather(*pending))
