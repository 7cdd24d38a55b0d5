"""How many records of a replay may be taken in now: the present goes first."""

import msgspec


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """The tap of a replay, the clock an argument.

    Attributes:
        per_s: Records a second at most.
        ahead_max: No more is taken in while so many records wait before a hop.
        credit: Records that may be taken in now.
        at_s: When that was so.
    """

    per_s: float
    ahead_max: int
    credit: float = 0.0
    at_s: float = 0.0


SAVED_S = 0.25
"""Ours: what a pause saves up. A burst of more would stand before what happens now."""


def filled(feed: Feed, *, now_s: float, waiting: int) -> Feed:
    """Let time pass.

    Args:
        feed: The state.
        now_s: The time it is.
        waiting: Records before the hop that has most of them, live ones too.
    """
    if waiting >= feed.ahead_max:
        return msgspec.structs.replace(feed, credit=0.0, at_s=now_s)
    saved = feed.credit + feed.per_s * (now_s - feed.at_s)
    most = max(feed.per_s * SAVED_S, 1.0)  # a record is taken in whole
    room = min(saved, most, float(feed.ahead_max - waiting))
    return msgspec.structs.replace(feed, credit=max(room, 0.0), at_s=now_s)


def spent(feed: Feed, count: int) -> Feed:
    """Take so many in."""
    return msgspec.structs.replace(feed, credit=feed.credit - count)
