"""Waits of the exponential backoff."""

import pytest

from streams.rate_limiting.backoff import backoff_s


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
