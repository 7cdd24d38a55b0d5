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
from streams.delivery.verdict import Reason, discarded
from streams.events.convert import convert_to_events
from streams.events.formats.segment import decode
from streams.events.formats.source_record import SkippedRecord
from streams.events.sources import Source


async def process_batch(context: Context, groups: PartitionRecords) -> None:
    """Process the records of a fetch."""
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
        for record, result in zip(stage_records, converted, strict=True)
        if type(result) is list
        for message in result
    ]
    results = await context.producer.send([message for _, message in events])
    context.metrics.stages[Stage.INTAKE].records_out.inc(len(events))
    dead_letters = [failed for failed in converted if isinstance(failed, DeadLetter)]
    sent = [record for record, _ in events]
    dead_letters += refused_records(Stage.INTAKE, sent, results, fault=EVENT_TOO_LARGE)
    if dead_letters:
        await send_dead_letters(context, Stage.INTAKE, dead_letters)
    discarded_items = [item for item in converted if isinstance(item, OutcomeItem)]
    if discarded_items:
        messages = outcome_messages(context, Stage.INTAKE, discarded_items)
        await context.producer.send(messages)
        context.metrics.count_outcomes(discarded_items)


def _convert(
    context: Context, record: StageRecord
) -> list[Message] | DeadLetter | OutcomeItem:
    """Convert a record to events; a record without an event gets the outcome here."""
    if record.replay and context.is_replay_stopped(record.replay):
        return outcome_item(record.origin, REPLAY_STOPPED, replay=record.replay)
    if record.bad_origin is not None:
        return build_dead_letter(Stage.INTAKE, record, record.bad_origin)
    source = context.converted_topics.get(record.origin.topic)
    try:
        if source is not None and not record.is_canonical:
            return _converted_messages(context, record, source)
        event = decode(
            record.value,
            origin=record.origin,
            record_time_ms=record.source_ms,
            now_ms=context.now_ms(),
            max_event_bytes=context.settings.max_event_bytes,
        )
    except Exception as fault:  # noqa: BLE001 - no record stops the next one
        return build_dead_letter(Stage.INTAKE, record, to_poison_record(fault))
    topic, key = context.topics.events, event.user.encode()
    return [Message(topic, key, record.value, record.onward_headers)]


def _converted_messages(
    context: Context, record: StageRecord, source: Source
) -> list[Message] | OutcomeItem:
    converted = convert_to_events(
        record.to_source_record(),
        source,
        now_ms=context.now_ms(),
        max_bytes=context.settings.max_event_bytes,
        schemas=context.schemas.lookup,
        warn=context.warn,
    )
    if isinstance(converted, SkippedRecord):
        verdict = discarded(str(Reason(converted.code, converted.reason)))
        return outcome_item(record.origin, verdict, replay=record.replay)
    topic = context.topics.events
    return [
        Message(topic, event.user.encode(), value, record.event_headers(index))
        for index, (value, event) in enumerate(converted)
    ]
