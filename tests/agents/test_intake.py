"""Stage intake: every source record becomes an event or a dead letter."""

from dataclasses import replace

import orjson
import pytest

from agents.engine.kafka import Record
from agents.intake import process_records
from streams.delivery.verdict import Verdict
from streams.events.canonical_event import ORIGIN_HEADER, SOURCE_TIME_HEADER
from tests.cases.malformed import GOOD
from tests.support.worker_fakes import (
    NOW_MS,
    FakeProducer,
    context,
    record,
    run,
    settings,
)

VALUE = orjson.dumps(GOOD)


def _processed(*records: Record) -> FakeProducer:
    producer = FakeProducer()
    run(process_records(context(producer), records))
    return producer


def test_an_event_goes_on_keyed_by_user_with_its_origin() -> None:
    """Value and time untouched, whatever the source record's key was."""
    producer = _processed(record(VALUE, offset=7, key=b"another"))

    [event] = producer.sent
    assert event.topic == "t.events"
    assert event.key == b"user-1"
    assert event.value == VALUE
    assert event.headers == [
        (ORIGIN_HEADER, b"t.in/0/7"),
        (SOURCE_TIME_HEADER, b"%d" % NOW_MS),
    ]


def test_order_is_kept() -> None:
    """Of one poll, over all its records."""
    values = [orjson.dumps(GOOD | {"messageId": str(n)}) for n in range(50)]

    producer = _processed(*(record(v, offset=n) for n, v in enumerate(values)))

    assert [message.value for message in producer.sent] == values


def test_a_bad_record_among_good_ones_is_a_dead_letter_with_an_outcome() -> None:
    """Records beside a bad one are processed."""
    records = [record(VALUE), record(b"{", offset=1, key=b"k"), record(VALUE, offset=2)]

    producer = _processed(*records)

    [dead_letter], [item] = producer.to("t.deadletters"), producer.outcomes()
    assert len(producer.to("t.events")) == 2
    assert (dead_letter.key, dead_letter.value) == (b"k", b"{")
    assert dict(dead_letter.headers)["__connect.errors.offset"] == b"1"
    assert dict(dead_letter.headers)["__connect.errors.stage"] == b"intake"
    assert (item.origin.offset, item.verdict) == (1, Verdict.DEAD_LETTER)
    assert item.reason.startswith("not-json: ")


@pytest.mark.parametrize(
    ("topic_bytes", "max_event_bytes"),
    [
        pytest.param(1_000_000, 2_000, id="than-the-setting"),
        pytest.param(4_000, 1_000_000, id="than-the-events-topic"),
    ],
)
def test_a_record_too_large_to_go_on_is_a_dead_letter(
    topic_bytes: int, max_event_bytes: int
) -> None:
    """The record is not lost because Kafka rejected it."""
    producer = FakeProducer(max_bytes={"t.events": topic_bytes})
    worker_settings = settings(max_event_bytes=max_event_bytes)
    large = orjson.dumps(GOOD | {"pad": "x" * 5_000})

    run(
        process_records(
            context(producer, worker_settings=worker_settings), [record(large)]
        )
    )

    [item] = producer.outcomes()
    assert producer.to("t.events") == []
    assert len(producer.to("t.deadletters")) == 1
    assert item.reason.startswith("too-large: ")


def test_a_bug_of_ours_is_a_dead_letter_that_quotes_nothing() -> None:
    """No record stops the next one, and no value gets into a reason."""
    producer = FakeProducer()

    def broken() -> int:
        raise RuntimeError("somebody@example.com")

    run(process_records(replace(context(producer), now_ms=broken), [record(VALUE)]))

    [item] = producer.outcomes()
    assert item.reason.startswith("internal-error: RuntimeError in broken, line ")
    assert "somebody" not in item.reason
