"""Resolutions belong to an offset and to the timestamp of its dead letter."""

import pytest

from streams.dead_letters.record import TopicOffset
from streams.dead_letters.resolutions import (
    Resolution,
    ResolutionAction,
    decode_resolution,
    encode_resolution,
    is_resolved,
    resolution_for,
)
from tests.support.dead_letter_records import TIMESTAMP_MS, stored_dead_letter

RESOLUTION = Resolution(
    action=ResolutionAction.REQUEUED, at_ms=TIMESTAMP_MS + 1, replay="r-1"
)


def test_a_row_is_read_as_it_was_written() -> None:
    """Key and value are read back."""
    row = resolution_for(RESOLUTION, stored_dead_letter("3/17"))

    assert decode_resolution(b"3/17", encode_resolution(row)) == (
        TopicOffset(3, 17),
        row,
    )
    assert row.dead_letter_ms == TIMESTAMP_MS


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param(None, encode_resolution(RESOLUTION), id="no-key"),
        pytest.param(b"here", encode_resolution(RESOLUTION), id="no-place"),
        pytest.param(b"\xff/1", encode_resolution(RESOLUTION), id="no-text"),
        pytest.param(b"3/17", None, id="taken-back"),
        pytest.param(b"3/17", b"{}", id="no-action"),
    ],
)
def test_what_is_no_row_handles_nothing(key: bytes | None, value: bytes | None) -> None:
    """The dead letter stays in the list."""
    assert decode_resolution(key, value) is None


@pytest.mark.parametrize(
    ("topic_offset", "at_ms", "handled"),
    [
        pytest.param("3/17", TIMESTAMP_MS, True, id="that-one"),
        pytest.param("3/18", TIMESTAMP_MS, False, id="another"),
        pytest.param("3/17", TIMESTAMP_MS + 9, False, id="the-topic-was-made-anew"),
    ],
)
def test_who_counts_as_handled(topic_offset: str, at_ms: int, *, handled: bool) -> None:
    """A dead letter that came later to the same offset does not."""
    rows = {TopicOffset(3, 17): resolution_for(RESOLUTION, stored_dead_letter("3/17"))}

    assert (
        is_resolved(stored_dead_letter(topic_offset, timestamp_ms=at_ms), rows)
        is handled
    )
