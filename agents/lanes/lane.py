"""One lane of stage 3: what waits, what is under way, what is settled."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog
from mode import Service

from agents.engine.kafka import Record
from agents.engine.partition import Partition
from agents.engine.watchdog import end_process
from agents.lanes.options import LaneOptions
from agents.lanes.pending import (
    LaneItem,
    PendingRecord,
    expires_ms,
    is_revoked,
    pending_record,
    to_dead_letter,
    to_outcome,
)
from agents.lanes.pending_limit import PendingLimit
from agents.shared.context import (
    Context,
    dead_letter_messages,
    outcome_messages,
)
from streams.actions.activation import decode_activation
from streams.delivery.coalescer import BatchKey, Coalescer, QueuedItem
from streams.delivery.duplicates import DuplicateFilter
from streams.delivery.verdict import ItemVerdict, Verdict, dead_letter, discarded
from streams.errors import PoisonRecord

log = structlog.get_logger(__name__)

TICK_S = 0.05
BUSY_TICK_S = 0.005
"""Sooner, where there may be more: a batch needs that long to reach the gate."""

EXPIRY_INTERVAL_S = 5.0
"""How often what is too old is looked for."""

NEVER_MS = 2**63
"""Milliseconds since the epoch, past any."""

SUPERSEDED = discarded("superseded: a later change of the same thing is sent")
DUPLICATE = discarded("duplicate: the lane has it already, from before a worker ended")
EXPIRED = dead_letter(
    "expired: it, or what came after it of its kind, waited longer than expire_after_s"
)


SendBatch = Callable[
    [BatchKey, Sequence[LaneItem]], Awaitable[list[ItemVerdict] | None]
]
"""Sends a batch; None means not now: it goes back to wait."""


class LaneService(Service):
    """Batches a lane and settles it; never holds more than its window."""

    def __init__(  # noqa: PLR0913  # each by its name, and all are needed
        self,
        context: Context,
        *,
        options: LaneOptions,
        queue: Coalescer[PendingRecord],
        send: SendBatch,
        can_send: Callable[[BatchKey], bool],
        is_due: Callable[[BatchKey], bool],
    ) -> None:
        super().__init__()
        self._context = context
        self._stage = f"deliver.{options.lane}"
        self._options = options
        self._queue = queue
        self._send = send
        self._can_send = can_send
        self._is_due = is_due
        self._batches: set[asyncio.Task[None]] = set()
        self._sending: set[asyncio.Future[list[ItemVerdict] | None]] = set()
        self._pending_limit = PendingLimit(options)
        self._duplicates = DuplicateFilter()
        self._settling_count = 0
        self._next_expiry_ms = NEVER_MS
        self._has_capacity = asyncio.Event()

    @property
    def label(self) -> str:
        """Name in logs."""
        return f"Lane: {self._stage}"

    async def enqueue(self, groups: Sequence[tuple[Partition, list[Record]]]) -> None:
        """Let a poll's records wait; returns when the window has room for more."""
        dead_letters: list[tuple[PendingRecord, ItemVerdict]] = []
        discarded_records: list[tuple[PendingRecord, ItemVerdict]] = []
        for part, records in groups:
            for record in records:
                self._pending_limit.add(part, record)
                self._enqueue_record(part, record, dead_letters, discarded_records)
        await self._settle([*dead_letters, *discarded_records], action="")
        await self._expire()
        while self._is_full():
            self._has_capacity.clear()
            await self._has_capacity.wait()

    def on_partitions_revoked(self, parts: Sequence[Partition]) -> None:
        """Partitions on their way out: forget what waits, give what is sent a grace."""
        self._pending_limit.forget(parts)
        self._drop_revoked()
        loop = asyncio.get_running_loop()
        for sending in self._sending:
            loop.call_later(self._options.grace_s, sending.cancel)
        log.info("partitions_revoked", stage=self._stage, partitions=len(parts))

    def _drop_revoked(self) -> None:
        """Nothing of a partition on its way out may wait: it would hold it up."""
        for item in self._queue.drop(is_revoked):
            for pending in item.records:
                self._pending_limit.remove(pending)
        self._has_capacity.set()

    @Service.task
    async def _dispatch_forever(self) -> None:
        while not self.should_stop:
            started = self._start_batches()
            await asyncio.sleep(BUSY_TICK_S if started else TICK_S)

    @Service.task
    async def _expire_regularly(self) -> None:
        while not self.should_stop:
            await self._expire()
            await asyncio.sleep(EXPIRY_INTERVAL_S)

    async def _expire(self) -> None:
        """Give up what has waited too long; what is under way has its own end."""
        now_ms = self._context.now_ms()
        if now_ms < self._next_expiry_ms:
            return
        self._next_expiry_ms = NEVER_MS

        def is_late(item: LaneItem) -> bool:
            self._note_expiry(item)
            return expires_ms(item) <= now_ms

        expired = self._queue.drop(is_late)
        dead_letters = [
            (pending, EXPIRED) for item in expired for pending in item.records
        ]
        if dead_letters:
            await self._settle(dead_letters, action="")
            self._has_capacity.set()

    def _note_expiry(self, item: LaneItem) -> None:
        self._next_expiry_ms = min(self._next_expiry_ms, expires_ms(item))

    def _is_full(self) -> bool:
        waiting = len(self._queue) + self._queue.in_flight_count - self._settling_count
        return self._pending_limit.is_full(waiting)

    def _enqueue_record(
        self,
        part: Partition,
        record: Record,
        dead_letters: list[tuple[PendingRecord, ItemVerdict]],
        discarded_records: list[tuple[PendingRecord, ItemVerdict]],
    ) -> None:
        default_expiry_s = self._context.settings.expire_after_s
        try:
            activation = decode_activation(record.value)
        except PoisonRecord as poison:
            verdict = dead_letter(f"{poison.code}: {poison.reason}")
            dead_letters.append(
                (
                    pending_record(part, record, default_expiry_s=default_expiry_s),
                    verdict,
                )
            )
            return
        pending = pending_record(
            part, record, default_expiry_s=default_expiry_s, activation=activation
        )
        if self._duplicates.is_duplicate(
            pending.value or b"",
            offset=(part.tp.partition, pending.offset),
            user=activation.user,
            cause=pending.cause,
        ):
            discarded_records.append((pending, DUPLICATE))
            return
        now_s = asyncio.get_running_loop().time()
        item = QueuedItem(activation=activation, records=(pending,), queued_s=now_s)
        self._note_expiry(item)
        for older in self._queue.add(item):
            discarded_records += [
                (superseded, SUPERSEDED) for superseded in older.records
            ]

    def _start_batches(self) -> bool:
        """Cut batches, one of a kind: the next of it would stand behind this one."""
        options = self._options
        now_s = asyncio.get_running_loop().time()
        ready = self._queue.ready_batches(
            now_s=now_s,
            items_max=options.batch_max_items,
            min_age_s=options.batch_max_age_s,
        )
        started: set[tuple[str, bool]] = set()
        for batch_key in sorted(ready, key=_is_low_priority):
            kind = (batch_key.kind, _is_low_priority(batch_key))
            if kind not in started and self._may_start(batch_key):
                items = self._queue.take_batch(
                    batch_key,
                    items_max=options.batch_max_items,
                    page_items=options.page_items,
                )
                batch = asyncio.create_task(self._run_batch(batch_key, items))
                self._batches.add(batch)
                batch.add_done_callback(self._on_batch_done)
                started.add(kind)
        return bool(started)

    def _may_start(self, batch_key: BatchKey) -> bool:
        """Whether it is time for a batch; a full one gains nothing by waiting."""
        if len(self._batches) >= self._batches_max(batch_key) or not self._can_send(
            batch_key
        ):
            return False
        items_max = self._options.batch_max_items
        return self._queue.is_full(batch_key, items_max=items_max) or self._is_due(
            batch_key
        )

    def _batches_max(self, batch_key: BatchKey) -> int:
        """How many there may be for one more; the past leaves half to others."""
        batches_max = self._options.batches_max
        return batches_max // 2 if _is_low_priority(batch_key) else batches_max

    def _on_batch_done(self, batch: asyncio.Task[None]) -> None:
        self._batches.discard(batch)
        if (fault := batch.exception()) is not None:
            end_process(f"{self._stage}: {type(fault).__name__}")

    async def _run_batch(self, batch_key: BatchKey, items: list[LaneItem]) -> None:
        sending = asyncio.ensure_future(self._send(batch_key, items))
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)
        await asyncio.wait([sending])
        if sending.cancelled():
            self._abandon(items)
            return
        verdicts = sending.result()
        if verdicts is None:
            now_s = asyncio.get_running_loop().time()
            superseded = self._queue.requeue(items, now_s=now_s)
            for item in items:
                self._note_expiry(item)
            if any(map(is_revoked, items)):
                self._drop_revoked()
            settled = [
                (pending, SUPERSEDED) for item in superseded for pending in item.records
            ]
        else:
            settled = [
                (pending, verdict)
                for item, verdict in zip(items, verdicts, strict=True)
                for pending in item.records
            ]
        await self._settle(settled, action=batch_key.action)
        if verdicts is not None:
            self._release_keys(items)
        self._has_capacity.set()

    def _release_keys(self, items: Sequence[LaneItem]) -> None:
        """Let what waits behind these go, at once or when Klaviyo has done them."""
        if not self._options.settle_delay_s:
            self._queue.release(items)
            return
        self._settling_count += len(items)
        loop = asyncio.get_running_loop()
        loop.call_later(
            self._options.settle_delay_s, self._release_after_settling, items
        )

    def _release_after_settling(self, items: Sequence[LaneItem]) -> None:
        self._settling_count -= len(items)
        self._queue.release(items)

    def _abandon(self, items: Sequence[LaneItem]) -> None:
        """Not settled and no longer ours: whoever owns the partition sends it again."""
        self._queue.release(items)
        for item in items:
            for pending in item.records:
                self._pending_limit.remove(pending)
        self._has_capacity.set()

    async def _settle(
        self, settled: Sequence[tuple[PendingRecord, ItemVerdict]], *, action: str
    ) -> None:
        """Record the outcomes, then acknowledge."""
        now_ms = self._context.now_ms()
        items = [
            to_outcome(*record_verdict, now_ms=now_ms) for record_verdict in settled
        ]
        dead_letters = []
        for pending, verdict in settled:
            if verdict.verdict is Verdict.DEAD_LETTER:
                dead_letters.append(to_dead_letter(self._stage, pending, verdict))
                self._duplicates.forget(pending.value or b"", cause=pending.cause)
        await self._context.producer.send(
            [
                *dead_letter_messages(self._context, dead_letters),
                *outcome_messages(self._context, self._stage, items, action=action),
            ]
        )
        for pending, _ in settled:
            pending.part.mark_done((pending.offset,))
            self._pending_limit.remove(pending)


def _is_low_priority(batch_key: BatchKey) -> bool:
    return batch_key.low_priority
