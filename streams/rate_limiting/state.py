"""State of the rate limiting for one endpoint, as seen by one worker."""

import math
from dataclasses import dataclass

import msgspec

INITIAL_QUOTA_SHARE = 0.25
"""Share of a new worker, as a fraction of the steady quota. A sole worker has the whole
quota a minute later, and 16 workers that start together adapt within one window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """Limits of one endpoint; a request must fit both windows.

    Attributes:
        burst_per_s: Requests admitted in a one-second window.
        steady_per_min: Requests admitted in a sixty-second window.
    """

    burst_per_s: int
    steady_per_min: int

    def scaled(self, factor: float) -> "Quota":
        """Return the quota with both limits multiplied, each at least one request."""
        return Quota(
            burst_per_s=max(1, int(self.burst_per_s * factor)),
            steady_per_min=max(1, int(self.steady_per_min * factor)),
        )


class EndpointPacing(msgspec.Struct, frozen=True, kw_only=True):
    """State of one endpoint; a msgspec struct, since each request creates a new one.

    Attributes:
        quota: Limits of the endpoint, as published or as reported by headers.
        quota_share: Learned fraction (0 to 1) of the steady quota that this worker
            uses.
        window_factor: Factor on the rate until the steady window ends; below 1 when the
            remaining quota is too small for the remaining time.
        window_ends_s: End of the steady window; minus infinity before the first header.
        tokens: Saved requests; a request may leave when the value is 1.
        tokens_updated_s: Time for which `tokens` holds; during a pause, the pause's
            end.
        next_token_s: Time at which `tokens` reaches 1.
        last_sent_s: Time at which the latest request left.
        paused_until_s: Time before which no request leaves.
        is_backlogged: True if the latest request had to wait. A worker that does not
            need more than its share has nothing to learn.
        failures: Consecutive throttled or failed requests, counted once per pause.
        was_throttled: True after the first 429.
        in_flight: Requests without a response yet; for tests and debugging.
        last_success_s: Time of the latest successful response.
        last_headers_s: Time of the latest response with RateLimit headers.
        remaining: RateLimit-Remaining of that response.
        other_usage: Estimated usage by others per window, as a fraction of the quota.
        observed_windows: Number of windows on which `other_usage` is based.
    """

    quota: Quota
    quota_share: float = INITIAL_QUOTA_SHARE
    window_factor: float = 1.0
    window_ends_s: float = -math.inf
    tokens: float = 1.0
    tokens_updated_s: float = -math.inf
    next_token_s: float = -math.inf
    last_sent_s: float = -math.inf
    paused_until_s: float = -math.inf
    is_backlogged: bool = True
    failures: int = 0
    was_throttled: bool = False
    in_flight: int = 0
    last_success_s: float = -math.inf
    last_headers_s: float = -math.inf
    remaining: int = 0
    other_usage: float = 0.0
    observed_windows: float = 0.02
