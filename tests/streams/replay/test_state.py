"""How far a replay is, as it is written down."""

from streams.events.model import ReplayMode
from streams.replay.selection import Selection
from streams.replay.state import (
    ReplayState,
    Status,
    decode_state,
    encode_state,
    remaining_s,
)

STATE = ReplayState(
    id="r",
    selection=Selection(
        topic="s", spans={3: (1, None)}, user="u", mode=ReplayMode.AGAIN
    ),
    ends={3: (1, 101), 4: (0, 50)},
    position={3: 51},
    read=50,
    fed=7,
    status=Status.FED,
)


def test_what_is_written_is_read() -> None:
    """With numbers as the names of partitions."""
    assert decode_state(encode_state(STATE)) == STATE


def test_the_rest_and_its_time() -> None:
    """Nobody knows the time of a rest at no rate."""
    assert (STATE.total, STATE.left) == (150, 100)
    assert remaining_s(STATE, per_s=50.0) == 2.0
    assert remaining_s(STATE, per_s=0.0) is None
