"""One lane of hop 3: what waits, what is under way, what is settled."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog
from mode import Service

from agents.context import (
    Context,
    dead_letter_messages,
    outcome_messages,
)
from agents.engine.kafka import Record
from agents.engine.partition import Partition
from agents.engine.watchdog import end_process
from agents.lanes.options import LaneOptions
from agents.lanes.receipt import (
    Receipt,
    Waiting,
    expires_ms,
    is_leaving,
    letter_of,
    outcome_of,
    receipt_of,
)
from agents.lanes.window import Window
from streams.actions.activation import decode_activation
from streams.delivery.queue import Coalescer, Group, Item
from streams.delivery.told import Told
from streams.delivery.verdict import ItemVerdict, Verdict, dead_letter, discarded
from streams.errors import PoisonRecord

log = structlog.get_logger(__name__)

TICK_S = 0.05
STARTED_TICK_S = 0.005
"""Sooner, where there may be more: a batch needs that long to reach the gate."""

SWEEP_S = 5.0
"""How often what is too old is looked for."""

NEVER_MS = 2**63
"""Milliseconds since the epoch, past any."""

SUPERSEDED = discarded("superseded: a later change of the same thing is sent")
AGAIN = discarded("repeat: the lane has it already, from before a worker ended")
EXPIRED = dead_letter(
    "expired: it, or what came after it of its kind, waited longer than expire_after_s"
)


Send = Callable[[Group, Sequence[Waiting]], Awaitable[list[ItemVerdict] | None]]
"""Sends a batch; None means not now: it goes back to wait."""


class LaneService(Service):
    """Batches a lane and settles it; never holds more than its window."""

    def __init__(  # noqa: PLR0913  # each by its name, and all are needed
        self,
        context: Context,
        *,
        options: LaneOptions,
        queue: Coalescer[Receipt],
        send: Send,
        sendable: Callable[[Group], bool],
        due: Callable[[Group], bool],
    ) -> None:
        super().__init__()
        self._context = context
        self._stage = f"deliver.{options.lane}"
        self._options = options
        self._queue = queue
        self._send = send
        self._sendable = sendable
        self._due = due
        self._batches: set[asyncio.Task[None]] = set()
        self._sending: set[asyncio.Future[list[ItemVerdict] | None]] = set()
        self._window = Window(options)
        self._told = Told()
        self._resting = 0
        self._soonest_ms = NEVER_MS
        self._room = asyncio.Event()

    @property
    def label(self) -> str:
        """Name in logs."""
        return f"Lane: {self._stage}"

    async def take_in(self, groups: Sequence[tuple[Partition, list[Record]]]) -> None:
        """Let a poll's records wait; returns when the window has room for more."""
        letters: list[tuple[Receipt, ItemVerdict]] = []
        pointless: list[tuple[Receipt, ItemVerdict]] = []
        for part, records in groups:
            for record in records:
                self._window.hold(part, record)
                self._offer(part, record, letters, pointless)
        await self._settle([*letters, *pointless], action="")
        await self._expire()
        while self._full():
            self._room.clear()
            await self._room.wait()

    def closing(self, parts: Sequence[Partition]) -> None:
        """Partitions on their way out: forget what waits, give what is sent a grace."""
        self._window.forget(parts)
        self._forget_leaving()
        loop = asyncio.get_running_loop()
        for sending in self._sending:
            loop.call_later(self._options.grace_s, sending.cancel)
        log.info("lane_closing", stage=self._stage, partitions=len(parts))

    def _forget_leaving(self) -> None:
        """Nothing of a partition on its way out may wait: it would hold it up."""
        for item in self._queue.drop(is_leaving):
            for receipt in item.receipts:
                self._window.release(receipt)
        self._room.set()

    @Service.task
    async def _pump(self) -> None:
        while not self.should_stop:
            started = self._start_ready()
            await asyncio.sleep(STARTED_TICK_S if started else TICK_S)

    @Service.task
    async def _sweep(self) -> None:
        while not self.should_stop:
            await self._expire()
            await asyncio.sleep(SWEEP_S)

    async def _expire(self) -> None:
        """Give up what has waited too long; what is under way has its own end."""
        now_ms = self._context.now_ms()
        if now_ms < self._soonest_ms:
            return
        self._soonest_ms = NEVER_MS

        def is_late(item: Waiting) -> bool:
            self._watch(item)
            return expires_ms(item) <= now_ms

        gone = self._queue.drop(is_late)
        letters = [(receipt, EXPIRED) for item in gone for receipt in item.receipts]
        if letters:
            await self._settle(letters, action="")
            self._room.set()

    def _watch(self, item: Waiting) -> None:
        self._soonest_ms = min(self._soonest_ms, expires_ms(item))

    def _full(self) -> bool:
        waiting = len(self._queue) + self._queue.busy_count - self._resting
        return self._window.is_full(waiting)

    def _offer(
        self,
        part: Partition,
        record: Record,
        letters: list[tuple[Receipt, ItemVerdict]],
        pointless: list[tuple[Receipt, ItemVerdict]],
    ) -> None:
        usual_s = self._context.settings.expire_after_s
        try:
            activation = decode_activation(record.value)
        except PoisonRecord as poison:
            refused = dead_letter(f"{poison.code}: {poison.reason}")
            letters.append((receipt_of(part, record, usual_s=usual_s), refused))
            return
        receipt = receipt_of(part, record, usual_s=usual_s, activation=activation)
        if self._told.is_again(
            receipt.value or b"",
            place=(part.tp.partition, receipt.offset),
            user=activation.user,
            turn=receipt.turn,
        ):
            pointless.append((receipt, AGAIN))
            return
        now_s = asyncio.get_running_loop().time()
        item = Item(activation=activation, receipts=(receipt,), since_s=now_s)
        self._watch(item)
        for older in self._queue.offer(item):
            pointless += [(old, SUPERSEDED) for old in older.receipts]

    def _start_ready(self) -> bool:
        """Cut batches, one of a kind: the next of it would stand behind this one."""
        options = self._options
        now_s = asyncio.get_running_loop().time()
        ready = self._queue.ready(
            now_s=now_s, items_max=options.items_max, age_s=options.age_s
        )
        started: set[tuple[str, bool]] = set()
        for group in sorted(ready, key=_is_backfill):
            kind = (group.kind, _is_backfill(group))
            if kind not in started and self._may_go(group):
                items = self._queue.take(
                    group, items_max=options.items_max, page_items=options.page_items
                )
                batch = asyncio.create_task(self._deliver(group, items))
                self._batches.add(batch)
                batch.add_done_callback(self._ended)
                started.add(kind)
        return bool(started)

    def _may_go(self, group: Group) -> bool:
        """Whether it is time for a batch; a full one gains nothing by waiting."""
        if len(self._batches) >= self._most(group) or not self._sendable(group):
            return False
        items_max = self._options.items_max
        return self._queue.is_full(group, items_max=items_max) or self._due(group)

    def _most(self, group: Group) -> int:
        """How many there may be for one more; the past leaves half to others."""
        most = self._options.batches_max
        return most // 2 if _is_backfill(group) else most

    def _ended(self, batch: asyncio.Task[None]) -> None:
        self._batches.discard(batch)
        if (fault := batch.exception()) is not None:
            end_process(f"{self._stage}: {type(fault).__name__}")

    async def _deliver(self, group: Group, items: list[Waiting]) -> None:
        sending = asyncio.ensure_future(self._send(group, items))
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)
        await asyncio.wait([sending])
        if sending.cancelled():
            self._abandon(items)
            return
        verdicts = sending.result()
        if verdicts is None:
            now_s = asyncio.get_running_loop().time()
            pointless = self._queue.put_back(items, now_s=now_s)
            for item in items:
                self._watch(item)
            if any(map(is_leaving, items)):
                self._forget_leaving()
            settled = [(r, SUPERSEDED) for item in pointless for r in item.receipts]
        else:
            settled = [
                (receipt, verdict)
                for item, verdict in zip(items, verdicts, strict=True)
                for receipt in item.receipts
            ]
        await self._settle(settled, action=group.action)
        if verdicts is not None:
            self._rest(items)
        self._room.set()

    def _rest(self, items: Sequence[Waiting]) -> None:
        """Let what waits behind these go, at once or when Klaviyo has done them."""
        if not self._options.rest_s:
            self._queue.settle(items)
            return
        self._resting += len(items)
        loop = asyncio.get_running_loop()
        loop.call_later(self._options.rest_s, self._rested, items)

    def _rested(self, items: Sequence[Waiting]) -> None:
        self._resting -= len(items)
        self._queue.settle(items)

    def _abandon(self, items: Sequence[Waiting]) -> None:
        """Not settled and no longer ours: whoever owns the partition sends it again."""
        self._queue.settle(items)
        for item in items:
            for receipt in item.receipts:
                self._window.release(receipt)
        self._room.set()

    async def _settle(
        self, settled: Sequence[tuple[Receipt, ItemVerdict]], *, action: str
    ) -> None:
        """Record the outcomes, then acknowledge."""
        now_ms = self._context.now_ms()
        items = [outcome_of(*one, now_ms=now_ms) for one in settled]
        letters = []
        for receipt, verdict in settled:
            if verdict.verdict is Verdict.DEAD_LETTER:
                letters.append(letter_of(self._stage, receipt, verdict))
                self._told.forget(receipt.value or b"", turn=receipt.turn)
        await self._context.producer.send(
            [
                *dead_letter_messages(self._context, letters),
                *outcome_messages(self._context, self._stage, items, action=action),
            ]
        )
        for receipt, _ in settled:
            receipt.part.done((receipt.offset,))
            self._window.release(receipt)


def _is_backfill(group: Group) -> bool:
    return group.past
