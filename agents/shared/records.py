"""Outcome records and dead letters that the stages write."""

import traceback
from collections.abc import Sequence

from agents.engine.kafka import Record
from agents.engine.producer import Message
from agents.shared.context import Context
from agents.shared.headers import (
    read_origin_or_own,
    read_replay_id,
    read_source_time_ms,
)
from streams.dead_letters.encoding import DeadLetter, encode_headers, encode_value
from streams.delivery.outcome import OutcomeItem, encode_outcomes, outcome_item
from streams.delivery.stage import Stage
from streams.delivery.verdict import Reason, dead_letter, discarded
from streams.errors import PoisonRecord

REPLAY_STOPPED = discarded("replay-stopped")


def outcome_messages(
    context: Context, stage: Stage, items: Sequence[OutcomeItem], *, action: str = ""
) -> list[Message]:
    """Build records for the outcomes topic."""
    values = encode_outcomes(stage, items, action=action)
    return [Message(context.topics.outcomes, None, value) for value in values]


def dead_letter_messages(
    context: Context, dead_letters: Sequence[DeadLetter]
) -> list[Message]:
    """Build records for the topic of dead letters."""
    return [
        Message(
            context.topics.deadletters,
            failed.key,
            encode_value(failed),
            encode_headers(failed, connector=context.settings.app_id),
        )
        for failed in dead_letters
    ]


async def send_dead_letters(
    context: Context, stage: Stage, dead_letters: Sequence[DeadLetter]
) -> None:
    """Write dead letters and their outcomes; both are durable on return."""
    items = [
        outcome_item(
            failed.origin,
            dead_letter(str(Reason(failed.code, failed.reason))),
            replay=failed.replay,
        )
        for failed in dead_letters
    ]
    messages = dead_letter_messages(context, dead_letters)
    await context.producer.send([*messages, *outcome_messages(context, stage, items)])


def build_dead_letter(stage: Stage, record: Record, poison: PoisonRecord) -> DeadLetter:
    """Build the dead letter for a record that came from another stage."""
    return DeadLetter(
        origin=read_origin_or_own(record),
        stage=stage,
        code=poison.code,
        reason=poison.reason,
        key=record.key,
        value=record.value,
        replay=read_replay_id(record),
        source_ms=read_source_time_ms(record),
    )


def to_poison_record(fault: Exception) -> PoisonRecord:
    """Turn any error that a record causes into the error of its dead letter.

    A bug of ours in a pure function comes back each time. As a dead letter it names
    itself, and the record can be requeued after the fix; as a crash it would stop every
    record.
    """
    if isinstance(fault, PoisonRecord):
        return fault
    frame = traceback.extract_tb(fault.__traceback__)[-1]
    location = f"{type(fault).__name__} in {frame.name}, line {frame.lineno}"
    return PoisonRecord("internal-error", f"{location}: a bug; please report it")
