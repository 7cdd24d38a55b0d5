"""Records that are taken in again: with their origin, their replay, and its mode."""

import asyncio

import orjson
import pytest

from agents.intake import process_records
from agents.shared.context import stop_key
from streams.destination.loader import compile_destination
from streams.events.canonical_event import (
    FAILED_LANES_HEADER,
    ORIGIN_HEADER,
    REPLAY_HEADER,
)
from tests.journeys.sample_events import START_MS, moves
from tests.support.reprocess_records import (
    SOURCE_ORIGIN,
    activations,
    entered_record,
    replay_headers,
    run_activate,
)
from tests.support.worker_fakes import (
    FakeProducer,
    context,
    record,
)


def test_a_record_taken_in_again_keeps_its_origin_and_names_its_replay() -> None:
    """The record is not new: its first origin decides its order."""
    producer = FakeProducer()

    asyncio.run(
        process_records(
            context(producer), [entered_record("again", topic="t.reprocess")]
        )
    )

    [event] = producer.to("t.events")
    assert dict(event.headers) == dict(replay_headers("again"))


def test_a_source_cannot_name_an_origin_or_a_replay() -> None:
    """Only the project's own topic is believed."""
    producer = FakeProducer()

    asyncio.run(
        process_records(context(producer), [entered_record("again", topic="source")])
    )

    [event] = producer.to("t.events")
    headers = dict(event.headers)
    assert headers[ORIGIN_HEADER] == b"source/0/0"
    assert REPLAY_HEADER not in headers


@pytest.mark.parametrize(
    ("mode", "sent"),
    [
        pytest.param("correct", 0, id="the-same-again-does-nothing"),
        pytest.param("again", 1, id="the-last-word-is-told-again"),
        pytest.param("rebuild", 0, id="only-the-table-learns"),
    ],
)
def test_the_last_word_taken_in_again(mode: str, sent: int) -> None:
    """Reprocess a transition that was written already."""
    producer = FakeProducer()
    services = context(producer)
    [(user, value)] = moves(["u-1"], "vip", entered=True)
    headers = ((ORIGIN_HEADER, str(SOURCE_ORIGIN).encode()),)
    run_activate(services, record(value, key=user.encode(), headers=headers))
    producer.sent.clear()

    run_activate(services, entered_record(mode))

    assert [one.replay for one in activations(producer)] == ["r-1"] * sent
    assert all(item.replay == "r-1" for item in producer.outcomes())


@pytest.mark.parametrize(
    ("failed", "sent"),
    [
        pytest.param((), 0, id="another-mapping-s-part-failed"),
        pytest.param(
            ((FAILED_LANES_HEADER, b"lists,consent"),), 1, id="it-failed-itself"
        ),
    ],
)
def test_a_consent_is_said_again_where_it_failed(
    failed: tuple[tuple[str, bytes], ...], sent: int
) -> None:
    """A dead letter of its lane is requeued from the source."""
    producer = FakeProducer()
    subscribes = compile_destination({"mappings": [{"action": "subscribeProfile"}]})
    services = context(producer, destination=subscribes)
    value = orjson.dumps(
        {
            "type": "track",
            "event": "User Subscribed",
            "userId": "u-1",
            "context": {"traits": {"email": "a@example.com"}},
            "timestamp": START_MS,
        }
    )
    run_activate(services, record(value, key=b"u-1", headers=replay_headers("correct")))
    first = len(producer.to("t.activations.consent"))

    back = record(value, key=b"u-1", headers=replay_headers("again", *failed))
    run_activate(services, back)

    assert first == 1
    assert len(producer.to("t.activations.consent")) - first == sent


@pytest.mark.parametrize("mode", ["correct", "again", "rebuild"])
def test_an_older_word_taken_in_again_undoes_nothing(mode: str) -> None:
    """The user has left since then."""
    producer = FakeProducer()
    services = context(producer)
    [(user, value)] = moves(["u-1"], "vip", entered=False, at_s=60)
    run_activate(services, record(value, key=user.encode()))
    producer.sent.clear()

    run_activate(services, entered_record(mode))

    assert activations(producer) == []


def test_a_lost_table_is_rebuilt_in_silence() -> None:
    """Klaviyo hears nothing, and the row is there again."""
    producer = FakeProducer()
    services = context(producer)

    run_activate(services, entered_record("rebuild"))
    run_activate(services, entered_record("correct"))

    assert activations(producer) == []
    assert [item.reason for item in producer.outcomes()] == ["rebuilt", "duplicate"]


def test_a_stopped_replay_ends_where_it_is() -> None:
    """At intake and at activate."""
    producer = FakeProducer()
    services = context(producer)
    services.replays.rows[stop_key("r-1")] = b"1"

    asyncio.run(
        process_records(services, [entered_record("again", topic="t.reprocess")])
    )
    run_activate(services, entered_record("again"))

    assert [item.reason for item in producer.outcomes()] == ["replay-stopped"] * 2
    assert producer.to("t.events") == []
