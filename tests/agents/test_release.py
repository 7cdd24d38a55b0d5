"""Held events: written as they are, waited for, and put back on the events topic."""

import asyncio
from dataclasses import replace

import orjson
import pytest

from agents import activate
from agents.engine.assignment import Assignment, PartitionHooks
from agents.engine.group_consumer import GroupConsumer, ReaderOptions
from agents.engine.kafka import Record
from agents.engine.partition import Partition
from agents.engine.producer import Message
from agents.release import HeldEvents
from agents.shared.context import Context
from streams.destination.loader import compile_destination
from streams.events.canonical_event import (
    EVENT_OFFSET_HEADER,
    HELD_UNTIL_HEADER,
    ORIGIN_HEADER,
    REPLAY_HEADER,
    SOURCE_TIME_HEADER,
)
from tests.support.worker_fakes import (
    NOW_MS,
    UNREACHABLE_KAFKA,
    FakeProducer,
    FakeTable,
    context,
    partition,
    record,
    run,
    track_records,
)

HOLD_MS = 60_000
VIEWED = orjson.dumps(
    {"type": "track", "event": "Viewed", "userId": "user-1", "messageId": "m1"}
)
HEADERS = [(ORIGIN_HEADER, b"in/2/7"), (SOURCE_TIME_HEADER, b"%d" % (NOW_MS - 500))]


class Clock:
    """Clock of a worker, moved by the test."""

    def __init__(self) -> None:
        self.ms = NOW_MS

    def __call__(self) -> int:
        """Return the current time."""
        return self.ms


def _services(
    producer: FakeProducer, clock: Clock, *, unknown: str = "hold"
) -> Context:
    identity = {"unknown": unknown, "hold_for_s": HOLD_MS / 1000}
    destination = compile_destination({"settings": {"identity": identity}})
    return replace(context(producer, destination=destination), now_ms=clock)


def _held(offset: int, *, age_ms: int = 0, value: bytes = VIEWED) -> Record:
    return record(
        value,
        offset=offset,
        key=b"user-1",
        topic="t.held-events",
        timestamp=NOW_MS - age_ms,
        headers=HEADERS,
    )


def _enqueue(held: HeldEvents, part: Partition, *records: Record) -> None:
    run(held.enqueue([(part, track_records(part, *records))]))


def test_an_event_of_an_unknown_person_is_written_as_it_is() -> None:
    """No state, no outcome, no request; a replay goes along."""
    producer = FakeProducer()
    services = _services(producer, Clock())
    headers = [*HEADERS, (REPLAY_HEADER, b"again-1")]
    event = record(VIEWED, offset=3, key=b"user-1", headers=headers)

    run(activate.process_batch(services, [(partition("t.events"), [event])]))

    assert producer.sent == [Message("t.held-events", b"user-1", VIEWED, headers)]
    assert isinstance(services.user_states, FakeTable)
    assert services.user_states.entries() == {}


def test_a_released_event_is_held_no_second_time() -> None:
    """The event is sent as `send` does; the mark ends there."""
    producer = FakeProducer()
    headers = [*HEADERS, (HELD_UNTIL_HEADER, b"%d" % NOW_MS)]
    event = record(VIEWED, offset=9, key=b"user-1", headers=headers)
    services = _services(producer, Clock())

    run(activate.process_batch(services, [(partition("t.events"), [event])]))

    [message] = producer.sent
    assert message.topic == "t.activations.events"
    assert message.headers == [*HEADERS, (EVENT_OFFSET_HEADER, b"9")]


def test_a_held_event_that_kafka_refuses_is_a_dead_letter() -> None:
    """An operator may have made the topic with a smaller limit."""
    producer = FakeProducer(max_bytes={"t.held-events": 10})
    event = record(VIEWED, offset=3, key=b"user-1", headers=HEADERS)
    services = _services(producer, Clock())

    run(activate.process_batch(services, [(partition("t.events"), [event])]))

    [outcome] = producer.outcomes()
    assert outcome.reason.startswith("too-large")
    assert str(outcome.origin) == "in/2/7"


def test_events_return_in_order_when_their_hold_is_over() -> None:
    """With all their headers; an offset is done when its event is durable."""
    producer, clock, part = FakeProducer(), Clock(), partition("t.held-events")
    held = HeldEvents(_services(producer, clock))
    _enqueue(held, part, _held(0, age_ms=1_000), _held(1))

    committed = []
    for now_ms in (HOLD_MS - 1_001, HOLD_MS - 1_000, HOLD_MS):
        clock.ms = NOW_MS + now_ms
        run(held.release_due())
        committed.append((part.commit_offset, part.paused))

    untils = [NOW_MS + HOLD_MS - 1_000, NOW_MS + HOLD_MS]
    assert committed == [(0, True), (1, True), (2, False)]
    assert producer.sent == [
        Message(
            "t.events",
            b"user-1",
            VIEWED,
            [*HEADERS, (HELD_UNTIL_HEADER, b"%d" % until)],
        )
        for until in untils
    ]


def test_no_more_is_fetched_of_a_partition_whose_events_wait() -> None:
    """So a worker holds few events in memory, and other partitions go on."""
    consumer = GroupConsumer(
        UNREACHABLE_KAFKA,
        ReaderOptions(name="release", group="g", topics=("t.held-events",)),
        on_assigned=lambda _: None,
        on_revoked=lambda _: asyncio.sleep(0),
    )
    assignment = Assignment(
        consumer,
        options=ReaderOptions(name="release", group="g", topics=("t.held-events",)),
        hooks=PartitionHooks(),
    )
    waiting, free = partition(number=0), partition(number=1)
    assignment.partitions |= {waiting.tp: waiting, free.tp: free}
    clock = Clock()
    held = HeldEvents(_services(FakeProducer(), clock))

    _enqueue(held, waiting, _held(0))
    read_while_waiting = list(assignment.active())
    clock.ms += HOLD_MS
    run(held.release_due())

    assert read_while_waiting == [free.tp]
    assert list(assignment.active()) == [waiting.tp, free.tp]


def test_waiting_events_hold_up_no_rebalance() -> None:
    """The next owner reads them again; nothing is sent or done here."""
    producer, clock, part = FakeProducer(), Clock(), partition("t.held-events")
    held = HeldEvents(_services(producer, clock))
    _enqueue(held, part, _held(0))

    part.revoking = True
    held.on_partitions_revoked([part])
    run(asyncio.wait_for(part.wait_idle(), 1))
    clock.ms += HOLD_MS
    run(held.release_due())

    assert (producer.sent, part.commit_offset) == ([], 0)


def test_a_rebalance_waits_for_a_release_that_is_under_way() -> None:
    """Otherwise the event would be committed by nobody, and released twice."""
    producer, clock, part = FakeProducer(), Clock(), partition("t.held-events")
    held = HeldEvents(_services(producer, clock))
    _enqueue(held, part, _held(0))
    clock.ms += HOLD_MS
    revocations: list[asyncio.Task[int | None]] = []

    async def revoke() -> int | None:
        await part.wait_idle()
        return part.commit_offset

    async def revoke_while_sending() -> list[int | None]:
        producer.on_send = lambda _: revocations.append(asyncio.create_task(revoke()))
        await held.release_due()
        return await asyncio.gather(*revocations)

    assert run(revoke_while_sending()) == [1]


@pytest.mark.parametrize("unknown", ["send", "drop"])
def test_held_events_are_released_at_once_without_the_setting(unknown: str) -> None:
    """A worker with another destination file drains the topic."""
    producer, part = FakeProducer(), partition("t.held-events")
    held = HeldEvents(_services(producer, Clock(), unknown=unknown))

    _enqueue(held, part, _held(0))
    run(held.release_due())

    assert (len(producer.sent), part.commit_offset) == (1, 1)


def test_a_timestamp_of_the_future_holds_no_longer() -> None:
    """The clocks of two workers may differ."""
    producer, clock, part = FakeProducer(), Clock(), partition("t.held-events")
    held = HeldEvents(_services(producer, clock))
    _enqueue(held, part, _held(0, age_ms=-10 * HOLD_MS))

    clock.ms += HOLD_MS
    run(held.release_due())

    assert len(producer.sent) == 1


def test_an_event_that_the_events_topic_refuses_is_a_dead_letter() -> None:
    """The other events are released."""
    producer = FakeProducer(max_bytes={"t.events": len(VIEWED)})
    clock, part = Clock(), partition("t.held-events")
    held = HeldEvents(_services(producer, clock))
    _enqueue(held, part, _held(0, value=VIEWED + b" "), _held(1))

    clock.ms += HOLD_MS
    run(held.release_due())

    assert [message.topic for message in producer.sent].count("t.events") == 1
    assert [str(outcome.origin) for outcome in producer.outcomes()] == ["in/2/7"]
    assert part.commit_offset == 2
