"""Records that are taken in again, for tests."""

import asyncio

import msgspec

from agents.activate import process_batch
from agents.engine.kafka import Record
from agents.shared.context import Context
from streams.actions.activation import Activation, decode_activation
from streams.actions.intents import Intent, ListAdd
from streams.events.canonical_event import (
    ACTIVATION_HEADER,
    ORIGIN_HEADER,
    REPLAY_HEADER,
    REPLAY_MODE_HEADER,
    SOURCE_TIME_HEADER,
    Origin,
)
from tests.journeys.sample_events import moves
from tests.support.worker_fakes import (
    NOW_MS,
    FakeProducer,
    partition,
    record,
    track_records,
)

IDENTIFIERS = {"external_id": "u-1"}
SOURCE_ORIGIN = Origin(topic="source", partition=3, offset=17)
DAY_MS = 86_400_000
LANES = ("t.activations.lists", "t.activations.events")


def replay_headers(
    mode: str, *extra_headers: tuple[str, bytes]
) -> tuple[tuple[str, bytes], ...]:
    """Headers of a record that a replay takes in again."""
    return (
        (ORIGIN_HEADER, str(SOURCE_ORIGIN).encode()),
        (SOURCE_TIME_HEADER, b"%d" % (NOW_MS - 2 * DAY_MS)),
        (REPLAY_HEADER, b"r-1"),
        (REPLAY_MODE_HEADER, mode.encode()),
        *extra_headers,
    )


def entered_record(
    mode: str, *extra_headers: tuple[str, bytes], topic: str = "t.events"
) -> Record:
    """Build a record of an enter that is reprocessed."""
    [(user, value)] = moves(["u-1"], "vip", entered=True)
    return record(
        value,
        key=user.encode(),
        topic=topic,
        headers=replay_headers(mode, *extra_headers),
    )


def run_activate(services: Context, *records: Record) -> None:
    """Run activate on records of the events topic."""
    part = partition("t.events")
    asyncio.run(process_batch(services, [(part, track_records(part, *records))]))


def activations(producer: FakeProducer) -> list[Activation]:
    """Return activations on the lanes of lists and events."""
    return [
        decode_activation(message.value)
        for lane in LANES
        for message in producer.to(lane)
    ]


def activation(**fields: object) -> Activation:
    """An add by an audience, or what else is told."""
    defaults = {
        "action": "addProfileToList",
        "user": "u-1",
        "intent": ListAdd(list_id="", profile={"external_id": "u-1"}),
        "time_ms": 1_000,
        "origin": SOURCE_ORIGIN,
        "audience": "vip",
    }
    return Activation(**(defaults | fields))  # type: ignore[arg-type] # one field each


def requeued_record(activation: Activation, mode: str = "again") -> Record:
    """An activation on its way back."""
    value = msgspec.json.encode(activation)
    headers = replay_headers(mode, (ACTIVATION_HEADER, b"1"))
    return record(value, key=b"u-1", topic="t.events", headers=headers)


def sent_intents(producer: FakeProducer) -> list[Intent]:
    """Return the intents of those activations."""
    return [sent.intent for sent in activations(producer)]
