"""How many records of a replay may be taken in now: the present goes first."""

import msgspec


class ReplayBucket(msgspec.Struct, frozen=True, kw_only=True):
    """The tap of a replay, the clock an argument.

    Attributes:
        rate_per_s: Records a second at most.
        max_lag: No more is taken in while so many records wait before a stage.
        tokens: Records that may be taken in now.
        refilled_s: When that was so.
    """

    rate_per_s: float
    max_lag: int
    tokens: float = 0.0
    refilled_s: float = 0.0


MAX_BURST_S = 0.25
"""Ours: what a pause saves up. A burst of more would stand before what happens now."""


def refill(bucket: ReplayBucket, *, now_s: float, lag: int) -> ReplayBucket:
    """Let time pass.

    Args:
        bucket: The state.
        now_s: The time it is.
        lag: Records before the stage that has most of them, live ones too.
    """
    if lag >= bucket.max_lag:
        return msgspec.structs.replace(bucket, tokens=0.0, refilled_s=now_s)
    tokens = bucket.tokens + bucket.rate_per_s * (now_s - bucket.refilled_s)
    max_tokens = max(bucket.rate_per_s * MAX_BURST_S, 1.0)  # a record is taken in whole
    available = min(tokens, max_tokens, float(bucket.max_lag - lag))
    return msgspec.structs.replace(bucket, tokens=max(available, 0.0), refilled_s=now_s)


def consume(bucket: ReplayBucket, count: int) -> ReplayBucket:
    """Take so many in."""
    return msgspec.structs.replace(bucket, tokens=bucket.tokens - count)
