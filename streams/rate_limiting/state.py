"""The state of one endpoint, as one worker sees it."""

import math
from dataclasses import dataclass

import msgspec

INITIAL_QUOTA_SHARE = 0.25
"""Share of a worker that knows nothing: alone it has the whole key a minute later, and
16 that come at once need one window to find one another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What an endpoint admits: `burst_per_s` and `steady_per_min`, both at once."""

    burst_per_s: int
    steady_per_min: int

    def scaled(self, factor: float) -> "Quota":
        """Multiply both windows, never below one request."""
        return Quota(
            burst_per_s=max(1, int(self.burst_per_s * factor)),
            steady_per_min=max(1, int(self.steady_per_min * factor)),
        )


class EndpointPacing(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one endpoint; a struct, because it is made anew at every turn.

    Attributes:
        quota: What the endpoint admits, as far as is known.
        quota_share: Part of the steady quota that this worker takes, 0 to 1; learned.
        window_factor: Factor on the rate until the steady window ends: below 1 when less is
            left than the time that is left would need.
        window_ends_s: When the steady window ends; endless past when no header has said.
        tokens: Requests saved up; one may leave when it is 1.
        tokens_updated_s: When `tokens` was so; in a rest, its end.
        next_token_s: When `tokens` reaches 1.
        last_sent_s: When the latest request left.
        paused_until_s: Nothing leaves before.
        is_backlogged: Whether the latest request had waited for its turn: only who wants
            more than it gets has anything to learn.
        failures: Throttled or failed requests in a row, one for each rest.
        was_throttled: Whether there ever was a 429.
        in_flight: Requests without an answer yet.
        last_success_s: When the latest answer came that was served.
        last_headers_s: When the latest one with RateLimit headers came.
        remaining: What that one said is left in the steady window.
        other_usage: Requests a window of everybody else, as a part of the quota.
        observed_windows: Windows, or part of one, that `other_usage` speaks for.
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
