"""From a share to moments: credit grows at the rate, a request costs one."""

from streams.rate_limiting.state import EndpointPacing

BURST_WINDOW_S = 1.1
"""Klaviyo's burst window is 1 s (rate-limit page, "Burst"); a tenth more for requests
that overtake others on their way."""

STEADY_WINDOW_S = 60.0
"""Klaviyo's steady window: rate-limit page, "Steady"."""

PROBE_INTERVAL_MAX_S = 240.0
"""The longest a share may make a request wait, so that it always keeps probing. Long
enough that 16 probing workers use a quarter of the smallest quota (15 a minute)."""

_SAVED_TOKENS_MIN = 2.0
"""Credit that an idle worker may always save."""

_SAVED_BURST_FRACTION = 0.5
"""And of its share of the burst: what came together may leave together."""


def rate_per_s(pacing: EndpointPacing) -> float:
    """Say how many requests a second the share is worth, over a whole window."""
    per_s = pacing.quota_share * pacing.quota.steady_per_min / STEADY_WINDOW_S
    return min(
        max(per_s, 1.0 / PROBE_INTERVAL_MAX_S),
        pacing.quota.burst_per_s / BURST_WINDOW_S,
    )


def tokens_at(pacing: EndpointPacing, *, now_s: float) -> float:
    """Say how much credit there is; it does not grow during a rest."""
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
    """Say when the credit reaches one: in this steady window, or in a later one.

    What was saved up is no leave to send when nothing is left in the window.
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
    """Say how far apart two requests are at least, whatever the credit."""
    return BURST_WINDOW_S / pacing.quota.burst_per_s
