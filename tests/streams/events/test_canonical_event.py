"""Tests that an origin is written into headers and parsed again."""

import pytest

from streams.errors import PoisonRecord
from streams.events.canonical_event import Origin


def test_an_origin_survives_its_text() -> None:
    """The text is topic, partition and offset, separated by slashes."""
    origin = Origin(topic="segment-events", partition=3, offset=41)

    assert str(origin) == "segment-events/3/41"
    assert Origin.parse(str(origin)) == origin


@pytest.mark.parametrize(
    "text",
    [
        "",
        "t",
        "t/1",
        "t/1/",
        "/1/2",
        "t/x/2",
        "t/1/-2",
        "t/1/2/x",
        "t/1/2/3/4",
        "t/1/²",
        "t/1/" + "9" * 5_000,
    ],
)
def test_a_text_that_is_no_origin_is_refused(text: str) -> None:
    """A header that another program wrote must not stop a worker."""
    with pytest.raises(PoisonRecord, match="bad-origin"):
        Origin.parse(text)


def test_origins_are_ordered_by_topic_then_partition_then_offset() -> None:
    """Offsets are compared as numbers: 10 comes after 9."""
    origins = [
        Origin(topic="s", partition=0, offset=9),
        Origin(topic="s", partition=0, offset=10),
        Origin(topic="s", partition=2, offset=0),
        Origin(topic="t", partition=0, offset=0),
    ]

    shuffled = [origins[at] for at in (2, 1, 3, 0)]

    assert sorted(shuffled) == origins
