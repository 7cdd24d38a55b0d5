"""Stage intake: source records become canonical events, keyed by user."""

from collections.abc import Sequence

from agents.engine.kafka import Record
from agents.engine.partition import PartitionRecords
from agents.engine.producer import Message
from agents.shared.context import Context
from agents.shared.records import (
    EVENT_TOO_LARGE,
    REPLAY_STOPPED,
    StageRecord,
    build_dead_letter,
    outcome_messages,
    read_record,
    refused_records,
    send_dead_letters,
    to_poison_record,
)
from streams.dead_letters.encoding import DeadLetter
from streams.delivery.outcome import OutcomeItem, Stage, outcome_item
from streams.events.formats.segment_json import decode


async def process_batch(context: Context, groups: PartitionRecords) -> None:
    """Process the records of one fetch."""
    await process_records(context, [r for _, records in groups for r in records])


async def process_records(context: Context, records: Sequence[Record]) -> None:
    """Write each record as an event or as a dead letter; durable on return."""
    reprocess_topic = context.topics.reprocess
    stage_records = [
        read_record(record, is_internal=record.topic == reprocess_topic)
        for record in records
    ]
    converted = [_convert(context, record) for record in stage_records]
    events = [
        (record, message)
        for record, message in zip(stage_records, converted, strict=True)
        if type(message) is Message
    ]
    results = await context.producer.send([message for _, message in events])
    dead_letters = [failed for failed in converted if isinstance(failed, DeadLetter)]
    sent = [record for record, _ in events]
    dead_letters += refused_records(Stage.INTAKE, sent, results, fault=EVENT_TOO_LARGE)
    if dead_letters:
        await send_dead_letters(context, Stage.INTAKE, dead_letters)
    stopped = [item for item in converted if isinstance(item, OutcomeItem)]
    if stopped:
        await context.producer.send(outcome_messages(context, Stage.INTAKE, stopped))


def _convert(
    context: Context, record: StageRecord
) -> Message | DeadLetter | OutcomeItem:
    """Decode a record; a record of a replay that was stopped gets its outcome."""
    if record.replay and context.is_replay_stopped(record.replay):
        return outcome_item(record.origin, REPLAY_STOPPED, replay=record.replay)
    if record.bad_origin is not None:
        return build_dead_letter(Stage.INTAKE, record, record.bad_origin)
    try:
        event = decode(
            record.value,
            origin=record.origin,
            record_time_ms=record.source_ms,
            now_ms=context.now_ms(),
            max_event_bytes=context.settings.max_event_bytes,
        )
    except Exception as fault:  # noqa: BLE001 - no record stops the next one
        return build_dead_letter(Stage.INTAKE, record, to_poison_record(fault))
    key = event.user.encode()
    return Message(context.topics.events, key, record.value, record.onward_headers)
