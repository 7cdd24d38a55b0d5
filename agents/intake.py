"""Hop 1: bytes of the source topics become canonical events, keyed by user."""

from collections.abc import Sequence
from typing import NamedTuple

from faust.types import StreamT

from agents.context import (
    ORIGIN,
    TIME,
    Context,
    dead_letter_messages,
    origin_of,
    origin_or_position,
    outcome_messages,
    poison_of,
    position_of,
    replay_headers,
    replay_of,
    source_time_ms,
)
from agents.engine.boot import EngineApp
from agents.engine.kafka import Record
from agents.engine.poll import Poll
from agents.engine.producer import REFUSED, Message
from agents.engine.reader import Reader
from agents.engine.watchdog import guarded
from streams.delivery import outcome
from streams.delivery.deadletter import DeadLetter
from streams.delivery.verdict import dead_letter, discarded
from streams.errors import PoisonRecord
from streams.events.decode import decode
from streams.events.origin import Origin

STAGE = "intake"

TOO_LARGE = PoisonRecord("too-large", "larger than the events topic takes")
STOPPED = discarded("replay-stopped")


class Stopped(NamedTuple):
    """A record of a replay that somebody has stopped."""

    origin: Origin
    replay: str


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
        _letter(
            context,
            record,
            TOO_LARGE,
        )
        for (record, _), offset in zip(events, offsets, strict=True)
        if offset == REFUSED
    ]
    await bury(context, STAGE, letters)
    stopped = [
        outcome.item(one.origin, STOPPED, replay=one.replay)
        for one in read
        if isinstance(one, Stopped)
    ]
    await context.producer.send(outcome_messages(context, STAGE, stopped))


async def bury(context: Context, stage: str, letters: Sequence[DeadLetter]) -> None:
    """Keep dead letters and their outcomes; durable on return."""
    items = [
        outcome.item(
            letter.origin,
            dead_letter(f"{letter.code}: {letter.reason}"),
            replay=letter.replay,
        )
        for letter in letters
    ]
    messages = dead_letter_messages(context, letters)
    await context.producer.send([*messages, *outcome_messages(context, stage, items)])


def _read(context: Context, record: Record) -> Message | DeadLetter | Stopped:
    again = record.topic == context.settings.topics.reentry
    replay = replay_of(record) if again else ""
    if context.is_stopped(replay):
        return Stopped(origin_or_position(record), replay)
    try:
        origin = origin_of(record) if again else position_of(record)
        time_ms = source_time_ms(record) if again else record.timestamp
        event = decode(
            record.value,
            origin=origin,
            record_time_ms=time_ms,
            now_ms=context.now_ms(),
            max_event_bytes=context.settings.max_event_bytes,
        )
    except Exception as fault:  # noqa: BLE001 - no record stops the next one
        return _letter(context, record, poison_of(fault))
    headers = [(ORIGIN, str(origin).encode()), (TIME, b"%d" % time_ms)]
    return Message(
        context.settings.topics.events,
        event.user.encode(),
        record.value,
        headers + replay_headers(record) if again else headers,
    )


def _letter(context: Context, record: Record, poison: PoisonRecord) -> DeadLetter:
    again = record.topic == context.settings.topics.reentry
    return DeadLetter(
        origin=origin_or_position(record) if again else position_of(record),
        stage=STAGE,
        code=poison.code,
        reason=poison.reason,
        key=record.key,
        value=record.value,
        replay=replay_of(record) if again else "",
        source_ms=source_time_ms(record) if again else record.timestamp,
    )
