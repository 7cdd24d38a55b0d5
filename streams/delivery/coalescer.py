"""What waits on a lane: coalesced, in order for each profile, grouped into batches.

A key is what must stay in order: a user's changes of one list, of attributes, of
consent. One key is never in two batches at once. What waits behind another of its key
is joined with it where one request can do both, and else waits for its turn, so that
what Klaviyo ends with is the last word (invariants 2 and 4).
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from streams.actions.activation import DEFAULT_BATCH, Activation, BatchOverride
from streams.actions.intents import EventRecord
from streams.actions.kinds import intent_kind, list_id_of

R = TypeVar("R")


class OrderingKey(NamedTuple):
    """Whose order counts, and in what: a list, an event's id, or empty."""

    user: str
    subject: str


class BatchKey(NamedTuple):
    """What one request can carry together.

    Attributes:
        kind: The operation that does it.
        target: The list: `id:<list id>`, `audience:<key>`; empty for none.
        action: The action's name.
        batch: What the mapping says of batches.
        low_priority: Whether it goes behind all others: events of the past, and replays.
    """

    kind: str
    target: str
    action: str
    batch: BatchOverride = DEFAULT_BATCH
    low_priority: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedItem(Generic[R]):
    """One thing to send, and the receipts of all that it answers for."""

    activation: Activation
    records: tuple[R, ...]
    queued_s: float

    @property
    def batch_key(self) -> BatchKey:
        """The batch it can go into."""
        activation = self.activation
        return BatchKey(
            intent_kind(activation.intent),
            target_of(activation),
            activation.action,
            activation.batch,
            is_low_priority(activation),
        )

    @property
    def ordering_key(self) -> OrderingKey:
        """What it must stay in order with."""
        return OrderingKey(self.activation.user, ordering_subject(self.activation))


def is_low_priority(activation: Activation) -> bool:
    """Whether what happens now goes first."""
    intent = activation.intent
    backfill = isinstance(intent, EventRecord) and intent.backfill
    return backfill or bool(activation.replay)


def target_of(activation: Activation) -> str:
    """The list it means: `id:<list id>`, `audience:<key>`; empty for none."""
    if list_id := list_id_of(activation.intent):
        return f"id:{list_id}"
    return f"audience:{activation.audience}" if activation.audience else ""


def ordering_subject(activation: Activation) -> str:
    """What of a user it is about: events have no order, consent has one for all."""
    match activation.intent:
        case EventRecord() as event:
            return f"{event.metric}\0{event.unique_id}"
        case intent if intent_kind(intent) in _KINDS_ORDERED_PER_USER:
            return ""
        case _:
            return target_of(activation)


_KINDS_ORDERED_PER_USER = frozenset(
    {"subscribe", "unsubscribe", "suppress", "unsuppress", "delete"}
)

MergeResult = tuple[QueuedItem[R], list[QueuedItem[R]]]
"""The item that stays, and those it makes pointless."""

MergePolicy = Callable[[QueuedItem[R], QueuedItem[R]], MergeResult[R] | None]
"""What becomes of an older and a newer one of a key; None: they go one by one."""


class Coalescer(Generic[R]):
    """The waiting and the busy of one lane.

    Args:
        merge: Says what becomes of two waiting items of one key.
    """

    def __init__(self, merge: MergePolicy[R]) -> None:
        self._merge = merge
        self._queues: dict[OrderingKey, deque[QueuedItem[R]]] = {}
        self._sendable: dict[BatchKey, dict[OrderingKey, QueuedItem[R]]] = {}
        self._in_flight: set[OrderingKey] = set()
        self._requeued_s: dict[BatchKey, float] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def in_flight_count(self) -> int:
        """Items being sent."""
        return len(self._in_flight)

    def add(self, item: QueuedItem[R]) -> list[QueuedItem[R]]:
        """Let an item wait; returns what became pointless."""
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
        """Return what was taken and not settled, before all that waits behind it."""
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
            self._in_flight.discard(key)
            self._mark_sendable(key)
        return superseded

    def ready_batches(
        self, *, now_s: float, items_max: int, min_age_s: float
    ) -> list[BatchKey]:
        """Groups that are full or whose oldest item has waited long enough.

        The longest wait first, so that no list's backlog holds up the others; what was
        put back has waited since then, so that it does not either.
        """
        oldest_s = {
            g: next(iter(i.values())).queued_s for g, i in self._sendable.items()
        }
        ready = [
            batch_key
            for batch_key in self._sendable
            if self.is_full(batch_key, items_max=items_max)
            or now_s - oldest_s[batch_key] >= min_age_s
        ]
        requeued_s = self._requeued_s
        return sorted(
            ready,
            key=lambda batch_key: max(
                oldest_s[batch_key], requeued_s.get(batch_key, 0.0)
            ),
        )

    def is_full(self, batch_key: BatchKey, *, items_max: int) -> bool:
        """Whether a batch of a group that waits can hold no more."""
        return len(self._sendable[batch_key]) >= _batch_items_max(batch_key, items_max)

    def take_batch(
        self, batch_key: BatchKey, *, items_max: int, page_items: int = 1
    ) -> list[QueuedItem[R]]:
        """The oldest items of a group; their keys are busy until settled.

        Of more than `page_items` only whole pages: profiles are looked up by the page,
        and a page that is not full costs a request all the same.
        """
        waiting = self._sendable[batch_key]
        items_max = min(_batch_items_max(batch_key, items_max), len(waiting))
        if items_max > page_items:
            items_max -= items_max % page_items
        batch = [item for _, item in zip(range(items_max), waiting.values())]  # noqa: B905 - the shorter ends it
        for item in batch:
            self._unmark_sendable(item.ordering_key, batch_key)
            self._remove_first(item.ordering_key)
            self._in_flight.add(item.ordering_key)
        return batch

    def release(self, items: Iterable[QueuedItem[R]]) -> None:
        """These have their verdict: what waited for them may go."""
        for item in items:
            if self._requeued_s:  # seldom: a group is not named for each item
                self._requeued_s.pop(item.batch_key, None)
            self._in_flight.discard(item.ordering_key)
            self._mark_sendable(item.ordering_key)

    def drop(self, is_lost: Callable[[QueuedItem[R]], bool]) -> list[QueuedItem[R]]:
        """Forget waiting items, and what waits before them: the last word is theirs.

        Args:
            is_lost: Their partition has left, or they are too old.
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
            self._count -= drop_count
            if not queue:
                del self._queues[key]
            self._mark_sendable(key)
        return dropped

    def _mark_sendable(self, key: OrderingKey) -> None:
        """Let the first of a line wait in its group, if nothing of it is under way."""
        queue = self._queues.get(key)
        if queue and key not in self._in_flight:
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
    """Say how many a batch holds: the mapping may ask for fewer than the lane."""
    return min(batch_key.batch.items_max or items_max, items_max)
