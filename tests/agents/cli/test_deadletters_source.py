"""Dead letters made anew from their source, against a broker in this process."""

import json
from collections.abc import Iterator

import pytest

from agents.admin.topic_reader import read_topic
from agents.engine.producer import Message
from streams.dead_letters.encoding import VALUE_MAX_BYTES
from streams.dead_letters.record import SYNC_ORIGIN
from streams.events.canonical_event import Origin
from tests.agents.cli.support.dead_letter_harness import (
    DeadLetterHarness,
    dead_letter_at,
    open_harness,
)

CUT = VALUE_MAX_BYTES + 1


@pytest.fixture
def harness() -> Iterator[DeadLetterHarness]:
    """Open a harness with empty topics."""
    with open_harness() as harness:
        yield harness


def _publish_source(
    harness: DeadLetterHarness, value: bytes, *, count: int = 1
) -> list[int]:
    harness.publisher.publish([Message("source", b"sk", value, [], 0)] * count)
    records = read_topic(harness.kafka, "source")
    return [record.timestamp()[1] for record in records][-count:]


def test_one_that_was_cut_is_sent_whole_from_its_source(
    harness: DeadLetterHarness,
) -> None:
    """A truncated value is replaced by its source record, if that still exists."""
    [source_ms] = _publish_source(harness, b"whole")
    long = {"value": b"x" * CUT, "source_ms": source_ms}
    harness.publish_dead_letters(dead_letter_at(0, **long), dead_letter_at(7, **long))

    output = harness.output_of("requeue", "--all", "--apply", code=1)

    assert harness.modes("t.reprocess") == [(b"again", b"sk", b"whole")]
    assert "1 read again from the source topic" in output
    assert "cannot requeue 1, source-missing: 0/1" in output
    assert json.loads(harness.output_of("list", "--json"))["count"] == 1


def test_another_record_in_the_source_s_place_is_not_sent(
    harness: DeadLetterHarness,
) -> None:
    """The topic was made anew since: that record is somebody else's."""
    [source_ms] = _publish_source(harness, b"another")
    harness.publish_dead_letters(dead_letter_at(0, source_ms=source_ms - 1))

    output = harness.output_of("requeue", "--all", "--from-source", "--apply", code=1)

    assert "cannot requeue 1, source-missing" in output
    assert harness.values("t.reprocess") == []


def test_far_and_near_source_records_are_found(harness: DeadLetterHarness) -> None:
    """Read on over a few, sought over many, and none is taken for another."""
    times = _publish_source(harness, b"v", count=3_000)
    wanted = (0, 1, 5, 2_900, 2_999)
    harness.publish_dead_letters(
        *(dead_letter_at(at, source_ms=times[at]) for at in wanted)
    )

    output = harness.output_of("requeue", "--all", "--from-source", "--apply")

    assert "requeued 5 dead letters as 5 records" in output
    origins = harness.headers("t.reprocess", "ks.origin")
    assert sorted(origins) == sorted(b"source/0/%d" % at for at in wanted)


def test_one_that_is_too_large_for_the_journey_is_left(
    harness: DeadLetterHarness,
) -> None:
    """A source record that is too large is reported and not sent."""
    [source_ms] = _publish_source(harness, b"x" * 1_000_001)
    harness.publish_dead_letters(dead_letter_at(0, source_ms=source_ms))

    output = harness.output_of("requeue", "--all", "--from-source", code=1)

    assert "cannot requeue 1, too-large" in output
    assert "max_event_bytes" in output


def test_a_record_of_our_own_topics_is_no_source(harness: DeadLetterHarness) -> None:
    """Read as an event it would be a dead letter again."""
    harness.publisher.publish([Message("t.events", None, b"v", [], 0)])
    harness.publish_dead_letters(
        dead_letter_at(origin=Origin(topic="t.events", partition=0, offset=0))
    )

    output = harness.output_of("requeue", "--all", "--from-source", "--apply", code=1)

    assert "cannot requeue 1, no-source: 0/0" in output
    assert harness.values("t.reprocess") == []


def test_a_requeued_record_has_what_its_format_needs(
    harness: DeadLetterHarness,
) -> None:
    """The producer's headers, and whether the value is an event already."""
    harness.publish_dead_letters(
        dead_letter_at(source_headers={"ce_id": b"7"}, is_canonical=True)
    )

    harness.output_of("requeue", "--all", "--apply")

    assert harness.headers("t.reprocess", "ks.source.ce_id") == [b"7"]
    assert harness.headers("t.reprocess", "ks.canonical") == [b"1"]


def test_a_record_from_its_source_has_the_headers_that_it_has_there(
    harness: DeadLetterHarness,
) -> None:
    """The value is in the format of the source, whatever the dead letter holds."""
    harness.publisher.publish([Message("source", b"k", b"v", [("ce_id", b"8")], 0)])
    [record] = read_topic(harness.kafka, "source")
    harness.publish_dead_letters(
        dead_letter_at(source_ms=record.timestamp()[1], is_canonical=True)
    )

    harness.output_of("requeue", "--all", "--from-source", "--apply")

    assert harness.headers("t.reprocess", "ks.source.ce_id") == [b"8"]
    [requeued] = read_topic(harness.kafka, "t.reprocess")
    assert "ks.canonical" not in dict(requeued.headers() or [])


@pytest.mark.parametrize(
    "options",
    [
        pytest.param((), id="as-it-is"),
        pytest.param(("--from-source",), id="from-the-source"),
    ],
)
def test_rows_of_a_sync_are_not_requeued(
    harness: DeadLetterHarness, options: tuple[str, ...]
) -> None:
    """Only the database has them; the next run of the sync reads each again."""
    origin = Origin(topic=f"{SYNC_ORIGIN}people", partition=0, offset=3)
    rows = [dead_letter_at(origin=origin.of_event(n)) for n in (1, 2)]
    harness.publish_dead_letters(*rows)

    output = harness.output_of("requeue", "--all", *options, "--apply", code=1)

    assert "cannot requeue 2, row-of-sync" in output
    assert "the next run reads it again" in output
    assert harness.values("t.reprocess") == []
