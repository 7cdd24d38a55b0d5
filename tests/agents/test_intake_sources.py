"""Stage intake: records of sources in another format than Segment JSON."""

from typing import Any

import orjson
import pytest
import structlog

from agents.engine.kafka import Record
from agents.intake import process_records
from agents.shared.records import build_dead_letter, read_record
from agents.shared.reprocess import requeue_event
from streams.dead_letters.encoding import decode_dead_letter, encode_headers
from streams.delivery.outcome import Stage
from streams.delivery.verdict import Verdict
from streams.destination.loader import compile_destination
from streams.errors import PoisonRecord
from streams.events.canonical_event import Origin
from tests.support.worker_fakes import (
    NOW_MS,
    FakeProducer,
    context,
    record,
    run,
    settings,
)

SOURCES = {
    "people": {
        "topic": "t.people",
        "format": "rows",
        "key": ["id"],
        "user_id": "id",
        "email": "mail",
        "model": "customers",
    },
    "shop": {
        "topic": "t.shop",
        "format": "custom",
        "event": {
            "type": "track",
            "event": {"@path": "$.what"},
            "userId": {"@path": "$.who"},
        },
    },
}
DESTINATION = compile_destination({"sources": SOURCES})
TOPICS = settings().topics


def _processed(*records: Record) -> FakeProducer:
    producer = FakeProducer()
    run(process_records(context(producer, destination=DESTINATION), records))
    return producer


def _record(topic: str, value: Any, **fields: Any) -> Record:  # noqa: ANN401 - JSON, aiokafka's fields
    raw = None if value is None else orjson.dumps(value)
    return record(raw, topic=topic, **fields)


def test_a_row_becomes_a_row_event_keyed_by_its_user() -> None:
    """The columns named by the source identify the person."""
    row = {"id": 7, "mail": "ada@example.com", "vip": None}

    [event] = _processed(_record("t.people", row)).to(TOPICS.events)

    body = orjson.loads(event.value or b"")
    assert event.key == b"7"
    assert body["event"] == "updated"
    assert body["properties"] == row
    assert body["__segment_id"] == "7"
    assert body["context"]["row"] == {"model": "customers", "source": "people"}
    assert body["context"]["traits"] == {"email": "ada@example.com"}


def test_a_null_value_is_a_deletion_by_the_key_of_the_record() -> None:
    """The key is all that is left of a row that is gone."""
    gone = _record("t.people", None, key=b'{"id": 7}')

    [event] = _processed(gone).to(TOPICS.events)

    body = orjson.loads(event.value or b"")
    assert (body["event"], body["__segment_id"]) == ("deleted", "7")


def test_the_same_row_has_the_same_message_id_each_time() -> None:
    """A record that comes twice is one event; a changed row is another one."""
    records = [
        _record("t.people", {"id": 7, "vip": vip}, offset=offset)
        for vip, offset in ((True, 3), (True, 3), (False, 4))
    ]

    events = _processed(*records).to(TOPICS.events)

    first, second, third = (
        orjson.loads(event.value or b"")["messageId"] for event in events
    )
    assert first == second != third


def test_an_object_of_the_users_own_is_mapped_to_an_event() -> None:
    """Directives of the source make the event."""
    [event] = _processed(_record("t.shop", {"what": "Bought", "who": "u1"})).sent

    assert event.key == b"u1"
    assert orjson.loads(event.value or b"")["event"] == "Bought"


def test_a_record_that_cannot_be_read_stops_nothing() -> None:
    """The dead letter has the producer's headers, which some formats need."""
    bad = record(b"{", topic="t.people", headers=(("id", b"\x01"),), key=b"1")

    producer = _processed(bad, _record("t.people", {"id": 8}, offset=1))

    [failed] = producer.to(TOPICS.deadletters)
    dead_letter = decode_dead_letter(failed.headers, key=failed.key, value=failed.value)
    assert dead_letter is not None
    assert dead_letter.code == "not-json"
    assert dead_letter.source_headers == {"id": b"\x01"}
    assert not dead_letter.is_canonical
    assert len(producer.to(TOPICS.events)) == 1
    assert [item.verdict for item in producer.outcomes()] == [Verdict.DEAD_LETTER]


def test_a_requeued_record_keeps_the_format_of_its_source() -> None:
    """Unless its value became an event before it failed."""
    origin = Origin(topic="t.people", partition=0, offset=3)
    event = {"type": "track", "event": "Bought", "userId": "u1"}

    def requeued(value: Any, *, is_canonical: bool) -> Record:  # noqa: ANN401 - JSON
        message = requeue_event(
            TOPICS,
            orjson.dumps(value),
            key=None,
            origin=origin,
            source_ms=NOW_MS,
            replay="r",
            source_headers={"id": b"1"},
            is_canonical=is_canonical,
        )
        return record(
            message.value, topic=TOPICS.reprocess, headers=tuple(message.headers)
        )

    producer = _processed(
        requeued({"id": 7}, is_canonical=False), requeued(event, is_canonical=True)
    )

    row, sent = (orjson.loads(m.value or b"") for m in producer.to(TOPICS.events))
    assert row["event"] == "updated"
    assert sent == event


@pytest.mark.parametrize(
    ("stage", "is_canonical"),
    [
        pytest.param(Stage.INTAKE, False, id="intake"),
        pytest.param(Stage.ACTIVATE, True, id="activate"),
    ],
)
def test_a_dead_letter_knows_whether_its_value_is_an_event(
    stage: Stage, is_canonical: bool
) -> None:
    """Requeued, an event of activate must not be read as a row once more."""
    read = read_record(record(b"{}", topic=TOPICS.events))
    failed = build_dead_letter(stage, read, PoisonRecord("a-fault", "of a test"))

    headers = encode_headers(failed, connector="app")
    decoded = decode_dead_letter(headers, key=None, value=b"{}")

    assert decoded is not None
    assert decoded.is_canonical is is_canonical


def test_a_row_without_a_key_is_a_dead_letter_with_the_fix() -> None:
    """The error names the part of the file to mend."""
    destination = compile_destination(
        {"sources": {"people": {"topic": "t.people", "format": "rows"}}}
    )
    producer = FakeProducer()

    run(
        process_records(
            context(producer, destination=destination),
            [_record("t.people", {"id": 1})],
        )
    )

    [item] = producer.outcomes()
    assert "sources.people.key" in item.reason


def test_a_doubtful_column_is_logged_once() -> None:
    """Each record of the topic has the same doubt; the value is not logged."""
    block = {"topic": "t.db", "format": "debezium"}
    destination = compile_destination({"sources": {"db": block}})
    rows = [{"id": n, "credit": "BNI=", "__op": "u"} for n in range(3)]
    records = [_record("t.db", row, key=orjson.dumps({"id": 1})) for row in rows]

    with structlog.testing.capture_logs() as logged:
        run(process_records(context(FakeProducer(), destination=destination), records))

    [warning] = logged
    assert warning["event"] == "source_column"
    assert warning["problem"].startswith("column credit of source db has neither")
    assert "BNI=" not in warning["problem"]
