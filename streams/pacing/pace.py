"""The state of one endpoint, as one worker sees it."""

import math
from dataclasses import dataclass

import msgspec

SHARE_FIRST = 0.25
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


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one endpoint; a struct, because it is made anew at every turn.

    Attributes:
        quota: What the endpoint admits, as far as is known.
        share: Part of the steady quota that this worker takes, 0 to 1; learned.
        level: Factor on the rate until the steady window ends: below 1 when less is
            left than the time that is left would need.
        ends_s: When the steady window ends; endless past when no header has said.
        credit: Requests saved up; one may leave when it is 1.
        credited_s: When `credit` was so; in a rest, its end.
        ready_s: When `credit` reaches 1.
        sent_s: When the latest request left.
        held_until_s: Nothing leaves before.
        pressed: Whether the latest request had waited for its turn: only who wants
            more than it gets has anything to learn.
        failures: Throttled or failed requests in a row, one for each rest.
        throttled: Whether there ever was a 429.
        in_flight: Requests without an answer yet.
        heard_s: When the latest answer came that was served.
        told_s: When the latest one with RateLimit headers came.
        remaining: What that one said is left in the steady window.
        others: Requests a window of everybody else, as a part of the quota.
        watched: Windows, or part of one, that `others` speaks for.
    """

    quota: Quota
    share: float = SHARE_FIRST
    level: float = 1.0
    ends_s: float = -math.inf
    credit: float = 1.0
    credited_s: float = -math.inf
    ready_s: float = -math.inf
    sent_s: float = -math.inf
    held_until_s: float = -math.inf
    pressed: bool = True
    failures: int = 0
    throttled: bool = False
    in_flight: int = 0
    heard_s: float = -math.inf
    told_s: float = -math.inf
    remaining: int = 0
    others: float = 0.0
    watched: float = 0.02
