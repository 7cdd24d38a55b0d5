"""One bad item never spoils its neighbours: strip by pointer, else bisect."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from streams.klaviyo.answers import (
    Accepted,
    Conflict,
    NotFound,
    Refusal,
    Rejected,
    Settled,
    TooLarge,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(Generic[T]):
    """One item that was refused, and by which answer.

    Attributes:
        item: The item.
        reason: Why.
        status: HTTP status of the answer.
        missing: The answer was a 404.
    """

    item: T
    reason: str
    status: int
    missing: bool


@dataclass(slots=True, kw_only=True)
class Parted(Generic[T]):
    """What became of the items of one operation.

    Attributes:
        taken: Items that went through together, with the answer.
        refused: Items that did not.
        gone: The list does not exist any more; the rest says nothing then.
    """

    taken: list[tuple[tuple[T, ...], Accepted]] = field(default_factory=list)
    refused: list[Refused[T]] = field(default_factory=list)
    gone: bool = False


async def never() -> bool:
    """Say that there is no list that could be gone."""
    return False


async def apart(
    items: Sequence[T],
    *,
    send: Callable[[tuple[T, ...]], Awaitable[Settled]],
    gone: Callable[[], Awaitable[bool]] = never,
) -> Parted[T]:
    """Send items together; where that is refused, without the culprits.

    Args:
        items: All items.
        send: Sends some of them in one request.
        gone: Asks whether the list is gone. Asked at each 404 and at the first
            refusal that names no item, before neighbours are blamed for it.
    """
    parted: Parted[T] = Parted()
    stack = [tuple(items)] if items else []
    asked = False
    while stack:
        chunk = stack.pop()
        answer = await send(chunk)
        if isinstance(answer, Accepted):
            parted.taken.append((chunk, answer))
            continue
        refused, rest = split(chunk, answer)
        if (not refused or len(chunk) == 1) and _suspicious(answer, asked=asked):
            asked = True
            if await gone():
                return Parted(gone=True)
        parted.refused += refused
        stack += rest
    return parted


def split(
    chunk: tuple[T, ...], answer: Refusal
) -> tuple[list[Refused[T]], list[tuple[T, ...]]]:
    """Part the culprits from the others.

    Returns:
        The items the answer names, or the only one; and what to send again: all
        others, or when no item is named the two halves.
    """
    named = _named(answer, count=len(chunk))
    if named:
        refused = [_refused(chunk[at], answer, named[at]) for at in sorted(named)]
        rest = tuple(item for at, item in enumerate(chunk) if at not in named)
        return refused, [rest] if rest else []
    if len(chunk) == 1:
        return [_refused(chunk[0], answer, answer.reason)], []
    return [], halves(chunk)


def halves(chunk: tuple[T, ...]) -> list[tuple[T, ...]]:
    """Cut in two; what cannot be cut stays."""
    middle = len(chunk) // 2
    return [half for half in (chunk[:middle], chunk[middle:]) if half]


def chunked(
    items: Iterable[T], *, count_max: int, weight: Callable[[T], int], weight_max: int
) -> list[tuple[T, ...]]:
    """Cut into chunks, in order, each as large as both limits allow.

    An item heavier than the limit makes a chunk of its own.
    """
    chunks: list[list[T]] = []
    load = 0
    for item in items:
        load += weight(item)
        if not chunks or len(chunks[-1]) >= count_max or load > weight_max:
            chunks.append([])
            load = weight(item)
        chunks[-1].append(item)
    return [tuple(chunk) for chunk in chunks]


def _named(answer: Refusal, *, count: int) -> dict[int, str]:
    match answer:
        case Rejected(items=items) | NotFound(items=items):
            return {at: why for at, why in items.items() if at < count}
        case Conflict() | TooLarge():
            return {}


def _suspicious(answer: Refusal, *, asked: bool) -> bool:
    return isinstance(answer, NotFound) or (isinstance(answer, Rejected) and not asked)


def _refused(item: T, answer: Refusal, reason: str) -> Refused[T]:
    return Refused(
        item=item,
        reason=reason,
        status=answer.status,
        missing=isinstance(answer, NotFound),
    )
