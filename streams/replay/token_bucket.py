"""Token bucket that limits a replay, so that live records go first."""

import msgspec


class ReplayBucket(msgspec.Struct, frozen=True, kw_only=True):
    """State of the token bucket; the clock is an argument.

    Attributes:
        rate_per_s: Highest number of records per second.
        max_lag: Lag of a stage at which the replay pauses.
        tokens: Number of records that may be published now.
        refilled_s: Time of the last refill.
    """

    rate_per_s: float
    max_lag: int
    tokens: float = 0.0
    refilled_s: float = 0.0


MAX_BURST_S = 0.25
"""Time for which a pause saves tokens. A larger burst would delay live records."""


def refill(bucket: ReplayBucket, *, now_s: float, lag: int) -> ReplayBucket:
    """Return the bucket with the tokens of the time since the last refill.

    Args:
        bucket: The state.
        now_s: The current time.
        lag: Largest lag of any stage, live records included.
    """
    if lag >= bucket.max_lag:
        return msgspec.structs.replace(bucket, tokens=0.0, refilled_s=now_s)
    tokens = bucket.tokens + bucket.rate_per_s * (now_s - bucket.refilled_s)
    max_tokens = max(bucket.rate_per_s * MAX_BURST_S, 1.0)  # at least one record
    available = min(tokens, max_tokens, float(bucket.max_lag - lag))
    return msgspec.structs.replace(bucket, tokens=max(available, 0.0), refilled_s=now_s)


def consume(bucket: ReplayBucket, count: int) -> ReplayBucket:
    """Return the bucket without the tokens of published records."""
    return msgspec.structs.replace(bucket, tokens=bucket.tokens - count)
