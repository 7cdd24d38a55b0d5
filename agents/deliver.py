"""Stage deliver: activations of the lanes become requests, verdicts become outcomes."""

from collections.abc import Callable
from functools import partial
from typing import Final

from agents.lanes.consent import ConsentLane
from agents.lanes.events import EventsLane
from agents.lanes.lane import Lane, LaneOptions
from agents.lanes.lists import ListsLane
from agents.lanes.simple import SimpleLane
from agents.shared.context import Context
from streams.delivery.merge_policies import merge_profiles, never_merge
from streams.klaviyo.api.endpoints import LOOKUP_MAX_VALUES, UNSUBSCRIBE
from streams.klaviyo.operations.list_unsubscribe import JOB_SETTLE_S
from streams.settings.model import LaneId

BATCH_ITEMS_MAX: Final = {LaneId.PRIVACY: 10}
"""Smaller batches for lanes whose items take a request each, of 60 a minute."""

PAGE_ITEMS: Final = {
    LaneId.LISTS: LOOKUP_MAX_VALUES,
    LaneId.CONSENT: UNSUBSCRIBE.limit.items,
}
"""Items that one request takes: batches are cut at whole requests."""

_LANE_CLASSES: Final[dict[LaneId, Callable[[Context, LaneOptions], Lane]]] = {
    LaneId.CONSENT: ConsentLane,
    LaneId.LISTS: ListsLane,
    LaneId.EVENTS: EventsLane,
    LaneId.PROFILES: partial(SimpleLane, merge=merge_profiles),
    LaneId.PRIVACY: partial(SimpleLane, merge=never_merge),
}


def create_lane(context: Context, lane_id: LaneId) -> Lane:
    """Create a lane with the limits in the settings."""
    return _LANE_CLASSES[lane_id](context, _lane_options(context, lane_id))


def _lane_options(context: Context, lane_id: LaneId) -> LaneOptions:
    settings = context.settings
    return LaneOptions(
        lane=lane_id,
        rank=list(LaneId).index(lane_id),
        batch_max_items=min(
            settings.batch_max_items, BATCH_ITEMS_MAX.get(lane_id, 10_000)
        ),
        batch_max_age_s=settings.batch_max_age_s,
        page_items=PAGE_ITEMS.get(lane_id, 1),
        max_pending_items=settings.lane_max_pending_items,
        max_pending_bytes=settings.lane_max_pending_bytes,
        grace_s=settings.rebalance_timeout_s / 4,
        settle_delay_s=JOB_SETTLE_S if lane_id is LaneId.CONSENT else 0.0,
    )
