"""Settling of records: outcome and dead letter first, acknowledgement after that."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from agents.lanes.pending import PendingRecord, to_dead_letter, to_outcome
from agents.lanes.pending_queue import PendingQueue
from agents.shared.context import Context
from agents.shared.records import dead_letter_messages, outcome_messages
from streams.delivery.duplicates import DuplicateFilter
from streams.delivery.stage import Stage
from streams.delivery.verdict import ItemVerdict, Verdict

Settlement: TypeAlias = tuple[PendingRecord, ItemVerdict]
"""A record and its verdict."""


class Settler:
    """Writes the outcomes of records, then acknowledges their offsets.

    Args:
        context: Services of the worker.
        stage: Stage that the outcomes name.
        queue: Queue that counts the records.
        duplicates: Filter that forgets dead letters, so that they can be requeued.
    """

    def __init__(
        self,
        context: Context,
        stage: Stage,
        *,
        queue: PendingQueue,
        duplicates: DuplicateFilter,
    ) -> None:
        self._context = context
        self._stage = stage
        self._queue = queue
        self._duplicates = duplicates

    async def settle(
        self, settlements: Sequence[Settlement], *, action: str = ""
    ) -> None:
        """Write outcomes and dead letters, and acknowledge when they are durable."""
        now_ms = self._context.now_ms()
        outcomes = [
            to_outcome(pending, verdict, now_ms=now_ms)
            for pending, verdict in settlements
        ]
        dead_letters = []
        for pending, verdict in settlements:
            if verdict.verdict is Verdict.DEAD_LETTER:
                dead_letters.append(to_dead_letter(self._stage, pending, verdict))
                self._duplicates.forget(pending.value or b"", cause=pending.cause)
        await self._context.producer.send(
            [
                *dead_letter_messages(self._context, dead_letters),
                *outcome_messages(self._context, self._stage, outcomes, action=action),
            ]
        )
        for pending, _ in settlements:
            pending.part.mark_done((pending.offset,))
        self._queue.untrack(pending for pending, _ in settlements)


def with_verdict(
    records: Iterable[PendingRecord], verdict: ItemVerdict
) -> list[Settlement]:
    """Give all records the same verdict."""
    return [(pending, verdict) for pending in records]
