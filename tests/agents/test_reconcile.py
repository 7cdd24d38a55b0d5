"""A repair before activate: judged among the live events, and alone."""

import asyncio
from dataclasses import replace

import pytest

from agents.activate import turn
from agents.context import Context
from agents.engine.kafka import Record
from agents.reconcile import Reconciler
from agents.reentry import event_again
from streams.actions.activation import Activation, decode_activation
from streams.audiences.row import decode_row
from streams.destination.reading import destination_of
from streams.events.model import ReplayMode
from streams.events.origin import Origin
from streams.klaviyo.rosters import Member
from streams.replay.reconcile import Comparison
from streams.replay.repairs import repairs
from streams.replay.words import Listed
from tests.agents.fakes import (
    FakeProducer,
    FakeTable,
    context,
    delivered,
    partition,
    record,
)
from tests.journeys.events import moves

LANES = ("t.activations.lists", "t.activations.consent")

SUBSCRIBES = {
    "settings": {"sync_audiences": True},
    "mappings": [
        {
            "name": "Welcome",
            "action": "subscribeProfile",
            "trigger": 'type = "track"',
            "fields": {
                "email": {"@path": "$.context.traits.email"},
                "list_id": "L1",
            },
        }
    ],
}


def entered(*, entered: bool = True, at_s: int = 0, offset: int = 0) -> Record:
    """One event of a user."""
    [(user, value)] = moves(["u-1"], "vip", entered=entered, at_s=at_s)
    return record(value, key=user.encode(), offset=offset, topic="t.events")


def turned(services: Context, *records: Record) -> None:
    """Let activate take them."""
    part = partition("t.events")
    asyncio.run(turn(services, [(part, delivered(part, *records))]))


def told(producer: FakeProducer) -> list[Activation]:
    """Everything on a lane."""
    return [
        decode_activation(message.value)
        for lane in LANES
        for message in producer.to(lane)
    ]


def repaired(services: Context, members: list[Member]) -> list[Record]:
    """The repairs of a list as they lie on the events topic."""
    table = services.memberships
    assert isinstance(table, FakeTable)
    rows = {key.decode(): decode_row(value) for key, value in table.rows.items()}
    [words] = Listed(services.destination, {}).words(rows).values()
    work = Reconciler(services.settings, services.destination, say=lambda _: None)
    comparison = Comparison(words, members)
    comparison.tell("u-1", {"external_id": "u-1"})
    found = comparison.differences()
    sent = [work.message(one, "r-1") for one in repairs(found)]
    return [
        record(one.value, key=one.key, topic=one.topic, headers=tuple(one.headers))
        for one in sent
    ]


def test_a_repair_is_told_again_while_the_table_still_says_so() -> None:
    """As one of its replay."""
    producer = FakeProducer()
    services = context(producer)
    turned(services, entered())
    producer.sent.clear()

    turned(services, *repaired(services, []))

    assert [(one.action, one.replay) for one in told(producer)] == [
        ("addProfileToList", "r-1")
    ]


@pytest.mark.parametrize("inside", [True, False], ids=["missing", "unexpected"])
def test_a_live_change_between_reading_and_repair_wins(*, inside: bool) -> None:
    """The repair ends as stale."""
    producer = FakeProducer()
    services = context(producer)
    turned(services, entered(entered=inside))
    members = [] if inside else [Member(profile_id="P", external_id="u-1")]
    repairs_ = repaired(services, members)
    turned(services, entered(entered=not inside, at_s=60, offset=1))
    producer.sent.clear()

    turned(services, *repairs_)

    assert len(repairs_) == 1
    assert told(producer) == []
    assert [item.reason for item in producer.outcomes()] == ["stale"]


def test_a_repair_repeats_nothing_else_that_its_record_caused() -> None:
    """Whoever has unsubscribed since is subscribed by nothing that is replayed."""
    producer = FakeProducer()
    services = replace(context(producer), destination=destination_of(SUBSCRIBES))
    first = entered()
    turned(services, first)
    both = {one.action for one in told(producer)}
    repairs_ = repaired(services, [])
    producer.sent.clear()

    turned(services, *repairs_)
    alone = {one.action for one in told(producer)}
    again = event_again(
        services.settings.topics,
        first.value,
        key=first.key,
        origin=Origin(topic="t.events", partition=0, offset=0),
        source_ms=0,
        replay="r-2",
        mode=ReplayMode.AGAIN,
    )
    turned(services, record(again.value, key=again.key, headers=tuple(again.headers)))

    assert both == {"addProfileToList", "subscribeProfile"}
    assert alone == {"addProfileToList"}
    assert {one.action for one in told(producer)} == {"addProfileToList"}
