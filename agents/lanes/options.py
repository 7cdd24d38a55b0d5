"""Bounds of a lane."""

from dataclasses import dataclass

from streams.actions.activation import LaneId


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneOptions:
    """Bounds of one lane.

    Attributes:
        lane: Which one.
        rank: Which of two lanes goes first where they want the same of Klaviyo: the
            lower one.
        batch_max_items: Most items a batch holds.
        batch_max_age_s: How long an item waits for company.
        max_pending_items: Most items the lane holds.
        max_pending_bytes: Most bytes of records the lane holds.
        page_items: What a look-up takes; larger batches are cut at whole pages.
        batches_max: Most batches under way.
        grace_s: How long one under way may go on when its partition leaves.
        settle_delay_s: How long what concerns the same profile waits after a batch: Klaviyo
            takes a change of consent before it makes it.
    """

    lane: LaneId
    batch_max_items: int
    batch_max_age_s: float
    max_pending_items: int
    max_pending_bytes: int = 1 << 26
    rank: int = 0
    page_items: int = 1
    batches_max: int = 64
    grace_s: float = 10.0
    settle_delay_s: float = 0.0
