"""Stage intake: source records become canonical events, keyed by user."""

from collections.abc import Sequence
from typing import NamedTuple

from agents.engine.kafka import Record
from agents.engine.partition import PartitionRecords
from agents.engine.producer import Message, RecordTooLarge
from agents.shared.context import Context
from agents.shared.headers import (
    ORIGIN_HEADER,
    SOURCE_TIME_HEADER,
    copy_replay_headers,
    own_origin,
    read_origin,
    read_origin_or_own,
    read_replay_id,
    read_source_time_ms,
)
from agents.shared.records import (
    REPLAY_STOPPED,
    build_dead_letter,
    outcome_messages,
    send_dead_letters,
    to_poison_record,
)
from streams.dead_letters.encoding import DeadLetter
from streams.delivery.outcome import outcome_item
from streams.delivery.stage import Stage
from streams.errors import PoisonRecord
from streams.events.canonical_event import Origin
from streams.events.formats.segment_json import decode

TOO_LARGE = PoisonRecord("too-large", "larger than the events topic takes")


class StoppedRecord(NamedTuple):
    """Record of a replay that was stopped."""

    origin: Origin
    replay: str


async def process_batch(context: Context, groups: PartitionRecords) -> None:
    """Process the records of one fetch."""
    await process_records(context, [r for _, records in groups for r in records])


async def process_records(context: Context, records: Sequence[Record]) -> None:
    """Write each record as an event or as a dead letter; durable on return."""
    converted = [_convert(context, record) for record in records]
    events = [
        (record, message)
        for record, message in zip(records, converted, strict=True)
        if type(message) is Message
    ]
    results = await context.producer.send([message for _, message in events])
    dead_letters = [failed for failed in converted if isinstance(failed, DeadLetter)]
    dead_letters += [
        _build_dead_letter(context, record, TOO_LARGE)
        for (record, _), result in zip(events, results, strict=True)
        if isinstance(result, RecordTooLarge)
    ]
    if dead_letters:
        await send_dead_letters(context, Stage.INTAKE, dead_letters)
    stopped = [
        outcome_item(record.origin, REPLAY_STOPPED, replay=record.replay)
        for record in converted
        if isinstance(record, StoppedRecord)
    ]
    if stopped:
        await context.producer.send(outcome_messages(context, Stage.INTAKE, stopped))


def _convert(context: Context, record: Record) -> Message | DeadLetter | StoppedRecord:
    """Decode a record; headers are believed on the project's own topic only."""
    is_reprocessed = _is_reprocessed(context, record)
    replay = read_replay_id(record) if is_reprocessed else ""
    if replay and context.is_replay_stopped(replay):
        return StoppedRecord(read_origin_or_own(record), replay)
    try:
        origin = read_origin(record) if is_reprocessed else own_origin(record)
        time_ms = read_source_time_ms(record) if is_reprocessed else record.timestamp
        event = decode(
            record.value,
            origin=origin,
            record_time_ms=time_ms,
            now_ms=context.now_ms(),
            max_event_bytes=context.settings.max_event_bytes,
        )
    except Exception as fault:  # noqa: BLE001 - no record stops the next one
        return _build_dead_letter(context, record, to_poison_record(fault))
    headers = [
        (ORIGIN_HEADER, str(origin).encode()),
        (SOURCE_TIME_HEADER, b"%d" % time_ms),
    ]
    return Message(
        context.topics.events,
        event.user.encode(),
        record.value,
        headers + copy_replay_headers(record) if is_reprocessed else headers,
    )


def _is_reprocessed(context: Context, record: Record) -> bool:
    return bool(record.topic == context.topics.reprocess)


def _build_dead_letter(
    context: Context, record: Record, poison: PoisonRecord
) -> DeadLetter:
    if _is_reprocessed(context, record):
        return build_dead_letter(Stage.INTAKE, record, poison)
    return DeadLetter(
        origin=own_origin(record),
        stage=Stage.INTAKE,
        code=poison.code,
        reason=poison.reason,
        key=record.key,
        value=record.value,
        source_ms=record.timestamp,
    )
