"""Outcomes, and their bytes."""

import msgspec
import pytest

from streams.delivery.outcome import (
    OutcomeItem,
    decode_outcome,
    encode_outcomes,
    outcome_item,
)
from streams.delivery.verdict import ItemVerdict, dead_letter, delivered, discarded
from streams.events.canonical_event import Origin

BROKER_MAX_BYTES = 1_048_588
"""Kafka's default `max.message.bytes`."""


def _origin(offset: int = 0, *, topic: str = "source") -> Origin:
    return Origin(topic=topic, partition=0, offset=offset)


@pytest.mark.parametrize(
    "verdict",
    [
        pytest.param(delivered(status=202), id="delivered"),
        pytest.param(discarded("unchanged"), id="discarded"),
        pytest.param(dead_letter("list-gone: words", status=404), id="dead-letter"),
    ],
)
def test_an_item_survives_its_bytes(verdict: ItemVerdict) -> None:
    """Origin, verdict, reason, status and attempts."""
    expected = outcome_item(_origin(5), verdict, message_id="m-1", latency_ms=1_500)

    [value] = encode_outcomes("deliver.lists", [expected], action="addProfileToList")

    read = decode_outcome(value)
    assert read.items == (expected,)
    assert (read.stage, read.action) == ("deliver.lists", "addProfileToList")
    assert expected.verdict is verdict.verdict
    assert (expected.reason, expected.status) == (verdict.reason, verdict.status)


@pytest.mark.parametrize(
    ("count", "records"),
    [
        pytest.param(0, 0, id="nothing-to-say"),
        pytest.param(1, 1, id="one"),
        pytest.param(1_000, 1, id="a-batch"),
        pytest.param(2_000, 2, id="more-than-fits"),
    ],
)
def test_many_items_take_several_records(count: int, records: int) -> None:
    """None lost, order kept."""
    items = [outcome_item(_origin(offset), delivered()) for offset in range(count)]

    read = [decode_outcome(value) for value in encode_outcomes("activate", items)]

    assert len(read) == records
    assert [each for one in read for each in one.items] == items


def test_a_full_record_fits_a_topic_with_default_limits() -> None:
    """With the longest topic name, and ids that JSON writes with six letters each."""
    origin = _origin(2**62, topic="t" * 249)
    expected = OutcomeItem(
        origin=origin,
        verdict=delivered().verdict,
        reason="r" * 80,
        status=202,
        message_id="\x01" * 1_024,
        latency_ms=10**12,
    )

    values = encode_outcomes("deliver.profiles", [expected] * 1_000)

    assert max(map(len, values)) < BROKER_MAX_BYTES
    assert sum(len(decode_outcome(value).items) for value in values) == 1_000


def test_something_else_is_no_outcome() -> None:
    """The value is refused, not guessed."""
    with pytest.raises(msgspec.MsgspecError):
        decode_outcome(b'{"stage": "activate"}')
