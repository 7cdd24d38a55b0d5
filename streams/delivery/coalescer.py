"""Coalescing queue of a lane, in order for each user, and the keys that are reserved.

Items with the same ordering key (a user's changes of one list, of attributes, of
consent) are never in two batches at once. An item that is queued behind another one is
merged with it where one request can do both, and otherwise waits until the first one
is done: so Klaviyo ends with the newest change.
"""

import heapq
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from itertools import islice
from math import inf
from operator import itemgetter
from typing import Final, Generic, NamedTuple, Self, TypeVar

from streams.actions.activation import (
    DEFAULT_BATCH,
    Activation,
    BatchOverride,
    ByAudience,
    ById,
    ListRef,
)
from streams.actions.intents import EventRecord, intent_kind, list_id_of

R = TypeVar("R")

_KINDS_ORDERED_PER_USER = frozenset(
    {"subscribe", "unsubscribe", "suppress", "unsuppress", "delete"}
)

OPEN_ENDED: Final = inf
"""Reserved until the key is released."""


class OrderingKey(NamedTuple):
    """Changes with the same ordering key take effect in the order of the lane.

    Attributes:
        user: The user key; the key of the edge, if users may share the profile.
        subject: The part of the user that changes: a list, one event, or empty for all
            changes of consent.
    """

    user: str
    subject: ListRef | str | None


class BatchKey(NamedTuple):
    """Items with the same batch key may share a request.

    Attributes:
        kind: Kind of the intents.
        list_ref: The list that is changed; None if no list is.
        action: Name of the action.
        batch: Limits that the mapping sets for its batches.
        low_priority: True for backfill and replays: these go behind everything else.
    """

    kind: str
    list_ref: ListRef | None
    action: str
    batch: BatchOverride = DEFAULT_BATCH
    low_priority: bool = False


class ReadyBatch(NamedTuple):
    """Batch that may be taken from the queue.

    Attributes:
        key: Batch key of its items.
        items_max: Most items in it: a mapping may ask for fewer than the lane.
        is_full: True if it can hold no more items, so that it gains nothing by waiting.
    """

    key: BatchKey
    items_max: int
    is_full: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedItem(Generic[R]):
    """Activation to send, and the lane's records that end with the same verdict.

    Attributes:
        activation: The activation.
        records: Records of the lane that the item stands for: more than one after a
            merge.
        queued_s: Time at which the oldest of the records was queued.
        ordering_key: Key of the changes that stay in order with this item.
        batch_key: Key of the batch that can hold this item.
    """

    activation: Activation
    records: tuple[R, ...]
    queued_s: float
    ordering_key: OrderingKey
    batch_key: BatchKey

    @classmethod
    def of(
        cls, activation: Activation, *, records: tuple[R, ...], queued_s: float
    ) -> Self:
        """Build an item with the ordering key and the batch key of an activation.

        Two different events have no order. All changes of a user's consent share a key.
        A list that the intent names wins over the list of the audience.
        """
        intent = activation.intent
        list_ref: ListRef | None = None
        kind, is_backfill = intent_kind(intent), False
        if list_id := list_id_of(intent):
            list_ref = ById(list_id)
        elif activation.audience:
            list_ref = ByAudience(activation.audience)
        subject: ListRef | str | None = list_ref
        if isinstance(intent, EventRecord):
            subject = f"{intent.metric}\0{intent.unique_id}"
            is_backfill = intent.backfill
        elif kind in _KINDS_ORDERED_PER_USER:
            subject = ""
        return cls(
            activation=activation,
            records=records,
            queued_s=queued_s,
            ordering_key=OrderingKey(activation.edge or activation.user, subject),
            batch_key=BatchKey(
                kind,
                list_ref,
                activation.action,
                activation.batch,
                low_priority=is_backfill or bool(activation.replay),
            ),
        )


MergeResult = tuple[QueuedItem[R], list[QueuedItem[R]]]
"""The item that stays in the queue, and the items it supersedes."""

MergePolicy = Callable[[QueuedItem[R], QueuedItem[R]], MergeResult[R] | None]
"""Merges an older and a newer item with the same ordering key; None to keep both."""


class Reservations:
    """Keys that are reserved, and until when; in seconds of the event loop's clock.

    All exclusions of a lane are kept here: ordering keys that are in flight, list
    members that are being changed, and pauses that hold back a whole lane.

    Attributes:
        until_s: Reserved keys; a key stays after its time, until `expire` frees it.
    """

    def __init__(self) -> None:
        self.until_s: dict[Hashable, float] = {}
        self._expiries: list[tuple[float, int, Hashable]] = []
        self._sequence = 0

    def is_free(self, key: Hashable, *, now_s: float) -> bool:
        """Return True if a key may be reserved now."""
        return self.until_s.get(key, 0.0) <= now_s

    def reserve(self, keys: Iterable[Hashable], *, until_s: float = OPEN_ENDED) -> None:
        """Reserve keys, whether or not a reservation exists already."""
        for key in keys:
            self.until_s[key] = until_s
            if until_s < OPEN_ENDED:
                self._sequence += 1
                heapq.heappush(self._expiries, (until_s, self._sequence, key))

    def try_reserve(self, keys: Iterable[Hashable], *, now_s: float) -> bool:
        """Reserve all keys, or no key if any of the keys is reserved already."""
        keys = list(keys)
        if any(self.until_s.get(key, 0.0) > now_s for key in keys):
            return False
        self.reserve(keys)
        return True

    def release(self, keys: Iterable[Hashable]) -> None:
        """Free keys at once."""
        for key in keys:
            self.until_s.pop(key, None)

    def expire(self, *, now_s: float) -> list[Hashable]:
        """Free the keys with an expired reservation, and return the freed keys."""
        freed = []
        while self._expiries and self._expiries[0][0] <= now_s:
            until_s, _, key = heapq.heappop(self._expiries)
            if self.until_s.get(key) == until_s:  # not reserved anew since
                del self.until_s[key]
                freed.append(key)
        return freed


class Coalescer(Generic[R]):
    """Queue of items that are waiting or in flight.

    Invariant: `_sendable` holds the first item of every queue whose ordering key is not
    reserved, and no other item, below the batch key of that item. No queue is empty,
    and `waiting_count` is the number of items in all queues. `_mark_sendable` and
    `_unmark_sendable` keep it, before and after each change of a queue's first item.

    Args:
        merge: Policy for two queued items with the same ordering key.
        reservations: Keys of items in flight, and other keys that must not change now.

    Attributes:
        waiting_count: Number of items in all queues.
        in_flight_count: Number of items that are being sent.
    """

    def __init__(
        self, merge: MergePolicy[R], *, reservations: Reservations | None = None
    ) -> None:
        self._merge = merge
        self._reservations = reservations or Reservations()
        self._queues: dict[OrderingKey, deque[QueuedItem[R]]] = {}
        self._sendable: dict[BatchKey, dict[OrderingKey, QueuedItem[R]]] = {}
        self._requeued_s: dict[BatchKey, float] = {}
        self.waiting_count = 0
        self.in_flight_count = 0

    def add(self, item: QueuedItem[R]) -> list[QueuedItem[R]]:
        """Queue an item, and return the items that the new item supersedes."""
        key = item.ordering_key
        queue = self._queues.setdefault(key, deque())
        merged = self._merge(queue[-1], item) if queue else None
        if merged is None:
            queue.append(item)
            self.waiting_count += 1
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
        """Return unsent items to the front of the queues that the items came from.

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
                self.waiting_count += 1
            else:
                queue[0], replaced = merged
                superseded += replaced
            self.in_flight_count -= 1
            self._reservations.release([key])
            self._mark_sendable(key)
        return superseded

    def ready_batches(
        self, *, now_s: float, items_max: int, min_age_s: float
    ) -> list[ReadyBatch]:
        """Return batches that are full, or whose oldest item has waited long enough.

        The longest wait comes first, so that the backlog of one list does not hold up
        other lists. The wait of a requeued batch counts from its return.
        """
        for key in self._reservations.expire(now_s=now_s):
            if isinstance(key, OrderingKey):
                self._mark_sendable(key)
        ready: list[tuple[float, ReadyBatch]] = []
        for batch_key, items in self._sendable.items():
            oldest_s = next(iter(items.values())).queued_s
            batch_items_max = min(batch_key.batch.items_max or items_max, items_max)
            is_full = len(items) >= batch_items_max
            if is_full or now_s - oldest_s >= min_age_s:
                since_s = max(oldest_s, self._requeued_s.get(batch_key, 0))
                batch = ReadyBatch(batch_key, batch_items_max, is_full)
                ready.append((since_s, batch))
        return [batch for _, batch in sorted(ready, key=itemgetter(0))]

    def take_batch(
        self, ready: ReadyBatch, *, page_items: int = 1
    ) -> list[QueuedItem[R]]:
        """Take the oldest items of a batch, and reserve the ordering keys of the items.

        A batch of more than `page_items` holds whole pages: profiles are looked up by
        the page, and a page that is not full costs a request all the same.
        """
        waiting = self._sendable[ready.key]
        count = min(ready.items_max, len(waiting))
        if count > page_items:
            count -= count % page_items
        keys = list(islice(waiting, count))
        batch = [waiting.pop(key) for key in keys]
        if not waiting:
            del self._sendable[ready.key]
        for key in keys:
            queue = self._queues[key]
            queue.popleft()
            if not queue:
                del self._queues[key]
        self._reservations.reserve(keys)
        self.waiting_count -= count
        self.in_flight_count += count
        return batch

    def release(
        self, items: Iterable[QueuedItem[R]], *, at_s: float | None = None
    ) -> None:
        """Free the ordering keys of items that are done, now or at a later time."""
        for item in items:
            self._requeued_s.pop(item.batch_key, None)
            key = item.ordering_key
            self.in_flight_count -= 1
            if at_s is None:
                self._reservations.release([key])
                self._mark_sendable(key)
            else:
                self._reservations.reserve([key], until_s=at_s)

    def drop(self, is_lost: Callable[[QueuedItem[R]], bool]) -> list[QueuedItem[R]]:
        """Remove lost items that wait, and the older items in the same queues.

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
            dropped += [queue.popleft() for _ in range(drop_count)]
            self.waiting_count -= drop_count
            if not queue:
                del self._queues[key]
            self._mark_sendable(key)
        return dropped

    def _mark_sendable(self, key: OrderingKey) -> None:
        """Offer the first item of a queue for batches, unless the key is reserved."""
        queue = self._queues.get(key)
        if queue and key not in self._reservations.until_s:
            self._sendable.setdefault(queue[0].batch_key, {})[key] = queue[0]

    def _unmark_sendable(self, key: OrderingKey, batch_key: BatchKey) -> None:
        items = self._sendable.get(batch_key)
        if items is not None and items.pop(key, None) is not None and not items:
            del self._sendable[batch_key]
