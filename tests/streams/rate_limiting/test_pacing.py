"""Pacing of one endpoint: sending times and reasons to wait."""

from itertools import pairwise

import pytest

from streams.rate_limiting.controller import on_response
from streams.rate_limiting.pacing import (
    BURST_WINDOW_S,
    STEADY_WINDOW_S,
    EndpointPacing,
    Quota,
    RequestOutcome,
    Signals,
    backoff_s,
    on_send,
    send_delay_s,
)

_QUOTA = Quota(burst_per_s=3, steady_per_min=10)
_SERVED = Signals(outcome=RequestOutcome.SERVED)


def after_sending(
    count: int, *, at_s: float = 0.0, quota: Quota = _QUOTA
) -> EndpointPacing:
    """Spend requests all at once, without waiting."""
    pacing = EndpointPacing(quota=quota)
    for _ in range(count):
        pacing = on_send(pacing, now_s=at_s)
    return pacing


def after_response(
    pacing: EndpointPacing, signals: Signals, *, now_s: float = 0.0
) -> EndpointPacing:
    """Return the state after a response, with a jitter of one half."""
    return on_response(pacing, signals, now_s=now_s, jitter=0.5)


def departures(
    pacing: EndpointPacing, *, until_s: float, from_s: float = 0.0
) -> list[float]:
    """Return the sending times of a worker with a backlog and no responses."""
    now_s, sent_s = from_s, []
    while now_s < until_s:
        now_s += send_delay_s(pacing, now_s=now_s)
        pacing = on_send(pacing, now_s=now_s)
        sent_s.append(now_s)
    return sent_s


def test_the_first_request_leaves_at_once() -> None:
    """A new endpoint has a token."""
    assert send_delay_s(EndpointPacing(quota=_QUOTA), now_s=7.0) == 0


def test_a_worker_alone_is_paced_evenly_by_its_share() -> None:
    """No rush at the beginning of a window: the tenth waits as long as the second."""
    pacing = EndpointPacing(
        quota=Quota(burst_per_s=10, steady_per_min=60), quota_share=0.5
    )

    sent_s = departures(pacing, until_s=600.0)
    gaps_s = [after - before for before, after in pairwise(sent_s)]

    assert gaps_s[3:] == pytest.approx([2.0] * len(gaps_s[3:]))


@pytest.mark.parametrize("burst_per_s", [1, 2, 3, 10, 75, 350])
def test_no_second_of_any_clock_holds_more_than_the_burst(burst_per_s: int) -> None:
    """Any second, from any start, holds at most the burst quota."""
    quota = Quota(burst_per_s=burst_per_s, steady_per_min=100_000)

    sent_s = departures(EndpointPacing(quota=quota, quota_share=1.0), until_s=5.0)

    busiest = max(sum(edge <= at_s < edge + 1 for at_s in sent_s) for edge in sent_s)
    assert busiest <= burst_per_s
    assert len(sent_s) >= 5 * burst_per_s / BURST_WINDOW_S - 1


def test_sending_without_waiting_costs_at_most_one_token() -> None:
    """Callers that ignore the delay are not locked out for an hour."""
    pacing = EndpointPacing(
        quota=Quota(burst_per_s=10, steady_per_min=60), quota_share=0.5
    )
    for _ in range(100):
        pacing = on_send(pacing, now_s=0.0)

    assert send_delay_s(pacing, now_s=0.0) == pytest.approx(4.0)


def test_an_idle_worker_may_send_a_few_requests_together() -> None:
    """Idle workers save tokens for half of their share of the burst."""
    pacing = EndpointPacing(
        quota=Quota(burst_per_s=10, steady_per_min=60), quota_share=1.0
    )

    sent_s = departures(pacing, from_s=3_600.0, until_s=3_601.0)

    assert 4 <= len(sent_s) <= 7


@pytest.mark.parametrize(
    ("remaining", "reset_s", "least_s", "most_s"),
    [
        pytest.param(9, 58, 0.0, 60.0, id="others-left-all"),
        pytest.param(0, 20, 20.0, 100.0, id="others-used-it-up"),
        pytest.param(0, 0, 0.0, 1.0, id="reset-now"),
    ],
)
def test_a_window_used_up_by_others_delays_requests(
    remaining: int, reset_s: float, least_s: float, most_s: float
) -> None:
    """After other tools use up the window, no request leaves before the window ends."""
    signals = Signals(
        outcome=RequestOutcome.SERVED, remaining=remaining, reset_s=reset_s
    )

    pacing = after_response(after_sending(1), signals)

    assert least_s <= send_delay_s(pacing, now_s=0.0) <= most_s


def test_the_remaining_quota_sets_the_pace() -> None:
    """Half of the window left: a fifth, a half, and four fifths of the requests."""
    waits_s = []
    for remaining in (30, 75, 120):
        signals = Signals(
            outcome=RequestOutcome.SERVED, remaining=remaining, reset_s=30
        )
        pacing = after_sending(1, quota=Quota(burst_per_s=10, steady_per_min=150))
        pacing = on_send(after_response(pacing, signals), now_s=0.0)
        waits_s.append(send_delay_s(pacing, now_s=0.0))

    assert waits_s == sorted(waits_s, reverse=True)
    assert waits_s[0] > 2 * waits_s[1] > 2 * waits_s[2]


def test_a_new_window_gives_the_full_rate_again() -> None:
    """The full rate returns after the reset, without a further response."""
    quota = Quota(burst_per_s=10, steady_per_min=600)
    signals = Signals(outcome=RequestOutcome.SERVED, remaining=0, reset_s=20)

    pacing = after_response(after_sending(1, quota=quota), signals)

    assert departures(pacing, until_s=20.0)[0] >= 20.0
    assert len(departures(pacing, until_s=40.0)) > 40


def test_a_reset_far_away_is_a_window_away_at_most() -> None:
    """No header can stop the endpoint for longer than a window."""
    signals = Signals(outcome=RequestOutcome.SERVED, remaining=0, reset_s=999_999_999)

    pacing = after_response(after_sending(1), signals)

    assert send_delay_s(pacing, now_s=0.0) < 6 * STEADY_WINDOW_S


def test_the_headers_raise_and_lower_the_quota() -> None:
    """Limits from response headers replace the published quota."""
    signals = Signals(outcome=RequestOutcome.SERVED, burst_per_s=75, steady_per_min=750)

    pacing = after_response(after_sending(1), signals)

    assert pacing.quota == Quota(burst_per_s=75, steady_per_min=750)


@pytest.mark.parametrize("retry_after_s", [0.0, 1.0, 59.0, 300.0])
@pytest.mark.parametrize("jitter", [0.0, 0.5, 0.999])
def test_a_wait_is_never_shorter_than_retry_after(
    retry_after_s: float, jitter: float
) -> None:
    """Jitter is added to Retry-After, for any random number."""
    signals = Signals(outcome=RequestOutcome.THROTTLED, retry_after_s=retry_after_s)

    pacing = on_response(after_sending(1), signals, now_s=5.0, jitter=jitter)

    assert send_delay_s(pacing, now_s=5.0) >= retry_after_s


def test_a_later_answer_never_shortens_a_wait() -> None:
    """Not a success, not a 429 that asks for less."""
    long = Signals(outcome=RequestOutcome.THROTTLED, retry_after_s=30)
    short = Signals(outcome=RequestOutcome.THROTTLED, retry_after_s=1)

    pacing = after_response(
        after_response(after_response(after_sending(3), long), short), _SERVED
    )

    assert pacing.paused_until_s >= 30
    assert send_delay_s(pacing, now_s=0.0) >= 30


def test_workers_after_the_same_reset_do_not_send_together() -> None:
    """Jitter spreads workers over an interval, not only over the backoff."""
    signals = Signals(outcome=RequestOutcome.THROTTLED, retry_after_s=30)

    pacings = [
        on_response(after_sending(1), signals, now_s=0.0, jitter=n / 97)
        for n in range(97)
    ]
    waits_s = [send_delay_s(pacing, now_s=0.0) for pacing in pacings]

    assert max(waits_s) - min(waits_s) > 10


def test_failures_in_a_row_wait_longer_and_a_success_forgets_them() -> None:
    """0.25, 0.5, 1 ... with the luck of the middle."""
    pacing, now_s, waits_s = EndpointPacing(quota=_QUOTA), 0.0, []
    for _ in range(4):
        pacing = after_response(
            on_send(pacing, now_s=now_s), Signals(outcome=RequestOutcome.FAILED)
        )
        pacing = after_response(
            pacing, Signals(outcome=RequestOutcome.FAILED), now_s=now_s
        )
        waits_s.append(pacing.paused_until_s - now_s)
        now_s = pacing.paused_until_s

    assert waits_s == pytest.approx([0.25, 0.5, 1.0, 2.0], rel=0.01)
    assert after_response(pacing, _SERVED, now_s=now_s).failures == 0


def test_failures_during_a_pause_count_once() -> None:
    """Ten requests in flight that fail together count as a single outage."""
    pacing = after_sending(10)
    for _ in range(10):
        pacing = after_response(pacing, Signals(outcome=RequestOutcome.FAILED))

    assert pacing.failures == 1
    assert pacing.in_flight == 0


def test_an_abandoned_request_says_nothing() -> None:
    """Cancelled requests neither pause the endpoint nor clear failures."""
    pacing = after_response(after_sending(2), Signals(outcome=RequestOutcome.FAILED))

    after = after_response(pacing, Signals(outcome=RequestOutcome.ABANDONED))

    assert (after.failures, after.paused_until_s) == (
        pacing.failures,
        pacing.paused_until_s,
    )


@pytest.mark.parametrize(
    ("factor", "scaled"),
    [
        pytest.param(0.1, Quota(burst_per_s=1, steady_per_min=15), id="tenth"),
        pytest.param(0.0, Quota(burst_per_s=1, steady_per_min=1), id="never-none"),
        pytest.param(2.0, Quota(burst_per_s=20, steady_per_min=300), id="double"),
    ],
)
def test_a_scaled_quota_admits_at_least_one(factor: float, scaled: Quota) -> None:
    """Scaled quotas admit a request, so that workers keep probing."""
    assert Quota(burst_per_s=10, steady_per_min=150).scaled(factor) == scaled


@pytest.mark.parametrize(
    ("failures", "longest_s"),
    [
        pytest.param(0, 0.0, id="none"),
        pytest.param(1, 0.5, id="first"),
        pytest.param(2, 1.0, id="second"),
        pytest.param(7, 32.0, id="seventh"),
        pytest.param(8, 60.0, id="capped"),
        pytest.param(10_000, 60.0, id="a-week-of-outage"),
    ],
)
def test_the_longest_wait_doubles_up_to_the_cap(
    failures: int, longest_s: float
) -> None:
    """Full jitter draws any part of the longest wait."""
    assert backoff_s(failures, jitter=1.0) == longest_s
    assert backoff_s(failures, jitter=0.25) == longest_s / 4
    assert backoff_s(failures, jitter=0.0) == 0
