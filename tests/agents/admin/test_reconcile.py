"""The activate stage decides on a repair in order with the live events."""

import asyncio
from dataclasses import replace

import pytest

from agents.activate import process_batch
from agents.admin.reconcile import Reconciler
from agents.engine.kafka import Record
from agents.shared.context import Context
from agents.shared.reprocess import requeue_event
from streams.actions.activation import Activation, decode_activation
from streams.destination.loader import compile_destination
from streams.events.canonical_event import Origin, ReplayMode
from streams.klaviyo.lookups.lists import ListMember
from streams.reconcile.comparison import Comparison
from streams.reconcile.desired_memberships import ListIndex
from streams.reconcile.repairs import build_repairs
from streams.state.user_entries import UserEntries
from tests.journeys.sample_events import moves
from tests.support.worker_fakes import (
    FakeProducer,
    FakeTable,
    context,
    partition,
    record,
    track_records,
)

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


def membership_event(*, entered: bool = True, at_s: int = 0, offset: int = 0) -> Record:
    """Build the record of an audience event of one user."""
    [(user, value)] = moves(["u-1"], "vip", entered=entered, at_s=at_s)
    return record(value, key=user.encode(), offset=offset, topic="t.events")


def activate_records(services: Context, *records: Record) -> None:
    """Pass records to the activate stage."""
    part = partition("t.events")
    asyncio.run(process_batch(services, [(part, track_records(part, *records))]))


def lane_activations(producer: FakeProducer) -> list[Activation]:
    """Return all activations on the lanes."""
    return [
        decode_activation(message.value)
        for topic in LANES
        for message in producer.to(topic)
    ]


def build_repair_records(services: Context, members: list[ListMember]) -> list[Record]:
    """Return the repairs of a list as records of the events topic."""
    table = services.user_states
    assert isinstance(table, FakeTable)
    entries = UserEntries(memberships=table.state_of(b"u-1").memberships)
    users = {"u-1": entries}
    [desired] = ListIndex(services.destination, {}).build_desired(users).values()
    reconciler = Reconciler(
        services.settings, services.destination, report=lambda _: None
    )
    comparison = Comparison(desired, members)
    comparison.add_identity("u-1", {"external_id": "u-1"})
    differences = comparison.find_differences()
    messages = [
        reconciler.build_message(activation, "r-1")
        for activation in build_repairs(differences)
    ]
    return [
        record(
            message.value,
            key=message.key,
            topic=message.topic,
            headers=tuple(message.headers),
        )
        for message in messages
    ]


def test_a_repair_is_sent_while_the_table_still_agrees() -> None:
    """The repair has the replay's id."""
    producer = FakeProducer()
    services = context(producer)
    activate_records(services, membership_event())
    producer.sent.clear()

    activate_records(services, *build_repair_records(services, []))

    assert [
        (activation.action, activation.replay)
        for activation in lane_activations(producer)
    ] == [("addProfileToList", "r-1")]


@pytest.mark.parametrize("inside", [True, False], ids=["missing", "unexpected"])
def test_a_live_change_between_reading_and_repair_wins(*, inside: bool) -> None:
    """The repair gets the outcome `stale`."""
    producer = FakeProducer()
    services = context(producer)
    activate_records(services, membership_event(entered=inside))
    members = [] if inside else [ListMember(profile_id="P", external_id="u-1")]
    repair_records = build_repair_records(services, members)
    activate_records(services, membership_event(entered=not inside, at_s=60, offset=1))
    producer.sent.clear()

    activate_records(services, *repair_records)

    assert len(repair_records) == 1
    assert lane_activations(producer) == []
    assert [item.reason for item in producer.outcomes()] == ["stale"]


def test_a_repair_repeats_nothing_else_that_its_record_caused() -> None:
    """A replayed record never subscribes a user who has unsubscribed since."""
    producer = FakeProducer()
    services = replace(context(producer), destination=compile_destination(SUBSCRIBES))
    first = membership_event()
    activate_records(services, first)
    both = {activation.action for activation in lane_activations(producer)}
    repair_records = build_repair_records(services, [])
    producer.sent.clear()

    activate_records(services, *repair_records)
    alone = {activation.action for activation in lane_activations(producer)}
    requeued = requeue_event(
        services.settings.topics,
        first.value,
        key=first.key,
        origin=Origin(topic="t.events", partition=0, offset=0),
        source_ms=0,
        replay="r-2",
        mode=ReplayMode.RESEND,
    )
    activate_records(
        services,
        record(requeued.value, key=requeued.key, headers=tuple(requeued.headers)),
    )

    assert both == {"addProfileToList", "subscribeProfile"}
    assert alone == {"addProfileToList"}
    assert {activation.action for activation in lane_activations(producer)} == {
        "addProfileToList"
    }
