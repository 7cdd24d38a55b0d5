"""Service of a lane: queues records, cuts batches, sends batches, writes outcomes."""

import asyncio
from collections.abc import Sequence

import structlog
from mode import Service

from agents.engine.kafka import Record
from agents.engine.partition import Partition, PartitionRecords
from agents.engine.watchdog import end_process
from agents.lanes.lane import BatchResult, Lane, LaneStatus, NotNow
from agents.lanes.pending import (
    MS_PER_S,
    LaneItem,
    PendingQueue,
    records_of,
)
from agents.lanes.settler import Settlement, Settler
from agents.shared.context import Context
from agents.shared.metrics.requests import BatchTrace, current_batch
from streams.actions.activation import decode_activation
from streams.delivery.coalescer import BatchKey, QueuedItem, ReadyBatch
from streams.delivery.duplicates import DuplicateFilter
from streams.delivery.outcome import Stage
from streams.delivery.verdict import (
    Reason,
    Verdict,
    dead_letter,
    discarded,
)
from streams.errors import PoisonRecord
from streams.klaviyo.execute import ENDPOINTS_BY_KIND
from streams.settings.model import LaneId

log = structlog.get_logger(__name__)

IDLE_TICK_S = 0.05
BUSY_TICK_S = 0.005
"""Shorter tick while batches are cut: a batch needs that long to reach the limiter."""

CUT_AHEAD_S = 0.06
"""Time between the cut of a batch and the moment its request may leave: batches are
looked for once a tick, and the body of the request is written meanwhile."""

LOWEST_PRIORITY_RANK = len(LaneId)
"""Rank of backfill and replays: behind every lane."""

EXPIRY_INTERVAL_S = 5.0
"""Interval of the search for items that waited too long."""

DUPLICATE = discarded(
    "duplicate: the lane has this activation already, from before a worker ended"
)
SUPERSEDED = discarded("superseded: a later change of the same thing is sent")
EXPIRED = dead_letter(
    "expired: it, or what came after it of its kind, waited longer than expire_after_s"
)


class Dispatcher:
    """Cuts batches of a lane when sending is allowed, and sends each in a task.

    A batch that waits at the rate limiter can take no more items. So a batch is not cut
    while an earlier one waits there, and one that is not full is cut at the last
    moment: with a backlog, batches fill up while they wait.

    Args:
        lane: The lane.
        context: Services of the worker: the client, the metrics.
        queue: Items that wait.
        settler: Writes the outcomes of batches.

    Attributes:
        clients: Client for each kind of intent, for live events and for low priority.
        traces: Progress of the batches in flight.
    """

    def __init__(
        self,
        lane: Lane,
        *,
        context: Context,
        queue: PendingQueue,
        settler: Settler,
    ) -> None:
        ranks = {False: lane.options.rank, True: LOWEST_PRIORITY_RANK}
        self.clients = {
            (kind, low_priority): context.klaviyo.with_priority(rank)
            for kind in ENDPOINTS_BY_KIND
            for low_priority, rank in ranks.items()
        }
        self._lane = lane
        self._queue = queue
        self._settler = settler
        self.traces: set[BatchTrace] = set()
        self._metrics = context.metrics.lane(lane.options.lane)
        self._batches: set[asyncio.Task[None]] = set()
        self._sends: set[asyncio.Future[BatchResult]] = set()

    def start_batches(self) -> bool:
        """Cut batches that may be sent, and return True if any batch was cut.

        At most one batch of each kind: a second one would wait behind the first at the
        rate limiter.
        """
        options = self._lane.options
        coalescer = self._queue.coalescer
        ready = coalescer.ready_batches(
            now_s=asyncio.get_running_loop().time(),
            items_max=options.batch_max_items,
            min_age_s=options.batch_max_age_s,
        )
        started: set[tuple[str, bool]] = set()
        for batch in sorted(ready, key=lambda batch: batch.key.low_priority):
            kind = (batch.key.kind, batch.key.low_priority)
            if kind not in started and self.may_start(batch):
                items = coalescer.take_batch(batch, page_items=options.page_items)
                task = asyncio.create_task(self._run_batch(batch.key, items))
                self._batches.add(task)
                task.add_done_callback(self._on_batch_done)
                started.add(kind)
        return bool(started)

    def may_start(self, batch: ReadyBatch) -> bool:
        """Return True if a batch may be cut; a full batch need not wait."""
        key, batches_max = batch.key, self._lane.options.batches_max
        if key.low_priority:  # half is for live events only
            batches_max //= 2
        if len(self._batches) >= batches_max or not self._lane.can_send(key):
            return False
        klaviyo = self.clients[key.kind, key.low_priority]
        if klaviyo.waiting_count:
            return False
        return batch.is_full or all(
            klaviyo.limiter.send_delay_s(endpoint.name) <= CUT_AHEAD_S
            for endpoint in ENDPOINTS_BY_KIND[key.kind]
        )

    def cancel_after_grace(self) -> None:
        """Cancel the sends in flight that do not finish within the grace period."""
        loop = asyncio.get_running_loop()
        for send in self._sends:
            loop.call_later(self._lane.options.grace_s, send.cancel)

    def _on_batch_done(self, batch: asyncio.Task[None]) -> None:
        self._batches.discard(batch)
        if (fault := batch.exception()) is not None:
            stage = f"deliver.{self._lane.options.lane}"
            end_process(f"{stage}: {type(fault).__name__}")

    async def _run_batch(self, batch_key: BatchKey, items: list[LaneItem]) -> None:
        """Send a batch, and settle the items with the verdicts.

        1. Send. A cancelled send belongs to the partition's next owner: forget it.
        2. `NotNow`: return the items to the queue.
        3. Otherwise write outcomes and dead letters, and acknowledge.
        4. Release the ordering keys, at once or after the lane's settling delay.
        """
        trace = BatchTrace()
        current_batch.set(trace)  # this task's own, and the send's
        self.traces.add(trace)
        send = asyncio.ensure_future(self._send(batch_key, items))
        self._sends.add(send)
        send.add_done_callback(self._sends.discard)
        await asyncio.wait([send])
        self.traces.discard(trace)
        if send.cancelled():
            self._queue.release(items)
            self._queue.untrack(records_of(items))
            return
        result = send.result()
        if isinstance(result, NotNow):
            superseded = [(p, SUPERSEDED) for p in self._queue.requeue(items)]
            self._metrics.coalesced.inc(len(superseded))
            await self._settler.settle(superseded, action=batch_key.action)
            return
        settlements = [
            (pending, verdict)
            for item, verdict in zip(items, result, strict=True)
            for pending in item.records
        ]
        self._count_batch(items, settlements, accepted_ms=trace.accepted_ms)
        await self._settler.settle(settlements, action=batch_key.action)
        self._queue.release(items, after_s=self._lane.options.settle_delay_s)

    def _count_batch(
        self,
        items: Sequence[LaneItem],
        settlements: Sequence[Settlement],
        *,
        accepted_ms: int,
    ) -> None:
        metrics = self._metrics
        metrics.batches.inc()
        metrics.batch_items.observe(len(items))
        metrics.coalesced.inc(len(settlements) - len(items))
        for pending, verdict in settlements:
            if verdict.verdict is Verdict.DELIVERED and accepted_ms:
                latency_ms = max(0, accepted_ms - pending.source_ms)
                metrics.acceptance_s.observe(latency_ms / MS_PER_S)

    async def _send(self, batch_key: BatchKey, items: list[LaneItem]) -> BatchResult:
        """Send a batch while no other batch holds any of the exclusive keys."""
        loop = asyncio.get_running_loop()
        reservations = self._lane.reservations
        keys = self._lane.exclusive_keys(batch_key, items)
        if not reservations.try_reserve(keys, now_s=loop.time()):
            return NotNow()
        try:
            klaviyo = self.clients[batch_key.kind, batch_key.low_priority]
            return await self._lane.send(klaviyo, batch_key, items)
        finally:
            settled_s = loop.time() + self._lane.options.settle_delay_s
            reservations.reserve(keys, until_s=settled_s)


class LaneService(Service):
    """Runs a lane of the deliver stage.

    Args:
        context: Services of the worker.
        lane: The lane: which batches may be sent, when, and how.
    """

    def __init__(self, context: Context, lane: Lane) -> None:
        super().__init__()
        self.stage = Stage.deliver(lane.options.lane)
        self._context = context
        self._lane = lane
        self._metrics = context.metrics.lane(lane.options.lane)
        self._duplicates = DuplicateFilter()
        self._queue = PendingQueue(
            merge=lane.merge,
            reservations=lane.reservations,
            max_items=lane.options.max_pending_items,
            max_bytes=lane.options.max_pending_bytes,
            expire_after_s=context.settings.expire_after_s,
        )
        self._settler = Settler(
            context, self.stage, queue=self._queue, duplicates=self._duplicates
        )
        self._dispatcher = Dispatcher(
            lane, context=context, queue=self._queue, settler=self._settler
        )

    @property
    def label(self) -> str:
        """Name of the service in logs."""
        return f"Lane: {self.stage}"

    @property
    def status(self) -> LaneStatus:
        """Contents of the lane, and the causes for which it waits."""
        traces, options = self._dispatcher.traces, self._lane.options
        waits = [trace.wait for trace in traces if trace.wait is not None]
        return LaneStatus(
            lane=options.lane,
            items=self._queue.pending_items,
            items_max=options.max_pending_items,
            bytes=self._queue.pending_bytes,
            bytes_max=options.max_pending_bytes,
            waits={wait.cause: wait for wait in waits},
            imports_ms=[since_ms for trace in traces for since_ms in trace.imports_ms],
        )

    async def on_partition_assigned(self, partition: int) -> None:
        """Prepare the lane for a partition before reading the partition's records."""
        trace = BatchTrace()
        current_batch.set(trace)  # of the task that recovers the partition
        self._dispatcher.traces.add(trace)
        try:
            await self._lane.on_partition_assigned(partition)
        finally:
            self._dispatcher.traces.discard(trace)

    def on_partitions_revoked(self, parts: Sequence[Partition]) -> None:
        """Forget waiting items, and give sends in flight a grace period."""
        self._queue.revoke(parts)
        self._dispatcher.cancel_after_grace()
        log.info("partitions_revoked", stage=self.stage, partitions=len(parts))

    async def enqueue(self, groups: PartitionRecords) -> None:
        """Queue fetched records, and return when there is capacity for more.

        Records that waited too long already are given up before a batch can hold them.
        """
        settlements: list[Settlement] = []
        for part, records in groups:
            for record in records:
                settlements += self._enqueue_record(part, record)
        expired = self._queue.drop_expired(now_ms=self._context.now_ms())
        settlements += [(pending, EXPIRED) for pending in expired]
        if settlements:
            await self._settler.settle(settlements)
        await self._queue.wait_for_capacity()

    def _enqueue_record(self, part: Partition, record: Record) -> list[Settlement]:
        """Queue a record, and return the records that end with that."""
        try:
            activation = decode_activation(record.value)
        except PoisonRecord as poison:
            reason = str(Reason(poison.code, poison.reason))
            return [(self._queue.track(part, record), dead_letter(reason))]
        pending = self._queue.track(part, record, activation)
        is_duplicate = self._duplicates.is_duplicate(
            pending.value or b"",
            offset=(part.tp.partition, pending.offset),
            user=activation.edge or activation.user,
            cause=pending.cause,
        )
        if is_duplicate:
            return [(pending, DUPLICATE)]
        now_s = asyncio.get_running_loop().time()
        item = QueuedItem.of(activation, records=(pending,), queued_s=now_s)
        superseded = self._queue.coalescer.add(item)
        if superseded:
            self._metrics.coalesced.inc(sum(len(item.records) for item in superseded))
        return [(older, SUPERSEDED) for item in superseded for older in item.records]

    @Service.task
    async def _dispatch_forever(self) -> None:
        while not self.should_stop:
            has_started = self._dispatcher.start_batches()
            await asyncio.sleep(BUSY_TICK_S if has_started else IDLE_TICK_S)

    @Service.task
    async def _expire_regularly(self) -> None:
        """Give up items that waited too long; items in flight still get a verdict."""
        while not self.should_stop:
            expired = self._queue.drop_expired(now_ms=self._context.now_ms())
            if expired:
                await self._settler.settle([(pending, EXPIRED) for pending in expired])
            await asyncio.sleep(EXPIRY_INTERVAL_S)
