"""Records that are taken in again, for tests."""

import asyncio

import msgspec

from agents.activate import turn
from agents.context import (
    ACTIVATION,
    ORIGIN,
    REPLAY,
    REPLAY_MODE,
    TIME,
    Context,
)
from agents.engine.kafka import Record
from streams.actions.activation import Activation, decode_activation
from streams.actions.intents import Intent, ListAdd
from streams.events.origin import Origin
from tests.agents.fakes import (
    NOW_MS,
    FakeProducer,
    delivered,
    partition,
    record,
)
from tests.journeys.events import moves

WHO = {"external_id": "u-1"}
FROM = Origin(topic="source", partition=3, offset=17)
DAY_MS = 86_400_000
LANES = ("t.activations.lists", "t.activations.events")


def told_by(mode: str, *more: tuple[str, bytes]) -> tuple[tuple[str, bytes], ...]:
    """Headers of a record that a replay takes in again."""
    return (
        (ORIGIN, str(FROM).encode()),
        (TIME, b"%d" % (NOW_MS - 2 * DAY_MS)),
        (REPLAY, b"r-1"),
        (REPLAY_MODE, mode.encode()),
        *more,
    )


def entered(mode: str, *more: tuple[str, bytes], topic: str = "t.events") -> Record:
    """Somebody's enter, taken in again."""
    [(user, value)] = moves(["u-1"], "vip", entered=True)
    return record(value, key=user.encode(), topic=topic, headers=told_by(mode, *more))


def turned(services: Context, *records: Record) -> None:
    """Let activate decide records."""
    part = partition("t.events")
    asyncio.run(turn(services, [(part, delivered(part, *records))]))


def activations(producer: FakeProducer) -> list[Activation]:
    """What went on the lanes of lists and events."""
    return [
        decode_activation(message.value)
        for lane in LANES
        for message in producer.to(lane)
    ]


def activation(**told: object) -> Activation:
    """An add by an audience, or what else is told."""
    known = {
        "action": "addProfileToList",
        "user": "u-1",
        "intent": ListAdd(list_id="", profile={"external_id": "u-1"}),
        "time_ms": 1_000,
        "origin": FROM,
        "audience": "vip",
    }
    return Activation(**(known | told))  # type: ignore[arg-type] # one field each


def back(activation: Activation, mode: str = "again") -> Record:
    """An activation on its way back."""
    value = msgspec.json.encode(activation)
    headers = told_by(mode, (ACTIVATION, b"1"))
    return record(value, key=b"u-1", topic="t.events", headers=headers)


def intents(producer: FakeProducer) -> list[Intent]:
    """What they are to do."""
    return [one.intent for one in activations(producer)]
