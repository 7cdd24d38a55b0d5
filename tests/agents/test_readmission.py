"""Activations that come back: is each still the last word, and on which list?"""

from dataclasses import replace

import msgspec
import orjson

from agents.context import ORIGIN
from streams.actions.intents import EventRecord, ListAdd, ListRemove
from streams.actions.kinds import named_by
from streams.destination.reading import destination_of
from tests.agents.fakes import (
    NOW_MS,
    FakeProducer,
    context,
    record,
)
from tests.agents.reentering import (
    DAY_MS,
    FROM,
    WHO,
    activation,
    activations,
    back,
    entered,
    intents,
    turned,
)
from tests.journeys.events import START_MS, moves


def test_an_activation_that_is_still_the_last_word_goes_back_to_its_lane() -> None:
    """As one of its replay."""
    producer = FakeProducer()
    services = context(producer)

    turned(services, back(activation()))
    turned(services, back(activation()))

    assert activations(producer) == [activation(replay="r-1")] * 2


def test_an_activation_that_was_outdone_does_not() -> None:
    """Somebody has left since."""
    producer = FakeProducer()
    services = context(producer)
    [(user, value)] = moves(["u-1"], "vip", entered=False)
    turned(services, record(value, key=user.encode()))
    producer.sent.clear()

    turned(services, back(activation()))

    assert activations(producer) == []
    assert [item.reason for item in producer.outcomes()] == ["stale"]


def test_an_event_of_long_ago_fires_no_flow_when_it_comes_back() -> None:
    """Older than `replay_backfill_after_s`."""
    producer = FakeProducer()
    services = context(producer)
    record_ = EventRecord(
        metric="M", profile={"external_id": "u-1"}, properties={}, unique_id="m"
    )
    told = {"action": "trackEvent", "intent": record_, "audience": ""}

    turned(
        services,
        back(activation(time_ms=NOW_MS - 2 * DAY_MS, **told)),
        back(activation(time_ms=NOW_MS - DAY_MS // 2, **told)),
    )

    intents = [one.intent for one in activations(producer)]
    assert [isinstance(i, EventRecord) and i.backfill for i in intents] == [True, False]


def test_an_audience_that_is_synced_no_more_moves_no_list() -> None:
    """Whatever waits among the dead letters."""
    off = destination_of({"audiences": {"vip": {"enabled": False}}})
    producer = FakeProducer()

    turned(context(producer, destination=off), back(activation()))

    assert activations(producer) == []
    assert [item.reason for item in producer.outcomes()] == ["audience-not-synced"]


def test_an_activation_means_the_list_that_the_settings_name_now() -> None:
    """The one it named is not in Klaviyo any more."""
    producer = FakeProducer()
    services = context(producer)
    [(user, value)] = moves(["u-1"], "vip", entered=True)
    headers = ((ORIGIN, str(FROM).encode()),)
    turned(services, record(value, key=user.encode(), headers=headers))
    [told] = activations(producer)
    producer.sent.clear()
    mended = replace(services, destination=destination_of({"audiences": {"vip": "L2"}}))

    old = msgspec.structs.replace(told, intent=ListAdd(list_id="L1", profile=WHO))
    turned(mended, back(old))

    [intent] = intents(producer)
    assert isinstance(intent, ListAdd)
    assert intent.list_id == "L2"


def test_a_table_rebuilt_from_a_lane_knows_the_list_that_an_event_named() -> None:
    """An exit that names none is from that one."""
    producer = FakeProducer()
    services = context(producer)
    told = activation(intent=ListAdd(list_id="LX", profile=WHO))

    turned(services, back(told, "rebuild"))
    [(user, value)] = moves(["u-1"], "vip", entered=False, at_s=60)
    turned(services, record(value, key=user.encode()))

    [intent] = intents(producer)
    assert isinstance(intent, ListRemove)
    assert intent.list_id == "LX"


def test_a_repair_does_not_bring_an_old_address_back() -> None:
    """Somebody has changed theirs since they entered."""
    producer = FakeProducer()
    services = context(producer)
    told = {"type": "identify", "userId": "u-1", "timestamp": START_MS + 5_000}
    value = orjson.dumps(told | {"traits": {"email": "new@example.com"}})
    turned(services, record(value, key=b"u-1"))
    producer.sent.clear()

    old = activation(
        time_ms=START_MS,
        intent=ListAdd(list_id="", profile=WHO | {"email": "old@example.com"}),
    )
    turned(services, back(old))
    turned(services, entered("again"))

    assert [named_by(one) for one in intents(producer)] == [WHO] * 2
