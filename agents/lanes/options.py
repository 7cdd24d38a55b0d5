"""Bounds of a lane."""

from dataclasses import dataclass

from streams.actions.activation import Lane


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneOptions:
    """Bounds of one lane.

    Attributes:
        lane: Which one.
        rank: Which of two lanes goes first where they want the same of Klaviyo: the
            lower one.
        items_max: Most items a batch holds.
        age_s: How long an item waits for company.
        window_items: Most items the lane holds.
        window_bytes: Most bytes of records the lane holds.
        page_items: What a look-up takes; larger batches are cut at whole pages.
        batches_max: Most batches under way.
        grace_s: How long one under way may go on when its partition leaves.
        rest_s: How long what concerns the same profile waits after a batch: Klaviyo
            takes a change of consent before it makes it.
    """

    lane: Lane
    items_max: int
    age_s: float
    window_items: int
    window_bytes: int = 1 << 26
    rank: int = 0
    page_items: int = 1
    batches_max: int = 64
    grace_s: float = 10.0
    rest_s: float = 0.0
