"""The pace of one endpoint, with the clock as an argument."""

import pytest

from streams.pacing.signals import Outcome, Signals
from streams.pacing.window import (
    BURST_WINDOW_S,
    STEADY_WINDOW_S,
    Pace,
    Quota,
    fed,
    next_free_s,
    spend,
)

_QUOTA = Quota(burst_per_s=3, steady_per_min=10)
_SERVED = Signals(outcome=Outcome.SERVED)


def spent(count: int, *, at_s: float = 0.0, quota: Quota = _QUOTA) -> Pace:
    """Spend requests all at once."""
    pace = Pace(quota=quota)
    for _ in range(count):
        pace = spend(pace, now_s=at_s)
    return pace


def answered(pace: Pace, signals: Signals, *, now_s: float = 0.0) -> Pace:
    """Take in an answer, with the luck of the middle."""
    return fed(pace, signals, now_s=now_s, chance=0.5)


@pytest.mark.parametrize(
    ("count", "now_s", "wait_s"),
    [
        pytest.param(0, 0.0, 0.0, id="fresh"),
        pytest.param(2, 0.0, 0.0, id="room-in-the-burst"),
        pytest.param(3, 0.0, BURST_WINDOW_S, id="burst-spent"),
        pytest.param(3, 1.0, BURST_WINDOW_S - 1.0, id="burst-nearly-over"),
        pytest.param(3, 2.0, 0.0, id="burst-over"),
        pytest.param(10, 2.0, STEADY_WINDOW_S - 2.0, id="steady-spent"),
        pytest.param(10, 60.0, 0.0, id="steady-over"),
    ],
)
def test_both_windows_hold_a_request_back(
    count: int, now_s: float, wait_s: float
) -> None:
    """The later of the two decides."""
    assert next_free_s(spent(count), now_s=now_s) == pytest.approx(wait_s)


def test_no_second_of_any_clock_holds_more_than_the_burst() -> None:
    """A minute of a hungry sender, looked at from every alignment."""
    pace, now_s, sent_s = Pace(quota=Quota(burst_per_s=3, steady_per_min=999)), 0.0, []
    while now_s < STEADY_WINDOW_S:
        now_s += next_free_s(pace, now_s=now_s)
        pace = spend(pace, now_s=now_s)
        sent_s.append(now_s)

    assert len(sent_s) > 150
    assert all(sum(edge <= at_s < edge + 1 for at_s in sent_s) <= 3 for edge in sent_s)


@pytest.mark.parametrize(
    ("remaining", "reset_s", "wait_s"),
    [
        pytest.param(5, 20, 0.0, id="others-left-some"),
        pytest.param(0, 20, 20.0, id="others-used-it-up"),
        pytest.param(1, 20, 20.0, id="the-last-one-is-in-flight"),
        pytest.param(0, 0, 0.0, id="reset-now"),
    ],
)
def test_what_other_tools_use_is_left_to_them(
    remaining: int, reset_s: float, wait_s: float
) -> None:
    """RateLimit headers replace our own count; what is in flight is still to come."""
    signals = Signals(outcome=Outcome.SERVED, remaining=remaining, reset_s=reset_s)

    pace = answered(spent(2), signals)

    assert pace.in_flight == 1
    assert next_free_s(pace, now_s=0.0) == pytest.approx(wait_s)


def test_a_new_window_gives_the_full_quota() -> None:
    """After the reset the headers named."""
    signals = Signals(outcome=Outcome.SERVED, remaining=0, reset_s=20)
    pace = answered(spent(1), signals)

    pace = spend(pace, now_s=21.0)

    assert pace.left == _QUOTA.steady_per_min - 1
    assert pace.steady_ends_s == 21.0 + STEADY_WINDOW_S


def test_the_headers_raise_and_lower_the_quota() -> None:
    """What Klaviyo says about the key replaces what is published."""
    signals = Signals(outcome=Outcome.SERVED, burst_per_s=75, steady_per_min=750)

    pace = answered(spent(1), signals)

    assert pace.quota == Quota(burst_per_s=75, steady_per_min=750)


@pytest.mark.parametrize("retry_after_s", [0.0, 1.0, 59.0])
@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_a_wait_is_never_shorter_than_retry_after(
    retry_after_s: float, chance: float
) -> None:
    """Whatever chance says; the jitter comes on top."""
    signals = Signals(outcome=Outcome.THROTTLED, retry_after_s=retry_after_s)

    pace = fed(spent(1), signals, now_s=5.0, chance=chance)

    assert next_free_s(pace, now_s=5.0) >= retry_after_s


def test_a_later_answer_never_shortens_a_wait() -> None:
    """Not a success, not a 429 that asks for less."""
    long = Signals(outcome=Outcome.THROTTLED, retry_after_s=30)
    short = Signals(outcome=Outcome.THROTTLED, retry_after_s=1)

    pace = answered(answered(answered(spent(3), long), short), _SERVED)

    assert next_free_s(pace, now_s=0.0) >= 30


def test_failures_in_a_row_wait_longer_and_a_success_forgets_them() -> None:
    """0.25, 0.5, 1 ... with the luck of the middle."""
    pace, now_s, waits_s = Pace(quota=_QUOTA), 0.0, []
    for _ in range(4):
        pace = answered(spend(pace, now_s=now_s), Signals(outcome=Outcome.FAILED))
        pace = answered(pace, Signals(outcome=Outcome.FAILED), now_s=now_s)
        waits_s.append(pace.held_until_s - now_s)
        now_s = pace.held_until_s

    assert waits_s == pytest.approx([0.25, 0.5, 1.0, 2.0], rel=0.01)
    assert answered(pace, _SERVED, now_s=now_s).failures == 0


def test_failures_during_one_rest_count_once() -> None:
    """Ten requests in flight fail together: that is one outage, not ten."""
    pace = spent(10)
    for _ in range(10):
        pace = answered(pace, Signals(outcome=Outcome.FAILED))

    assert pace.failures == 1
    assert pace.in_flight == 0


def test_an_abandoned_request_says_nothing() -> None:
    """A cancelled caller neither rests the endpoint nor clears its failures."""
    pace = answered(spent(2), Signals(outcome=Outcome.FAILED))

    after = answered(pace, Signals(outcome=Outcome.ABANDONED))

    assert (after.failures, after.held_until_s) == (pace.failures, pace.held_until_s)


@pytest.mark.parametrize(
    ("factor", "scaled"),
    [
        pytest.param(0.1, Quota(burst_per_s=1, steady_per_min=15), id="tenth"),
        pytest.param(0.0, Quota(burst_per_s=1, steady_per_min=1), id="never-none"),
        pytest.param(2.0, Quota(burst_per_s=20, steady_per_min=300), id="double"),
    ],
)
def test_a_scaled_quota_admits_at_least_one(factor: float, scaled: Quota) -> None:
    """So that it keeps probing."""
    assert Quota(burst_per_s=10, steady_per_min=150).scaled(factor) == scaled
