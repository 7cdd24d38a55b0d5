"""Properties that hold for any responses, in any order, at any time."""

import math

from hypothesis import given
from hypothesis import strategies as st

from streams.rate_limiting.controller import on_response
from streams.rate_limiting.pacing import (
    BACKOFF_CAP_S,
    PROBE_INTERVAL_MAX_S,
    STEADY_WINDOW_S,
    EndpointPacing,
    Quota,
    RequestOutcome,
    Signals,
    on_send,
    send_delay_s,
)

_PAUSING_OUTCOMES = (RequestOutcome.THROTTLED, RequestOutcome.FAILED)

_numbers = st.one_of(st.none(), st.integers(0, 999_999_999))
_signals = st.builds(
    Signals,
    outcome=st.sampled_from(RequestOutcome),
    retry_after_s=st.floats(0, 172_800),
    remaining=st.one_of(st.integers(0, 200), _numbers),
    reset_s=st.one_of(st.integers(0, 60), _numbers),
    steady_per_min=st.one_of(st.none(), st.integers(1, 4_000)),
    latency_s=st.floats(0, 60),
)
_answers = st.lists(
    st.tuples(st.floats(0, 100), _signals, st.floats(0, 0.999)), max_size=8
)
_quotas = st.builds(
    Quota, burst_per_s=st.integers(1, 10), steady_per_min=st.integers(1, 4_000)
)


@given(_quotas, _answers)
def test_a_request_leaves_within_a_bound_and_never_within_retry_after(
    quota: Quota, answers: list[tuple[float, Signals, float]]
) -> None:
    """The bound: Retry-After, the backoff's cap, a window and a probing interval."""
    pacing, now_s, paused_until_s = EndpointPacing(quota=quota), 1_000.0, 0.0
    for after_s, signals, jitter in answers:
        wait_s = send_delay_s(pacing, now_s=now_s)
        assert math.isfinite(wait_s)
        assert paused_until_s - 1e-6 <= now_s + wait_s
        rest_s = max(0.0, paused_until_s - now_s)
        assert (
            0
            <= wait_s
            <= rest_s + BACKOFF_CAP_S + STEADY_WINDOW_S + PROBE_INTERVAL_MAX_S + 1e-6
        )
        pacing = on_send(pacing, now_s=now_s + wait_s)
        now_s += wait_s + after_s
        pacing = on_response(pacing, signals, now_s=now_s, jitter=jitter)
        if signals.outcome in _PAUSING_OUTCOMES:
            paused_until_s = max(paused_until_s, now_s + signals.retry_after_s)


@given(_quotas, _answers)
def test_no_second_holds_more_than_the_burst(
    quota: Quota, answers: list[tuple[float, Signals, float]]
) -> None:
    """Seconds are counted from every request, with responses in between."""
    pacing, now_s, sent_s = EndpointPacing(quota=quota), 1_000.0, []
    for _, signals, jitter in answers:
        for _ in range(2 * quota.burst_per_s):
            now_s += send_delay_s(pacing, now_s=now_s)
            pacing = on_send(pacing, now_s=now_s)
            sent_s.append(now_s)
        pacing = on_response(pacing, signals, now_s=now_s, jitter=jitter)

    spaced_pairs = zip(sent_s, sent_s[quota.burst_per_s :], strict=False)
    assert all(later - earlier >= 1.0 for earlier, later in spaced_pairs)
