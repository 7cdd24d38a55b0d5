"""The tap of a replay: what happens now goes first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.replay.pace import SAVED_S, Feed, filled, spent

TAP = Feed(per_s=1_000.0, ahead_max=500)


@pytest.mark.parametrize("per_s", [1.0, 2.5, 3.9, 4.0, 1_000.0])
def test_it_gives_its_rate_and_no_more(per_s: float) -> None:
    """Over a minute of ticks; a slow one loses what is left of a tick."""
    tap, given_out = Feed(per_s=per_s, ahead_max=500), 0

    for tick in range(1, 1_201):
        tap = filled(tap, now_s=tick * 0.05, waiting=0)
        given_out += int(tap.credit)
        tap = spent(tap, int(tap.credit))

    assert 48 * per_s <= given_out <= 60 * per_s


def test_while_much_waits_nothing_is_taken_in() -> None:
    """Nor is anything saved up for later."""
    tap = filled(TAP, now_s=10.0, waiting=500)
    after = filled(tap, now_s=10.01, waiting=0)

    assert tap.credit == 0
    assert after.credit < 11


@given(st.floats(0, 100), st.integers(0, 1_000))
def test_no_burst_stands_before_the_present(passed_s: float, waiting: int) -> None:
    """However long the pause was."""
    tap = filled(TAP, now_s=passed_s, waiting=waiting)

    assert 0 <= tap.credit <= min(TAP.per_s * SAVED_S, max(500 - waiting, 0))
