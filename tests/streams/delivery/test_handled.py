"""What was done with a dead letter is known by its place, and by when it came."""

import pytest

from streams.delivery.handled import (
    Action,
    Handled,
    encode,
    is_handled,
    of,
    read_row,
)
from streams.delivery.letters import Place
from tests.streams.delivery.letters import AT_MS, kept

NOTED = Handled(action=Action.REQUEUED, at_ms=AT_MS + 1, replay="r-1")


def test_a_row_is_read_as_it_was_written() -> None:
    """Key and value."""
    row = of(NOTED, kept("3/17"))

    assert read_row(b"3/17", encode(row)) == (Place(3, 17), row)
    assert row.letter_ms == AT_MS


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param(None, encode(NOTED), id="no-key"),
        pytest.param(b"here", encode(NOTED), id="no-place"),
        pytest.param(b"\xff/1", encode(NOTED), id="no-text"),
        pytest.param(b"3/17", None, id="taken-back"),
        pytest.param(b"3/17", b"{}", id="no-action"),
    ],
)
def test_what_is_no_row_handles_nothing(key: bytes | None, value: bytes | None) -> None:
    """Its dead letter stays on the list."""
    assert read_row(key, value) is None


@pytest.mark.parametrize(
    ("place", "at_ms", "handled"),
    [
        pytest.param("3/17", AT_MS, True, id="that-one"),
        pytest.param("3/18", AT_MS, False, id="another"),
        pytest.param("3/17", AT_MS + 9, False, id="the-topic-was-made-anew"),
    ],
)
def test_who_counts_as_handled(place: str, at_ms: int, *, handled: bool) -> None:
    """One that came later to the same place does not."""
    rows = {Place(3, 17): of(NOTED, kept("3/17"))}

    assert is_handled(kept(place, at_ms=at_ms), rows) is handled
