"""Properties of the coalescer that hold after any sequence of operations."""

from collections.abc import Iterable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
)

from streams.delivery.coalescer import Coalescer, OrderingKey, QueuedItem, Reservations
from streams.delivery.merge_policies import keep_latest
from tests.support.queued_items import add, queued_item, remove

ITEMS_MAX = 3
RECORDS_MAX = 40

Batch = list[QueuedItem[int]]


class CoalescerMachine(RuleBasedStateMachine):
    """Random operations on a coalescer, compared with a plain list of records.

    A record is queued, in flight, or ended (superseded, dropped or released); the
    machine knows which.
    """

    batches = Bundle("batches")

    def __init__(self) -> None:
        super().__init__()
        self.reservations = Reservations()
        self.coalescer = Coalescer[int](keep_latest, reservations=self.reservations)
        self.now_s = 0.0
        self.next_record = 0
        self.queued: dict[int, OrderingKey] = {}
        self.in_flight: dict[int, OrderingKey] = {}
        self.settling: dict[OrderingKey, float] = {}
        self.open_batches: list[Batch] = []

    @rule(
        user=st.sampled_from("abc"),
        is_removal=st.booleans(),
        title=st.sampled_from(["", "Dr"]),
        list_id=st.sampled_from("LM"),
    )
    def add(self, *, user: str, is_removal: bool, title: str, list_id: str) -> None:
        """Queue an item for one of a few users and lists."""
        attributes = {"external_id": user} | ({"title": title} if title else {})
        intent = (
            remove(list_id, external_id=user)
            if is_removal
            else add(list_id, **attributes)
        )
        item = queued_item(self.next_record, intent, user=user, queued_s=self.now_s)
        self.queued[self.next_record] = item.ordering_key
        self.next_record += 1

        self._end(self.coalescer.add(item))

    @rule(target=batches, seconds=st.floats(0.0, 2.0))
    def take_batch(self, *, seconds: float) -> Batch:
        """Take the batch that is ready first, if there is one."""
        self.now_s += seconds
        ready = self.coalescer.ready_batches(
            now_s=self.now_s, items_max=ITEMS_MAX, min_age_s=1.0
        )
        if not ready:
            return []
        batch = self.coalescer.take_batch(ready[0])
        assert 1 <= len(batch) <= ITEMS_MAX
        assert {item.batch_key for item in batch} == {ready[0].key}
        for item in batch:
            key = item.ordering_key
            assert key not in self.in_flight.values()
            assert self.settling.get(key, 0.0) <= self.now_s
            for record in item.records:
                older = [r for r, k in self.queued.items() if k == key and r < record]
                assert set(older) <= set(item.records)
                self.in_flight[record] = self.queued.pop(record)
        self.open_batches.append(batch)
        return batch

    @rule(batch=consumes(batches), after_s=st.sampled_from([None, 0.5, 3.0]))
    def release(self, *, batch: Batch, after_s: float | None) -> None:
        """End a batch; its ordering keys are free at once or later."""
        self._close(batch)
        at_s = None if after_s is None else self.now_s + after_s
        self.coalescer.release(batch, at_s=at_s)
        for item in batch:
            for record in item.records:
                key = self.in_flight.pop(record)
                if at_s is not None:
                    self.settling[key] = at_s

    @rule(batch=consumes(batches))
    def requeue(self, *, batch: Batch) -> None:
        """Return an unsent batch to the queue."""
        self._close(batch)
        for item in batch:
            for record in item.records:
                self.queued[record] = self.in_flight.pop(record)

        self._end(self.coalescer.requeue(batch, now_s=self.now_s))

    @rule(oldest=st.integers(0, RECORDS_MAX))
    def drop(self, *, oldest: int) -> None:
        """Drop one record, and what waits before it in its queue."""
        dropped = self.coalescer.drop(lambda item: oldest in item.records)
        assert bool(dropped) == (oldest in self.queued)
        self._end(dropped)

    @invariant()
    def every_record_is_counted_once(self) -> None:
        """Queued items and items in flight are as many as the model has."""
        assert self.coalescer.waiting_count == len(self.queued)
        assert self.coalescer.in_flight_count == len(self.in_flight)

    def teardown(self) -> None:
        """Check that nothing is stuck: all that is queued can be taken in the end."""
        for batch in self.open_batches:
            self.coalescer.release(batch)
        self.now_s += 100.0
        while ready := self.coalescer.ready_batches(
            now_s=self.now_s, items_max=ITEMS_MAX, min_age_s=0.0
        ):
            batch = self.coalescer.take_batch(ready[0])
            for item in batch:
                for record in item.records:
                    del self.queued[record]
            self.coalescer.release(batch)
        assert self.queued == {}

    def _close(self, batch: Batch) -> None:
        self.open_batches = [other for other in self.open_batches if other is not batch]

    def _end(self, items: Iterable[QueuedItem[int]]) -> None:
        for item in items:
            for record in item.records:
                del self.queued[record]


TestCoalescer = CoalescerMachine.TestCase
TestCoalescer.settings = settings(max_examples=100, stateful_step_count=40)
