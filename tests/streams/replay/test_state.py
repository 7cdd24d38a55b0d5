"""Progress of a replay, as the replays topic stores it."""

from streams.events.canonical_event import ReplayMode
from streams.replay.selection import ReplaySelection
from streams.replay.state import (
    ReplayState,
    ReplayStatus,
    decode_state,
    encode_state,
    estimate_remaining_s,
)

STATE = ReplayState(
    id="r",
    selection=ReplaySelection(
        topic="s", offset_ranges={3: (1, None)}, user="u", mode=ReplayMode.RESEND
    ),
    bounds={3: (1, 101), 4: (0, 50)},
    positions={3: 51},
    records_read=50,
    records_published=7,
    status=ReplayStatus.PUBLISHED,
)


def test_what_is_written_is_read() -> None:
    """Partitions as keys stay numbers."""
    assert decode_state(encode_state(STATE)) == STATE


def test_remaining_offsets_and_time() -> None:
    """The remaining time is unknown at a rate of 0."""
    assert (STATE.total, STATE.remaining) == (150, 100)
    assert estimate_remaining_s(STATE, per_s=50.0) == 2.0
    assert estimate_remaining_s(STATE, per_s=0.0) is None
