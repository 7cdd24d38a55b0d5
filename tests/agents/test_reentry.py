"""Records that are taken in again: with their origin, their replay, and its mode."""

import asyncio
from dataclasses import replace

import msgspec
import orjson
import pytest

from agents.activate import turn
from agents.context import (
    ACTIVATION,
    ORIGIN,
    REPLAY,
    REPLAY_MODE,
    TIME,
    Context,
    stop_key,
)
from agents.engine.kafka import Record
from agents.intake import take_in
from streams.actions.activation import Activation, decode_activation
from streams.actions.intents import EventRecord, Intent, ListAdd, ListRemove
from streams.actions.kinds import named_by
from streams.destination.reading import destination_of
from streams.events.origin import Origin
from tests.agents.fakes import (
    NOW_MS,
    FakeProducer,
    context,
    delivered,
    partition,
    record,
)
from tests.journeys.events import START_MS, moves

WHO = {"external_id": "u-1"}
FROM = Origin(topic="source", partition=3, offset=17)
DAY_MS = 86_400_000
LANES = ("t.activations.lists", "t.activations.events")


def _told(mode: str, *more: tuple[str, bytes]) -> tuple[tuple[str, bytes], ...]:
    return (
        (ORIGIN, str(FROM).encode()),
        (TIME, b"%d" % (NOW_MS - 2 * DAY_MS)),
        (REPLAY, b"r-1"),
        (REPLAY_MODE, mode.encode()),
        *more,
    )


def _entered(mode: str, *more: tuple[str, bytes], topic: str = "t.events") -> Record:
    [(user, value)] = moves(["u-1"], "vip", entered=True)
    return record(value, key=user.encode(), topic=topic, headers=_told(mode, *more))


def _turn(services: Context, *records: Record) -> None:
    part = partition("t.events")
    asyncio.run(turn(services, [(part, delivered(part, *records))]))


def _activations(producer: FakeProducer) -> list[Activation]:
    return [
        decode_activation(message.value)
        for lane in LANES
        for message in producer.to(lane)
    ]


def test_a_record_taken_in_again_keeps_its_origin_and_names_its_replay() -> None:
    """It is no new record: where it first came from ranks it."""
    producer = FakeProducer()

    asyncio.run(take_in(context(producer), [_entered("again", topic="t.reentry")]))

    [event] = producer.to("t.events")
    assert dict(event.headers) == dict(_told("again"))


def test_a_source_cannot_name_an_origin_or_a_replay() -> None:
    """Only the project's own topic is believed."""
    producer = FakeProducer()

    asyncio.run(take_in(context(producer), [_entered("again", topic="source")]))

    [event] = producer.to("t.events")
    headers = dict(event.headers)
    assert headers[ORIGIN] == b"source/0/0"
    assert REPLAY not in headers


@pytest.mark.parametrize(
    ("mode", "sent"),
    [
        pytest.param("correct", 0, id="the-same-again-does-nothing"),
        pytest.param("again", 1, id="the-last-word-is-told-again"),
        pytest.param("rebuild", 0, id="only-the-table-learns"),
    ],
)
def test_the_last_word_taken_in_again(mode: str, sent: int) -> None:
    """What becomes of an edge that was told already."""
    producer = FakeProducer()
    services = context(producer)
    [(user, value)] = moves(["u-1"], "vip", entered=True)
    headers = ((ORIGIN, str(FROM).encode()),)
    _turn(services, record(value, key=user.encode(), headers=headers))
    producer.sent.clear()

    _turn(services, _entered(mode))

    assert [one.replay for one in _activations(producer)] == ["r-1"] * sent
    assert all(item.replay == "r-1" for item in producer.outcomes())


@pytest.mark.parametrize("mode", ["correct", "again", "rebuild"])
def test_an_older_word_taken_in_again_undoes_nothing(mode: str) -> None:
    """Somebody has left since."""
    producer = FakeProducer()
    services = context(producer)
    [(user, value)] = moves(["u-1"], "vip", entered=False, at_s=60)
    _turn(services, record(value, key=user.encode()))
    producer.sent.clear()

    _turn(services, _entered(mode))

    assert _activations(producer) == []


def test_a_lost_table_is_rebuilt_in_silence() -> None:
    """Klaviyo hears nothing, and the row is there again."""
    producer = FakeProducer()
    services = context(producer)

    _turn(services, _entered("rebuild"))
    _turn(services, _entered("correct"))

    assert _activations(producer) == []
    assert [item.reason for item in producer.outcomes()] == ["rebuilt", "repeat"]


def test_a_stopped_replay_ends_where_it_is() -> None:
    """At intake and at activate."""
    producer = FakeProducer()
    services = context(producer)
    services.replays.rows[stop_key("r-1")] = b"1"

    asyncio.run(take_in(services, [_entered("again", topic="t.reentry")]))
    _turn(services, _entered("again"))

    assert [item.reason for item in producer.outcomes()] == ["replay-stopped"] * 2
    assert producer.to("t.events") == []


def _activation(**told: object) -> Activation:
    known = {
        "action": "addProfileToList",
        "user": "u-1",
        "intent": ListAdd(list_id="", profile={"external_id": "u-1"}),
        "time_ms": 1_000,
        "origin": FROM,
        "audience": "vip",
    }
    return Activation(**(known | told))  # type: ignore[arg-type] # one field each


def _back(activation: Activation, mode: str = "again") -> Record:
    value = msgspec.json.encode(activation)
    headers = _told(mode, (ACTIVATION, b"1"))
    return record(value, key=b"u-1", topic="t.events", headers=headers)


def test_an_activation_that_is_still_the_last_word_goes_back_to_its_lane() -> None:
    """As one of its replay."""
    producer = FakeProducer()
    services = context(producer)

    _turn(services, _back(_activation()))
    _turn(services, _back(_activation()))

    assert _activations(producer) == [_activation(replay="r-1")] * 2


def test_an_activation_that_was_outdone_does_not() -> None:
    """Somebody has left since."""
    producer = FakeProducer()
    services = context(producer)
    [(user, value)] = moves(["u-1"], "vip", entered=False)
    _turn(services, record(value, key=user.encode()))
    producer.sent.clear()

    _turn(services, _back(_activation()))

    assert _activations(producer) == []
    assert [item.reason for item in producer.outcomes()] == ["stale"]


def test_an_event_of_long_ago_fires_no_flow_when_it_comes_back() -> None:
    """Older than `replay_backfill_after_s`."""
    producer = FakeProducer()
    services = context(producer)
    record_ = EventRecord(
        metric="M", profile={"external_id": "u-1"}, properties={}, unique_id="m"
    )
    told = {"action": "trackEvent", "intent": record_, "audience": ""}

    _turn(
        services,
        _back(_activation(time_ms=NOW_MS - 2 * DAY_MS, **told)),
        _back(_activation(time_ms=NOW_MS - DAY_MS // 2, **told)),
    )

    intents = [one.intent for one in _activations(producer)]
    assert [isinstance(i, EventRecord) and i.backfill for i in intents] == [True, False]


def _intents(producer: FakeProducer) -> list[Intent]:
    return [one.intent for one in _activations(producer)]


def test_an_audience_that_is_synced_no_more_moves_no_list() -> None:
    """Whatever waits among the dead letters."""
    off = destination_of({"audiences": {"vip": {"enabled": False}}})
    producer = FakeProducer()

    _turn(context(producer, destination=off), _back(_activation()))

    assert _activations(producer) == []
    assert [item.reason for item in producer.outcomes()] == ["audience-not-synced"]


def test_an_activation_means_the_list_that_the_settings_name_now() -> None:
    """The one it named is not in Klaviyo any more."""
    producer = FakeProducer()
    services = context(producer)
    [(user, value)] = moves(["u-1"], "vip", entered=True)
    headers = ((ORIGIN, str(FROM).encode()),)
    _turn(services, record(value, key=user.encode(), headers=headers))
    [told] = _activations(producer)
    producer.sent.clear()
    mended = replace(services, destination=destination_of({"audiences": {"vip": "L2"}}))

    old = msgspec.structs.replace(told, intent=ListAdd(list_id="L1", profile=WHO))
    _turn(mended, _back(old))

    [intent] = _intents(producer)
    assert isinstance(intent, ListAdd)
    assert intent.list_id == "L2"


def test_a_table_rebuilt_from_a_lane_knows_the_list_that_an_event_named() -> None:
    """An exit that names none is from that one."""
    producer = FakeProducer()
    services = context(producer)
    entered = _activation(intent=ListAdd(list_id="LX", profile=WHO))

    _turn(services, _back(entered, "rebuild"))
    [(user, value)] = moves(["u-1"], "vip", entered=False, at_s=60)
    _turn(services, record(value, key=user.encode()))

    [intent] = _intents(producer)
    assert isinstance(intent, ListRemove)
    assert intent.list_id == "LX"


def test_a_repair_does_not_bring_an_old_address_back() -> None:
    """Somebody has changed theirs since they entered."""
    producer = FakeProducer()
    services = context(producer)
    told = {"type": "identify", "userId": "u-1", "timestamp": START_MS + 5_000}
    value = orjson.dumps(told | {"traits": {"email": "new@example.com"}})
    _turn(services, record(value, key=b"u-1"))
    producer.sent.clear()

    entered = _activation(
        time_ms=START_MS,
        intent=ListAdd(list_id="", profile=WHO | {"email": "old@example.com"}),
    )
    _turn(services, _back(entered))
    _turn(services, _entered("again"))

    assert [named_by(one) for one in _intents(producer)] == [WHO] * 2
