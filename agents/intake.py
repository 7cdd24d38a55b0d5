"""Hop 1: bytes of the source topics become canonical events, keyed by user."""

from collections.abc import Sequence

from faust.types import StreamT

from agents.context import (
    ORIGIN,
    TIME,
    Context,
    dead_letter_messages,
    outcome_messages,
    poison_of,
    position_of,
)
from agents.engine.boot import EngineApp
from agents.engine.kafka import Record
from agents.engine.producer import REFUSED, Message
from agents.engine.reader import Poll, Reader
from agents.engine.watchdog import guarded
from streams.delivery import outcome
from streams.delivery.deadletter import DeadLetter
from streams.delivery.verdict import dead_letter
from streams.errors import PoisonRecord
from streams.events.decode import decode

STAGE = "intake"


def register(app: EngineApp, context: Context, reader: Reader) -> None:
    """Put the hop's agent on the reader's channel."""

    @app.agent(reader.channel, name=STAGE)
    @guarded
    async def intake(polls: StreamT[Poll]) -> None:
        async for poll in polls:
            groups = poll.begin()
            await take_in(context, [r for _, records in groups for r in records])
            poll.end(groups)


async def take_in(context: Context, records: Sequence[Record]) -> None:
    """Send every record on, as an event or as a dead letter; durable on return."""
    read = [_read(context, record) for record in records]
    events = [(r, m) for r, m in zip(records, read, strict=True) if type(m) is Message]
    offsets = await context.producer.send([message for _, message in events])
    letters = [letter for letter in read if isinstance(letter, DeadLetter)]
    letters += [
        _letter(record, PoisonRecord("too-large", "larger than the events topic takes"))
        for (record, _), offset in zip(events, offsets, strict=True)
        if offset == REFUSED
    ]
    await bury(context, STAGE, letters)


async def bury(context: Context, stage: str, letters: Sequence[DeadLetter]) -> None:
    """Keep dead letters and their outcomes; durable on return."""
    items = [
        outcome.item(letter.origin, dead_letter(f"{letter.code}: {letter.reason}"))
        for letter in letters
    ]
    messages = dead_letter_messages(context, letters)
    await context.producer.send([*messages, *outcome_messages(context, stage, items)])


def _read(context: Context, record: Record) -> Message | DeadLetter:
    origin = position_of(record)
    try:
        event = decode(
            record.value,
            origin=origin,
            record_time_ms=record.timestamp,
            now_ms=context.now_ms(),
            max_event_bytes=context.settings.max_event_bytes,
        )
    except Exception as fault:  # noqa: BLE001 - no record stops the next one
        return _letter(record, poison_of(fault))
    return Message(
        context.settings.topics.events,
        event.user.encode(),
        record.value,
        [(ORIGIN, str(origin).encode()), (TIME, b"%d" % record.timestamp)],
    )


def _letter(record: Record, poison: PoisonRecord) -> DeadLetter:
    return DeadLetter(
        origin=position_of(record),
        stage=STAGE,
        code=poison.code,
        reason=poison.reason,
        key=record.key,
        value=record.value,
    )
