"""Stage 1: bytes of the source topics become canonical events, keyed by user."""

from collections.abc import Sequence
from typing import NamedTuple

from faust.types import StreamT

from agents.engine.faust_app import EngineApp
from agents.engine.kafka import Record
from agents.engine.partition import RecordBatch
from agents.engine.producer import Message, RecordTooLarge
from agents.engine.reader import Reader
from agents.engine.watchdog import exit_on_error
from agents.shared.context import (
    ORIGIN_HEADER,
    SOURCE_TIME_HEADER,
    Context,
    copy_replay_headers,
    dead_letter_messages,
    outcome_messages,
    own_origin,
    read_origin,
    read_origin_or_own,
    read_replay_id,
    read_source_time_ms,
    to_poison_record,
)
from streams.dead_letters.encoding import DeadLetter
from streams.delivery import outcome
from streams.delivery.verdict import dead_letter, discarded
from streams.errors import PoisonRecord
from streams.events.formats.segment_json import decode
from streams.events.origin import Origin

STAGE = "intake"

TOO_LARGE = PoisonRecord("too-large", "larger than the events topic takes")
REPLAY_STOPPED = discarded("replay-stopped")


class StoppedRecord(NamedTuple):
    """A record of a replay that somebody has stopped."""

    origin: Origin
    replay: str


def register(app: EngineApp, context: Context, reader: Reader) -> None:
    """Put the stage's agent on the reader's channel."""

    @app.agent(reader.channel, name=STAGE)
    @exit_on_error
    async def intake(batches: StreamT[RecordBatch]) -> None:
        async for batch in batches:
            groups = batch.start()
            await process_records(
                context, [r for _, records in groups for r in records]
            )
            batch.finish(groups)


async def process_records(context: Context, records: Sequence[Record]) -> None:
    """Send every record on, as an event or as a dead letter; durable on return."""
    converted = [_convert(context, record) for record in records]
    events = [
        (r, m) for r, m in zip(records, converted, strict=True) if type(m) is Message
    ]
    results = await context.producer.send([message for _, message in events])
    dead_letters = [
        failed_record
        for failed_record in converted
        if isinstance(failed_record, DeadLetter)
    ]
    dead_letters += [
        _build_dead_letter(
            context,
            record,
            TOO_LARGE,
        )
        for (record, _), result in zip(events, results, strict=True)
        if isinstance(result, RecordTooLarge)
    ]
    await send_dead_letters(context, STAGE, dead_letters)
    stopped = [
        outcome.outcome_item(
            stopped_record.origin, REPLAY_STOPPED, replay=stopped_record.replay
        )
        for stopped_record in converted
        if isinstance(stopped_record, StoppedRecord)
    ]
    await context.producer.send(outcome_messages(context, STAGE, stopped))


async def send_dead_letters(
    context: Context, stage: str, dead_letters: Sequence[DeadLetter]
) -> None:
    """Keep dead letters and their outcomes; durable on return."""
    items = [
        outcome.outcome_item(
            failed_record.origin,
            dead_letter(f"{failed_record.code}: {failed_record.reason}"),
            replay=failed_record.replay,
        )
        for failed_record in dead_letters
    ]
    messages = dead_letter_messages(context, dead_letters)
    await context.producer.send([*messages, *outcome_messages(context, stage, items)])


def _convert(context: Context, record: Record) -> Message | DeadLetter | StoppedRecord:
    is_reprocessed = record.topic == context.settings.topics.reprocess
    replay = read_replay_id(record) if is_reprocessed else ""
    if context.is_replay_stopped(replay):
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
        context.settings.topics.events,
        event.user.encode(),
        record.value,
        headers + copy_replay_headers(record) if is_reprocessed else headers,
    )


def _build_dead_letter(
    context: Context, record: Record, poison: PoisonRecord
) -> DeadLetter:
    is_reprocessed = record.topic == context.settings.topics.reprocess
    return DeadLetter(
        origin=read_origin_or_own(record) if is_reprocessed else own_origin(record),
        stage=STAGE,
        code=poison.code,
        reason=poison.reason,
        key=record.key,
        value=record.value,
        replay=read_replay_id(record) if is_reprocessed else "",
        source_ms=read_source_time_ms(record) if is_reprocessed else record.timestamp,
    )
