"""Settler of a lane: durable outcomes first, then acknowledged offsets."""

from collections.abc import Sequence
from typing import TypeAlias

from agents.lanes.pending import (
    MS_PER_S,
    PendingQueue,
    PendingRecord,
    to_dead_letter,
    to_outcome,
)
from agents.shared.context import Context
from agents.shared.records import (
    dead_letter_messages,
    outcome_messages,
    send_with_dead_letters,
)
from streams.delivery.duplicates import DuplicateFilter
from streams.delivery.outcome import Stage
from streams.delivery.verdict import ItemVerdict, Verdict

Settlement: TypeAlias = tuple[PendingRecord, ItemVerdict]
"""A record and its verdict."""


class Settler:
    """Writes the outcomes of records, then acknowledges the offsets.

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
        self._stage_metrics = context.metrics.stages[stage]
        self._outcome_s = context.metrics.lane(stage.lane or "").outcome_s

    async def settle(
        self, settlements: Sequence[Settlement], *, action: str = ""
    ) -> None:
        """Write outcomes and dead letters durably, then acknowledge the records."""
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
        await send_with_dead_letters(
            self._context.producer,
            [
                *dead_letter_messages(self._context, dead_letters),
                *outcome_messages(self._context, self._stage, outcomes, action=action),
            ],
            topic=self._context.topics.deadletters,
        )
        for pending, _ in settlements:
            pending.part.mark_done((pending.offset,))
        self._queue.untrack(pending for pending, _ in settlements)
        if dead_letters:
            self._context.metrics.count_dead_letters(dead_letters)
        mappings = [pending.mapping for pending, _ in settlements]
        self._context.metrics.count_outcomes(outcomes, action=action, mappings=mappings)
        self._stage_metrics.records_out.inc(len(settlements))
        self._stage_metrics.progress_s.set(now_ms / MS_PER_S)
        for item in outcomes:
            self._outcome_s.observe(item.latency_ms / MS_PER_S)
