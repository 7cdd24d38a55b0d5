"""Effect of single responses on the share."""

import pytest

from streams.rate_limiting.controller import on_response
from streams.rate_limiting.pacing import (
    EndpointPacing,
    Quota,
    RequestOutcome,
    Signals,
    on_send,
    send_delay_s,
)

_QUOTA = Quota(burst_per_s=10, steady_per_min=150)


def with_headers(remaining: int, reset_s: float) -> Signals:
    """Return signals with RateLimit headers."""
    return Signals(outcome=RequestOutcome.SERVED, remaining=remaining, reset_s=reset_s)


def throttle_signals(retry_after_s: float) -> Signals:
    """Return the signals of a 429."""
    return Signals(outcome=RequestOutcome.THROTTLED, retry_after_s=retry_after_s)


def after_responses(
    *responses: Signals, gap_s: float = 1.0, backlog: bool = True, share: float = 0.2
) -> EndpointPacing:
    """Send requests and process the responses in order."""
    pacing, now_s = EndpointPacing(quota=_QUOTA, quota_share=share), 0.0
    for answer in responses:
        wait_s = send_delay_s(pacing, now_s=now_s)
        now_s += wait_s if backlog else wait_s + 30.0
        pacing = on_send(pacing, now_s=now_s)
        now_s += gap_s
        pacing = on_response(pacing, answer, now_s=now_s, jitter=0.5)
    return pacing


@pytest.mark.parametrize(
    ("remaining", "grows"),
    [
        pytest.param(120, 1, id="more-left-than-time"),
        pytest.param(30, -1, id="less-left-than-time"),
    ],
)
def test_the_share_follows_what_is_left(remaining: int, grows: int) -> None:
    """In the middle of a window half of the quota should be left."""
    signals = with_headers(remaining, 30)

    share = after_responses(signals, signals, signals).quota_share

    assert (share - 0.2) * grows > 0


def send_each_second(*responses: Signals) -> EndpointPacing:
    """Send and hear by the clock, at a small share."""
    pacing = EndpointPacing(quota=_QUOTA, quota_share=0.05)
    for now_s, answer in enumerate(responses):
        pacing = on_response(
            on_send(pacing, now_s=now_s), answer, now_s=now_s, jitter=0.5
        )
    return pacing


def test_a_sole_user_takes_the_whole_quota() -> None:
    """Headers fall by a single request each, so no other sender exists."""
    alone = send_each_second(*(with_headers(100 - n, 40 - n) for n in range(20)))
    beside = send_each_second(*(with_headers(100 - 2 * n, 40 - n) for n in range(20)))

    assert alone.quota_share > 0.6
    assert beside.quota_share < 0.1


def test_sliding_windows_do_not_prove_a_sole_user() -> None:
    """Sliding windows hide the usage by others."""
    sliding = send_each_second(
        *(with_headers(100 - n, 40 - 3 * n % 30) for n in range(20))
    )

    assert sliding.quota_share < 0.1


def test_a_late_response_for_an_older_window_is_ignored() -> None:
    """Late responses for an older window are ignored."""
    before = after_responses(with_headers(149, 60))
    pacing = on_send(on_send(before, now_s=1.0), now_s=1.5)
    pacing = on_response(pacing, with_headers(148, 59), now_s=2.0, jitter=0.5)

    late = on_response(pacing, with_headers(2, 0), now_s=2.2, jitter=0.5)

    assert (late.window_ends_s, late.remaining) == (
        pacing.window_ends_s,
        pacing.remaining,
    )
    assert (late.window_factor, late.other_usage) == (
        pacing.window_factor,
        pacing.other_usage,
    )


def test_the_larger_of_two_shares_grows_less() -> None:
    """Shares become equal, whatever the remaining quota."""
    signals = with_headers(90, 30)

    small = after_responses(signals, signals, signals, share=0.1, gap_s=10.0)
    great = after_responses(signals, signals, signals, share=0.5, gap_s=10.0)

    assert small.quota_share / 0.1 > 1.02 * great.quota_share / 0.5


def test_a_worker_without_backlog_keeps_its_share() -> None:
    """Idle accounts must not raise the share."""
    signals = with_headers(149, 30)

    assert after_responses(*[signals] * 50, backlog=False).quota_share == 0.2


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
    """Headers already steer the share, so the cut is small."""
    before = after_responses(with_headers(75, 30))
    later = on_response(
        on_send(before, now_s=2.0), throttle_signals(retry_after_s), now_s=3, jitter=0.5
    )

    assert later.quota_share == pytest.approx(share * before.quota_share)


def test_without_headers_a_429_cuts_once_per_pause() -> None:
    """Requests in flight together are throttled together, so the share is cut once."""
    pacing = on_send(
        on_send(EndpointPacing(quota=_QUOTA, quota_share=0.4), now_s=0.0), now_s=0.0
    )

    pacing = on_response(pacing, throttle_signals(20.0), now_s=0.0, jitter=0.5)
    pacing = on_response(pacing, throttle_signals(20.0), now_s=0.1, jitter=0.5)

    assert pacing.quota_share == pytest.approx(0.4 * 0.65)


def test_a_share_never_vanishes() -> None:
    """The share has a lower bound, however many 429s arrive."""
    assert after_responses(*[throttle_signals(20.0)] * 300).quota_share >= 0.001


def test_answers_without_headers_count_as_silence_only_after_two_minutes() -> None:
    """Only a long series of responses without headers changes the share."""
    silent = Signals(outcome=RequestOutcome.SERVED)

    assert after_responses(
        with_headers(75, 30), silent, silent, gap_s=2.0
    ).quota_share == pytest.approx(after_responses(with_headers(75, 30)).quota_share)
    assert (
        after_responses(with_headers(75, 30), *[silent] * 60, gap_s=10.0).quota_share
        > 0.5
    )


def test_a_window_about_to_end_is_not_rushed() -> None:
    """All left in the last second: three times the rate, for the clock may be wrong."""
    pacing = after_responses(with_headers(75, 30), with_headers(150, 1), share=0.1)

    wait_s = send_delay_s(on_send(pacing, now_s=50.0), now_s=50.0)

    assert pacing.window_factor == 3.0
    assert wait_s >= 0.1


def test_the_smallest_share_of_the_smallest_quota_probes_within_five_minutes() -> None:
    """Workers with the smallest share still probe."""
    pacing = EndpointPacing(
        quota=Quota(burst_per_s=1, steady_per_min=1), quota_share=0.001
    )
    for _ in range(3):
        pacing = on_send(pacing, now_s=send_delay_s(pacing, now_s=0.0))

    wait_s = send_delay_s(pacing, now_s=pacing.last_sent_s)

    assert wait_s < 300


def test_a_response_during_a_pause_does_not_lengthen_the_pause() -> None:
    """Tokens neither grow nor shrink during a pause."""
    pacing = on_send(EndpointPacing(quota=_QUOTA), now_s=0.0)
    pacing = on_response(pacing, throttle_signals(300.0), now_s=0.0, jitter=0.5)

    later = on_response(
        pacing, Signals(outcome=RequestOutcome.ABANDONED), now_s=1.0, jitter=0.5
    )

    assert later.next_token_s == pacing.next_token_s
