"""Isolation of bad items: by the error's pointer, else by bisecting the batch."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec

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
    """Item that Klaviyo rejected, with the reason.

    Attributes:
        item: Rejected item.
        reason: Reason of the rejection.
        status: HTTP status of the response.
        is_not_found: True for a 404.
    """

    item: ItemT
    reason: str
    status: int
    is_not_found: bool


@dataclass(slots=True, kw_only=True)
class BisectResult(Generic[ItemT]):
    """Accepted and rejected items of an operation.

    Attributes:
        accepted: Chunks of accepted items, with the result.
        rejected: Rejected items.
        is_list_gone: True if the list no longer exists; the other fields are then
    empty.
    """

    accepted: list[tuple[tuple[ItemT, ...], Accepted]] = field(default_factory=list)
    rejected: list[RejectedItem[ItemT]] = field(default_factory=list)
    is_list_gone: bool = False


async def no_list_check() -> bool:
    """Report that no list is missing, for operations without a list."""
    return False


async def send_with_bisect(
    items: Sequence[ItemT],
    *,
    send: Callable[[tuple[ItemT, ...]], Awaitable[FinalResult]],
    is_list_gone: Callable[[], Awaitable[bool]] = no_list_check,
) -> BisectResult[ItemT]:
    """Send items together, and without the bad items after a rejection.

    Args:
        items: All items.
        send: Sends some items in one request.
        is_list_gone: Checks whether the list is gone. Called at each 404 and at the
            first rejection without item indexes, before any item is blamed.
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
    """Separate the rejected items of a chunk from the others.

    Returns:
        The rejected items (those that the result refers to, or the only item), and the
        chunks to send again: all other items, or both halves if the result refers to no
        item.
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


def translate_positions(result: FinalResult, positions: Sequence[int]) -> FinalResult:
    """Return a result with reasons by position in the larger batch.

    Args:
        result: Result of the request.
        positions: For each entry of the request, its position in the larger batch;
            reasons about other entries are dropped.
    """
    if not isinstance(result, Rejected | NotFound):
        return result
    reasons = {
        positions[entry]: reason
        for entry, reason in result.item_reasons.items()
        if entry < len(positions)
    }
    return msgspec.structs.replace(result, item_reasons=reasons)


def halves(chunk: tuple[ItemT, ...]) -> list[tuple[ItemT, ...]]:
    """Split a chunk in two; a single item stays whole."""
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
    """Await all coroutines; a single coroutine runs without a task."""
    pending = list(coroutines)
    if len(pending) == 1:
        return [await pending[0]]
    return list(await asyncio.gather(*pending))
