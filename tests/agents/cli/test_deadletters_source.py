"""Dead letters made anew from their source, against a broker in this process."""

import json
from collections.abc import Iterator

import pytest

from agents.admin.topic_reader import read_topic
from agents.engine.producer import Message
from streams.dead_letters.encoding import VALUE_MAX_BYTES
from streams.events.origin import Origin
from tests.agents.cli.support.dead_letter_harness import (
    DeadLetterHarness,
    dead_letter_at,
    open_harness,
)

CUT = VALUE_MAX_BYTES + 1


@pytest.fixture
def desk() -> Iterator[DeadLetterHarness]:
    """Empty topics."""
    with open_harness() as desk:
        yield desk


def _publish_source(
    desk: DeadLetterHarness, value: bytes, *, count: int = 1
) -> list[int]:
    desk.publisher.publish([Message("source", b"sk", value, [], 0)] * count)
    records = read_topic(desk.kafka, "source")
    return [record.timestamp()[1] for record in records][-count:]


def test_one_that_was_cut_is_sent_whole_from_its_source(
    desk: DeadLetterHarness,
) -> None:
    """Its own value is of no use; one whose source is gone is said and counted."""
    [source_ms] = _publish_source(desk, b"whole")
    long = {"value": b"x" * CUT, "source_ms": source_ms}
    desk.publish_dead_letters(dead_letter_at(0, **long), dead_letter_at(7, **long))

    told = desk.output_of("requeue", "--all", "--apply", code=1)

    assert desk.modes("t.reprocess") == [(b"again", b"sk", b"whole")]
    assert "1 read again from the source topic" in told
    assert "cannot requeue 1, source-missing: 0/1" in told
    assert json.loads(desk.output_of("list", "--json"))["count"] == 1


def test_another_record_in_the_source_s_place_is_not_sent(
    desk: DeadLetterHarness,
) -> None:
    """The topic was made anew since: that record is somebody else's."""
    [source_ms] = _publish_source(desk, b"another")
    desk.publish_dead_letters(dead_letter_at(0, source_ms=source_ms - 1))

    told = desk.output_of("requeue", "--all", "--from-source", "--apply", code=1)

    assert "cannot requeue 1, source-missing" in told
    assert desk.values("t.reprocess") == []


def test_far_and_near_source_records_are_found(desk: DeadLetterHarness) -> None:
    """Read on over a few, sought over many, and none is taken for another."""
    times = _publish_source(desk, b"v", count=3_000)
    wanted = (0, 1, 5, 2_900, 2_999)
    desk.publish_dead_letters(
        *(dead_letter_at(at, source_ms=times[at]) for at in wanted)
    )

    told = desk.output_of("requeue", "--all", "--from-source", "--apply")

    assert "requeued 5 dead letters as 5 records" in told
    origins = desk.headers("t.reprocess", "ks.origin")
    assert sorted(origins) == sorted(b"source/0/%d" % at for at in wanted)


def test_one_that_is_too_large_for_the_journey_is_left(desk: DeadLetterHarness) -> None:
    """It would come back as a dead letter, or stop the command."""
    [source_ms] = _publish_source(desk, b"x" * 1_000_001)
    desk.publish_dead_letters(dead_letter_at(0, source_ms=source_ms))

    told = desk.output_of("requeue", "--all", "--from-source", code=1)

    assert "cannot requeue 1, too-large" in told
    assert "max_event_bytes" in told


def test_a_record_of_our_own_topics_is_no_source(desk: DeadLetterHarness) -> None:
    """Read as an event it would be a dead letter again."""
    desk.publisher.publish([Message("t.events", None, b"v", [], 0)])
    desk.publish_dead_letters(
        dead_letter_at(origin=Origin(topic="t.events", partition=0, offset=0))
    )

    told = desk.output_of("requeue", "--all", "--from-source", "--apply", code=1)

    assert "cannot requeue 1, no-source: 0/0" in told
    assert desk.values("t.reprocess") == []
