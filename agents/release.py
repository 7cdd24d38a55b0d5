"""Release of held events: each event returns to the events topic after the hold.

A partition is not fetched from while some of its events wait, so the worker has at most
the events of a few fetches in memory. Events that wait hold up no rebalance: the next
owner of their partition reads them again.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from mode import Service

from agents.engine.kafka import Record
from agents.engine.partition import Partition, PartitionRecords
from agents.engine.producer import Message
from agents.engine.watchdog import exit_on_error
from agents.shared.context import Context
from agents.shared.records import (
    EVENT_TOO_LARGE,
    read_record,
    refused_records,
    send_dead_letters,
)
from streams.delivery.outcome import Stage
from streams.destination.completion import UnknownPersonPolicy
from streams.events.canonical_event import HELD_UNTIL_HEADER

NAME: Final = "release"
"""Name of the stage; also the suffix of its consumer group."""

TICK_S: Final = 0.2


class HeldEvent(NamedTuple):
    """Event of an unknown person, and the end of the event's hold."""

    record: Record
    until_ms: int


class HeldEvents(Service):
    """Queue of held events for each partition, in the order of the topic.

    Args:
        context: Services of the worker.
    """

    def __init__(self, context: Context) -> None:
        super().__init__()
        rules = context.destination.identity_rules
        is_hold = rules.unknown is UnknownPersonPolicy.HOLD
        self._hold_ms = int(rules.hold_for_s * 1000) if is_hold else 0
        self._context = context
        self._queues: dict[Partition, deque[HeldEvent]] = {}

    @property
    def label(self) -> str:
        """Name of the service in logs."""
        return f"Stage: {NAME}"

    async def enqueue(self, groups: PartitionRecords) -> None:
        """Queue fetched events, and pause the partitions of the events."""
        now_ms = self._context.now_ms()
        for part, records in groups:
            part.paused = True
            self._queues.setdefault(part, deque()).extend(
                HeldEvent(record, min(record.timestamp, now_ms) + self._hold_ms)
                for record in records
            )

    def on_partitions_revoked(self, parts: Sequence[Partition]) -> None:
        """Forget the events of partitions that another worker will have."""
        for part in parts:
            self._queues.pop(part, None)

    async def release_due(self) -> None:
        """Write events whose hold is over to the events topic."""
        now_ms = self._context.now_ms()
        due = {part: _take_due(queue, now_ms) for part, queue in self._queues.items()}
        due = {part: events for part, events in due.items() if events}
        for part in due:
            part.hold()
        await self._send([event for events in due.values() for event in events])
        for part, events in due.items():
            part.mark_done([event.record.offset for event in events])
            part.release()
            if not self._queues.get(part):
                self._queues.pop(part, None)
                part.paused = False

    async def _send(self, events: Sequence[HeldEvent]) -> None:
        """Send events to the events topic; durable on return."""
        topic = self._context.topics.events
        results = await self._context.producer.send(
            [_released_message(event, topic) for event in events]
        )
        causes = [read_record(event.record) for event in events]
        dead_letters = refused_records(
            Stage.ACTIVATE, causes, results, fault=EVENT_TOO_LARGE
        )
        if dead_letters:
            await send_dead_letters(self._context, Stage.ACTIVATE, dead_letters)

    @Service.task
    @exit_on_error
    async def _release_regularly(self) -> None:
        while not self.should_stop:
            await self.release_due()
            await asyncio.sleep(TICK_S)


def _take_due(queue: deque[HeldEvent], now_ms: int) -> list[HeldEvent]:
    """Take the events at the front of a queue whose hold is over."""
    events = []
    while queue and queue[0].until_ms <= now_ms:
        events.append(queue.popleft())
    return events


def _released_message(event: HeldEvent, topic: str) -> Message:
    record = event.record
    headers = [(name, value or b"") for name, value in record.headers]
    held_until = (HELD_UNTIL_HEADER, b"%d" % event.until_ms)
    return Message(topic, record.key, record.value, [*headers, held_until])
