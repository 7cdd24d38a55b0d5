"""Splitting of sequences into chunks of limited size."""

from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


def chunk_by_weight(
    items: Iterable[T],
    *,
    weight: Callable[[T], int],
    weight_max: int,
    count_max: int | None = None,
) -> list[tuple[T, ...]]:
    """Split items into chunks, in order, each as large as both limits allow.

    An item heavier than the limit becomes a chunk of its own.

    Args:
        items: Items to split.
        weight: Returns the weight of an item, for example its bytes.
        weight_max: Largest total weight of a chunk.
        count_max: Largest number of items in a chunk; None for no limit.
    """
    chunks: list[list[T]] = []
    chunk_weight = 0
    for item in items:
        chunk_weight += weight(item)
        is_full = bool(chunks) and len(chunks[-1]) == count_max
        if not chunks or is_full or chunk_weight > weight_max:
            chunks.append([])
            chunk_weight = weight(item)
        chunks[-1].append(item)
    return [tuple(chunk) for chunk in chunks]
