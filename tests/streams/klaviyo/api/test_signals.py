"""Rate-limit headers, as sent by Klaviyo and in invalid forms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.klaviyo.api.endpoints import GET_LISTS
from streams.klaviyo.api.responses import read_signals
from streams.klaviyo.api.results import Accepted
from streams.rate_limiting.pacing import Signals


@pytest.mark.parametrize(
    ("limit", "burst_per_s", "steady_per_min"),
    [
        pytest.param("10, 10;w=1, 150;w=60", 10, 150, id="as-seen"),
        pytest.param("150, 10;w=1, 150;w=60, 225;w=86400", 10, 150, id="with-a-day"),
        pytest.param("10,10;w=1,150;w=60", 10, 150, id="no-spaces"),
        pytest.param("10 ; w=1", 10, None, id="space-inside"),
        pytest.param("150;w=60", None, 150, id="steady-only"),
        pytest.param("150", None, None, id="no-windows"),
        pytest.param("0;w=1, 0;w=60", None, None, id="zero-is-no-limit"),
        pytest.param("-5;w=1, 1e9;w=60", None, None, id="no-numbers"),
        pytest.param("9999999999;w=60", None, None, id="absurd"),
        pytest.param("", None, None, id="none"),
    ],
)
def test_the_limits_of_both_windows_are_read(
    limit: str, burst_per_s: int | None, steady_per_min: int | None
) -> None:
    """Windows are recognised by length, not by position."""
    signals = read_signals(GET_LISTS, Accepted(), {"ratelimit-limit": limit})

    assert (signals.burst_per_s, signals.steady_per_min) == (
        burst_per_s,
        steady_per_min,
    )


@pytest.mark.parametrize(
    ("text", "number"),
    [
        pytest.param("12", 12, id="number"),
        pytest.param(" 0 ", 0, id="zero"),
        pytest.param("-1", None, id="negative"),
        pytest.param("1.5", None, id="fraction"),
        pytest.param("٣", None, id="other-digits"),
        pytest.param("9" * 5_000, None, id="too-long"),
        pytest.param("soon", None, id="word"),
        pytest.param("0\x1f", None, id="separator-that-int-does-not-trim"),
    ],
)
def test_remaining_and_reset_are_whole_numbers_or_nothing(
    text: str, number: int | None
) -> None:
    """Invalid values are ignored."""
    headers = {"ratelimit-remaining": text, "ratelimit-reset": text}

    signals = read_signals(GET_LISTS, Accepted(), headers)

    assert (signals.remaining, signals.reset_s) == (number, number)


@given(
    st.dictionaries(
        st.sampled_from(["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"]),
        st.text(),
    )
)
def test_no_header_can_break_the_reader(headers: dict[str, str]) -> None:
    """The parser accepts any header text."""
    assert isinstance(read_signals(GET_LISTS, Accepted(), headers), Signals)
