"""Token bucket that turns a share of the quota into sending times.

Tokens accumulate at the rate of the share, and each request costs one token.
"""

from streams.rate_limiting.state import EndpointPacing

BURST_WINDOW_S = 1.1
"""Klaviyo's burst window in seconds (1 s: rate-limit page, "Burst"), plus a tenth for
requests that overtake others on the network."""

STEADY_WINDOW_S = 60.0
"""Klaviyo's steady window in seconds: rate-limit page, "Steady"."""

PROBE_INTERVAL_MAX_S = 240.0
"""Longest wait for a token in seconds, so that even the smallest share keeps probing.
Long enough that 16 probing workers use only a quarter of the smallest quota
(15/min)."""

_SAVED_TOKENS_MIN = 2.0
"""Tokens that an idle worker may always save."""

_SAVED_BURST_FRACTION = 0.5
"""Tokens that an idle worker may save, as a fraction of its share of the burst quota:
requests that arrive together may leave together."""


def rate_per_s(pacing: EndpointPacing) -> float:
    """Return the requests per second that the share allows, over a whole window."""
    per_s = pacing.quota_share * pacing.quota.steady_per_min / STEADY_WINDOW_S
    return min(
        max(per_s, 1.0 / PROBE_INTERVAL_MAX_S),
        pacing.quota.burst_per_s / BURST_WINDOW_S,
    )


def tokens_at(pacing: EndpointPacing, *, now_s: float) -> float:
    """Return the tokens at a time; tokens do not accumulate during a pause."""
    tokens, at_s = pacing.tokens, pacing.tokens_updated_s
    if now_s <= at_s:
        return tokens
    rate = rate_per_s(pacing)
    if at_s < pacing.window_ends_s:
        until_s = min(now_s, pacing.window_ends_s)
        tokens += rate * pacing.window_factor * (until_s - at_s)
        at_s = until_s
    tokens += rate * (now_s - at_s)
    capacity = pacing.quota_share * pacing.quota.burst_per_s * _SAVED_BURST_FRACTION
    return min(tokens, max(capacity, _SAVED_TOKENS_MIN))


def next_token_at_s(pacing: EndpointPacing) -> float:
    """Return the time of the next full token.

    Saved tokens do not allow a request while the window has no quota left.
    """
    missing, at_s = 1.0 - pacing.tokens, pacing.tokens_updated_s
    if missing <= 0.0:
        return at_s if pacing.window_factor > 0.0 else max(at_s, pacing.window_ends_s)
    rate = rate_per_s(pacing)
    if at_s < pacing.window_ends_s:
        added = rate * pacing.window_factor * (pacing.window_ends_s - at_s)
        if added >= missing:
            return at_s + missing / (rate * pacing.window_factor)
        missing -= added
        at_s = pacing.window_ends_s
    return at_s + missing / rate


def min_gap_s(pacing: EndpointPacing) -> float:
    """Return the minimum time between two requests, whatever the tokens."""
    return BURST_WINDOW_S / pacing.quota.burst_per_s
