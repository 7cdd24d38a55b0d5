"""Coalescing queue of a lane: in order for each user, grouped into batches.

Items with the same ordering key (a user's changes of one list, of attributes, of
consent) are never in two batches at once. An item that is queued behind another one is
merged with it where one request can do both, and otherwise waits until the first one
is done: so Klaviyo ends with the newest change.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from streams.delivery.queued_item import BatchKey, OrderingKey, QueuedItem
from streams.delivery.reservations import Reservations

R = TypeVar("R")

MergeResult = tuple[QueuedItem[R], list[QueuedItem[R]]]
"""The item that stays in the queue, and the items it supersedes."""

MergePolicy = Callable[[QueuedItem[R], QueuedItem[R]], MergeResult[R] | None]
"""Merges an older and a newer item with the same ordering key; None to keep both."""


class Coalescer(Generic[R]):
    """Queue of items that are waiting or in flight.

    Invariant: `_sendable` holds the first item of every queue whose ordering key is not
    reserved, and no other item, below the batch key of that item. No queue is empty,
    and `_count` is the number of items in all queues. `_mark_sendable`,
    `_unmark_sendable` and `_remove_first` keep it, before and after each change of a
    queue's first item.

    Args:
        merge: Policy for two queued items with the same ordering key.
        reservations: Keys of items in flight, and other keys that must not change now.
    """

    def __init__(
        self, merge: MergePolicy[R], *, reservations: Reservations | None = None
    ) -> None:
        self._merge = merge
        self._reservations = reservations or Reservations()
        self._queues: dict[OrderingKey, deque[QueuedItem[R]]] = {}
        self._sendable: dict[BatchKey, dict[OrderingKey, QueuedItem[R]]] = {}
        self._requeued_s: dict[BatchKey, float] = {}
        self._count = 0
        self._in_flight_count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def in_flight_count(self) -> int:
        """Number of items that are being sent."""
        return self._in_flight_count

    def add(self, item: QueuedItem[R]) -> list[QueuedItem[R]]:
        """Queue an item, and return the items it supersedes."""
        key = item.ordering_key
        queue = self._queues.setdefault(key, deque())
        merged = self._merge(queue[-1], item) if queue else None
        if merged is None:
            queue.append(item)
            self._count += 1
            self._mark_sendable(key)
            return []
        previous_key, (queue[-1], superseded) = queue[0].batch_key, merged
        if queue[0].batch_key != previous_key:
            self._unmark_sendable(key, previous_key)
        self._mark_sendable(key)
        return superseded

    def requeue(
        self, items: Iterable[QueuedItem[R]], *, now_s: float
    ) -> list[QueuedItem[R]]:
        """Return unsent items to the front of their queues.

        Returns:
            Items that are superseded by items queued meanwhile.
        """
        superseded: list[QueuedItem[R]] = []
        for item in items:
            key = item.ordering_key
            self._requeued_s[item.batch_key] = now_s
            queue = self._queues.setdefault(key, deque())
            merged = self._merge(item, queue[0]) if queue else None
            if merged is None:
                queue.appendleft(item)
                self._count += 1
            else:
                queue[0], replaced = merged
                superseded += replaced
            self._in_flight_count -= 1
            self._reservations.release([key])
            self._mark_sendable(key)
        return superseded

    def ready_batches(
        self, *, now_s: float, items_max: int, min_age_s: float
    ) -> list[BatchKey]:
        """Return batches that are full, or whose oldest item has waited long enough.

        The longest wait comes first, so that the backlog of one list does not hold up
        other lists. The wait of a requeued batch counts from its return.
        """
        self._collect_expired_reservations(now_s)
        oldest_s = {
            batch_key: next(iter(items.values())).queued_s
            for batch_key, items in self._sendable.items()
        }
        ready = [
            batch_key
            for batch_key in self._sendable
            if self.is_full(batch_key, items_max=items_max)
            or now_s - oldest_s[batch_key] >= min_age_s
        ]
        requeued_s = self._requeued_s
        return sorted(ready, key=lambda key: max(oldest_s[key], requeued_s.get(key, 0)))

    def is_full(self, batch_key: BatchKey, *, items_max: int) -> bool:
        """Return True if a waiting batch can hold no more items."""
        return len(self._sendable[batch_key]) >= _batch_items_max(batch_key, items_max)

    def take_batch(
        self, batch_key: BatchKey, *, items_max: int, page_items: int = 1
    ) -> list[QueuedItem[R]]:
        """Take the oldest items of a batch, and reserve their ordering keys.

        A batch of more than `page_items` holds whole pages: profiles are looked up by
        the page, and a page that is not full costs a request all the same.
        """
        waiting = self._sendable[batch_key]
        items_max = min(_batch_items_max(batch_key, items_max), len(waiting))
        if items_max > page_items:
            items_max -= items_max % page_items
        batch = [item for _, item in zip(range(items_max), waiting.values())]  # noqa: B905 - the shorter one ends it
        for item in batch:
            self._unmark_sendable(item.ordering_key, batch_key)
            self._remove_first(item.ordering_key)
        self._reservations.reserve(item.ordering_key for item in batch)
        self._in_flight_count += len(batch)
        return batch

    def release(
        self, items: Iterable[QueuedItem[R]], *, at_s: float | None = None
    ) -> None:
        """Free the ordering keys of items that are done, now or at a later time."""
        for item in items:
            if self._requeued_s:  # rare: a batch key is not built for each item
                self._requeued_s.pop(item.batch_key, None)
            key = item.ordering_key
            self._in_flight_count -= 1
            if at_s is None:
                self._reservations.release([key])
                self._mark_sendable(key)
            else:
                self._reservations.reserve([key], until_s=at_s)

    def drop(self, is_lost: Callable[[QueuedItem[R]], bool]) -> list[QueuedItem[R]]:
        """Remove waiting items, and the older items before each in its queue.

        An older item must not outlive a newer one: it would be Klaviyo's last change.

        Args:
            is_lost: Returns True for items that are not to be sent.
        """
        dropped: list[QueuedItem[R]] = []
        for key, queue in list(self._queues.items()):
            drop_count = max(
                (index + 1 for index, item in enumerate(queue) if is_lost(item)),
                default=0,
            )
            if not drop_count:
                continue
            self._unmark_sendable(key, queue[0].batch_key)
            for _ in range(drop_count):
                dropped.append(queue[0])
                self._remove_first(key)
            self._mark_sendable(key)
        return dropped

    def _collect_expired_reservations(self, now_s: float) -> None:
        for key in self._reservations.expire(now_s=now_s):
            if isinstance(key, OrderingKey):
                self._mark_sendable(key)

    def _mark_sendable(self, key: OrderingKey) -> None:
        """Offer the first item of a queue for batches, unless its key is reserved."""
        queue = self._queues.get(key)
        if queue and key not in self._reservations:
            self._sendable.setdefault(queue[0].batch_key, {})[key] = queue[0]

    def _unmark_sendable(self, key: OrderingKey, batch_key: BatchKey) -> None:
        items = self._sendable.get(batch_key)
        if items is not None and items.pop(key, None) is not None and not items:
            del self._sendable[batch_key]

    def _remove_first(self, key: OrderingKey) -> None:
        queue = self._queues[key]
        queue.popleft()
        self._count -= 1
        if not queue:
            del self._queues[key]


def _batch_items_max(batch_key: BatchKey, items_max: int) -> int:
    """Return the size of a full batch: a mapping may ask for fewer than the lane."""
    return min(batch_key.batch.items_max or items_max, items_max)
