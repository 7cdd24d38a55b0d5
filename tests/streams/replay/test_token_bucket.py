"""The token bucket of a replay lets live records go first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.replay.token_bucket import MAX_BURST_S, ReplayBucket, consume, refill

BUCKET = ReplayBucket(rate_per_s=1_000.0, max_lag=500)


@pytest.mark.parametrize("per_s", [1.0, 2.5, 3.9, 4.0, 1_000.0])
def test_it_gives_its_rate_and_no_more(per_s: float) -> None:
    """The rate holds for a minute of ticks, whether high or low."""
    bucket, consumed = ReplayBucket(rate_per_s=per_s, max_lag=500), 0

    for tick in range(1, 1_201):
        bucket = refill(bucket, now_s=tick * 0.05, lag=0)
        consumed += int(bucket.tokens)
        bucket = consume(bucket, int(bucket.tokens))

    assert 48 * per_s <= consumed <= 60 * per_s


def test_a_large_lag_stops_the_replay() -> None:
    """No token is saved for later either."""
    bucket = refill(BUCKET, now_s=10.0, lag=500)
    after = refill(bucket, now_s=10.01, lag=0)

    assert bucket.tokens == 0
    assert after.tokens < 11


@given(st.floats(0, 100), st.integers(0, 1_000))
def test_no_burst_stands_before_the_present(elapsed_s: float, lag: int) -> None:
    """A long pause saves tokens for 0.25 s at most."""
    bucket = refill(BUCKET, now_s=elapsed_s, lag=lag)

    assert 0 <= bucket.tokens <= min(BUCKET.rate_per_s * MAX_BURST_S, max(500 - lag, 0))
