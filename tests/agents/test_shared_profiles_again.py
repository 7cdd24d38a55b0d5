"""Replays and requeued list changes of users who share a profile."""

from dataclasses import replace

import orjson

from agents.engine.kafka import Record
from agents.engine.producer import Message
from agents.shared.context import Context, stop_key
from streams.actions.intents import Intent, ListAdd, ListRemove
from streams.destination.loader import compile_destination
from tests.support.reprocess_records import (
    activation,
    replay_headers,
    requeued_record,
    run_activate,
)
from tests.support.shared_people import ENTERED, EXITED, SHARED, Event, moved
from tests.support.worker_fakes import FakeProducer, FakeTable, context, record

RULES = {"settings": {"identity": {"shared_profiles": True}}}
EMAIL = {"external_id": "ada", "email": SHARED}


def _event(event: Event, *headers: tuple[str, bytes]) -> Record:
    return record(orjson.dumps(event), key=event["userId"].encode(), headers=headers)


def _run_activate(services: Context, *records: Record) -> list[Message]:
    """Run activate on records and on the claims that it writes; return the claims."""
    producer = services.producer
    assert isinstance(producer, FakeProducer)
    producer.sent.clear()
    run_activate(services, *records)
    claims = producer.to("t.events")
    run_activate(
        services,
        *(
            record(claim.value, offset=offset, key=claim.key, headers=claim.headers)
            for offset, claim in enumerate(claims)
        ),
    )
    return claims


def _holders(services: Context) -> list[bytes]:
    table = services.user_states
    assert isinstance(table, FakeTable)
    return sorted(key for key in table.entries() if b"\0holder\0" in key)


def test_a_rebuild_of_the_table_restores_the_edges() -> None:
    """Without a record on a lane, and with one outcome."""
    destination, rebuilt_producer = compile_destination(RULES), FakeProducer()
    before = context(FakeProducer(), destination=destination)
    rebuilt = context(rebuilt_producer, destination=destination)
    event = moved(ENTERED, "ada", 1)

    _run_activate(before, _event(event))
    _run_activate(rebuilt, _event(event, *replay_headers("rebuild")))

    assert len(_holders(before)) == 1
    assert _holders(rebuilt) == _holders(before)
    assert rebuilt_producer.to("t.activations.lists") == []
    assert [one.reason for one in rebuilt_producer.outcomes()] == ["rebuilt"]


def test_members_who_are_sent_again_get_their_edges() -> None:
    """As by `reconcile --resync`, after the setting was switched on."""
    services = context(FakeProducer())
    _run_activate(services, _event(moved(ENTERED, "ada", 1)))
    assert _holders(services) == []
    services = replace(services, destination=compile_destination(RULES))
    add = ListAdd(list_id="", profile=EMAIL)

    claims = _run_activate(services, _requeued(add, services))

    assert len(claims) == len(_holders(services)) == 1


def _requeued(intent: Intent, services: Context) -> Record:
    """Return an activation of the user's last write, on its way back."""
    table = services.user_states
    assert isinstance(table, FakeTable)
    write = table.state_of(b"ada").membership("vip")
    assert write
    change = activation(
        user="ada", intent=intent, time_ms=write.time_ms, origin=write.origin
    )
    return replace(requeued_record(change), key=b"ada")


def test_a_requeued_removal_waits_for_the_other_users_too() -> None:
    """A removal of the profile of a previous address is no exit of the user."""
    producer = FakeProducer()
    services = context(producer, destination=compile_destination(RULES))
    _run_activate(services, _event(moved(ENTERED, "ada", 1)))
    removal = ListRemove(list_id="", identifiers=EMAIL)

    _run_activate(services, _requeued(removal, services))
    while_inside = [one.reason for one in producer.outcomes()]
    _run_activate(
        services,
        _event(moved(ENTERED, "bob", 2)),
        _event(moved(EXITED, "ada", 3)),
    )
    _run_activate(services, _requeued(removal, services))

    assert while_inside == ["stale"]
    assert [one.reason for one in producer.outcomes()] == ["unchanged: shared"]
    assert producer.to("t.activations.lists") == []


def test_a_stopped_replay_changes_no_user_without_the_edge() -> None:
    """The edge gets what the user's entry has already."""
    producer = FakeProducer()
    services = context(producer, destination=compile_destination(RULES))
    replay = _event(moved(ENTERED, "ada", 1), *replay_headers("correct"))
    run_activate(services, replay)
    [claim] = producer.to("t.events")
    services.replays.rows[stop_key("r-1")] = b"1"

    run_activate(services, record(claim.value, key=claim.key, headers=claim.headers))

    assert len(_holders(services)) == 1
    assert len(producer.to("t.activations.lists")) == 1
