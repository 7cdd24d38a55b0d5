"""What one answer teaches about the share."""

import pytest

from streams.pacing.signals import Outcome, Signals
from streams.pacing.window import Pace, Quota, fed, next_free_s, spend

_QUOTA = Quota(burst_per_s=10, steady_per_min=150)


def told(remaining: int, reset_s: float) -> Signals:
    """Make an answer with RateLimit headers."""
    return Signals(outcome=Outcome.SERVED, remaining=remaining, reset_s=reset_s)


def throttled(retry_after_s: float) -> Signals:
    """Make a 429."""
    return Signals(outcome=Outcome.THROTTLED, retry_after_s=retry_after_s)


def after(
    *answers: Signals, gap_s: float = 1.0, backlog: bool = True, share: float = 0.2
) -> Pace:
    """Send and hear, one answer after the other."""
    pace, now_s = Pace(quota=_QUOTA, share=share), 0.0
    for answer in answers:
        wait_s = next_free_s(pace, now_s=now_s)
        now_s += wait_s if backlog else wait_s + 30.0
        pace = spend(pace, now_s=now_s)
        now_s += gap_s
        pace = fed(pace, answer, now_s=now_s, chance=0.5)
    return pace


@pytest.mark.parametrize(
    ("remaining", "grows"),
    [
        pytest.param(120, 1, id="more-left-than-time"),
        pytest.param(30, -1, id="less-left-than-time"),
    ],
)
def test_the_share_follows_what_is_left(remaining: int, grows: int) -> None:
    """In the middle of a window half of the quota should be left."""
    signals = told(remaining, 30)

    share = after(signals, signals, signals).share

    assert (share - 0.2) * grows > 0


def each_second(*answers: Signals) -> Pace:
    """Send and hear by the clock, at a small share."""
    pace = Pace(quota=_QUOTA, share=0.05)
    for now_s, answer in enumerate(answers):
        pace = fed(spend(pace, now_s=now_s), answer, now_s=now_s, chance=0.5)
    return pace


def test_who_sees_nobody_else_takes_the_whole() -> None:
    """Each answer is one request below the last: nobody else has sent any."""
    alone = each_second(*(told(100 - n, 40 - n) for n in range(20)))
    beside = each_second(*(told(100 - 2 * n, 40 - n) for n in range(20)))

    assert alone.share > 0.6
    assert beside.share < 0.1


def test_windows_that_end_at_any_time_do_not_prove_anybody_alone() -> None:
    """A sliding one gives back what left it, and hides the use of others so."""
    sliding = each_second(*(told(100 - n, 40 - 3 * n % 30) for n in range(20)))

    assert sliding.share < 0.1


def test_an_answer_of_a_window_that_is_over_says_nothing_of_the_next() -> None:
    """It was overtaken; taken for news it would stop the worker for a moment."""
    before = after(told(149, 60))
    pace = spend(spend(before, now_s=1.0), now_s=1.5)
    pace = fed(pace, told(148, 59), now_s=2.0, chance=0.5)

    late = fed(pace, told(2, 0), now_s=2.2, chance=0.5)

    assert (late.ends_s, late.remaining) == (pace.ends_s, pace.remaining)
    assert (late.level, late.others) == (pace.level, pace.others)


def test_of_two_shares_the_greater_gains_less() -> None:
    """So they become alike, whatever is left."""
    signals = told(90, 30)

    small = after(signals, signals, signals, share=0.1, gap_s=10.0)
    great = after(signals, signals, signals, share=0.5, gap_s=10.0)

    assert small.share / 0.1 > 1.02 * great.share / 0.5


def test_who_has_no_backlog_learns_nothing() -> None:
    """An idle key would raise the share of everybody to the whole."""
    signals = told(149, 30)

    assert after(*[signals] * 50, backlog=False).share == 0.2


@pytest.mark.parametrize(
    ("retry_after_s", "share"),
    [
        pytest.param(20.0, 0.9, id="the-steady-window-cuts"),
        pytest.param(1.0, 1.0, id="the-burst-window-is-bad-luck"),
    ],
)
def test_a_429_beside_headers_cuts_the_share_a_little(
    retry_after_s: float, share: float
) -> None:
    """The headers say the rest."""
    before = after(told(75, 30))
    later = fed(spend(before, now_s=2.0), throttled(retry_after_s), now_s=3, chance=0.5)

    assert later.share == pytest.approx(share * before.share)


def test_without_headers_a_429_cuts_once_a_rest() -> None:
    """Those in flight with it are part of the same mistake."""
    pace = spend(spend(Pace(quota=_QUOTA, share=0.4), now_s=0.0), now_s=0.0)

    pace = fed(pace, throttled(20.0), now_s=0.0, chance=0.5)
    pace = fed(pace, throttled(20.0), now_s=0.1, chance=0.5)

    assert pace.share == pytest.approx(0.4 * 0.65)


def test_a_share_never_vanishes() -> None:
    """After hundreds of 429s it has not far to come back."""
    assert after(*[throttled(20.0)] * 300).share >= 0.001


def test_answers_without_headers_count_as_silence_only_after_two_minutes() -> None:
    """A single answer without them changes nothing; a long row of them does."""
    silent = Signals(outcome=Outcome.SERVED)

    assert after(told(75, 30), silent, silent, gap_s=2.0).share == pytest.approx(
        after(told(75, 30)).share
    )
    assert after(told(75, 30), *[silent] * 60, gap_s=10.0).share > 0.5


def test_a_window_about_to_end_is_not_rushed() -> None:
    """All left in the last second: three times the rate, for the clock may be wrong."""
    pace = after(told(75, 30), told(150, 1), share=0.1)

    wait_s = next_free_s(spend(pace, now_s=50.0), now_s=50.0)

    assert pace.level == 3.0
    assert wait_s >= 0.1


def test_the_smallest_share_of_the_smallest_quota_probes_within_five_minutes() -> None:
    """A worker that has nothing must still find out that there is something."""
    pace = Pace(quota=Quota(burst_per_s=1, steady_per_min=1), share=0.001)
    for _ in range(3):
        pace = spend(pace, now_s=next_free_s(pace, now_s=0.0))

    wait_s = next_free_s(pace, now_s=pace.sent_s)

    assert wait_s < 300


def test_an_answer_during_a_rest_does_not_lengthen_it() -> None:
    """Credit stands still until the end; it does not shrink."""
    pace = spend(Pace(quota=_QUOTA), now_s=0.0)
    pace = fed(pace, throttled(300.0), now_s=0.0, chance=0.5)

    later = fed(pace, Signals(outcome=Outcome.ABANDONED), now_s=1.0, chance=0.5)

    assert later.ready_s == pace.ready_s
