"""Hop 3: lanes become requests to Klaviyo, verdicts become outcomes."""

from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from faust.types import StreamT

from agents.context import Context
from agents.engine.boot import EngineApp
from agents.engine.poll import Poll
from agents.engine.reader import Reader
from agents.engine.watchdog import guarded
from agents.lanes.consent import ConsentLane
from agents.lanes.events import EventsLane
from agents.lanes.lane import LaneService
from agents.lanes.lists import ListsLane
from agents.lanes.options import LaneOptions
from agents.lanes.plain import PlainLane
from streams.actions.activation import Lane
from streams.delivery.joining import apart, merged
from streams.klaviyo.exits import SETTLE_S
from streams.klaviyo.lane_quotas import UNSUBSCRIBE
from streams.klaviyo.quotas import LOOKUP_MAX_VALUES

ITEMS_MAX: Final = {Lane.PRIVACY: 10}
"""Lanes whose items each take a request of their own, of a quota of 60 a minute."""

PAGE_ITEMS: Final = {
    Lane.LISTS: LOOKUP_MAX_VALUES,
    Lane.CONSENT: UNSUBSCRIBE.limit.items,
}
"""What one request takes: a batch is cut at whole ones."""


class Room(Protocol):
    """One lane, running."""

    service: LaneService

    async def take_over(self, _partition: int) -> None:
        """Do what must be done before a partition is read."""


def register(app: EngineApp, lane: LaneService, *, reader: Reader, name: str) -> None:
    """Put a lane's agent on its reader's channel."""

    @app.agent(reader.channel, name=f"deliver.{name}")
    @guarded
    async def deliver(polls: StreamT[Poll]) -> None:
        async for poll in polls:
            groups = poll.begin()
            await lane.take_in(groups)
            for part, _ in groups:
                part.release()


def room_of(context: Context, lane: Lane) -> Room:
    """Build a lane."""
    return _ROOMS[lane](context, _options(context, lane))


_ROOMS: Final[dict[Lane, Callable[[Context, LaneOptions], Room]]] = {
    Lane.CONSENT: ConsentLane,
    Lane.LISTS: ListsLane,
    Lane.EVENTS: EventsLane,
    Lane.PROFILES: partial(PlainLane, join=merged),
    Lane.PRIVACY: partial(PlainLane, join=apart),
}


def _options(context: Context, lane: Lane) -> LaneOptions:
    settings = context.settings
    return LaneOptions(
        lane=lane,
        rank=list(Lane).index(lane),
        items_max=min(settings.batch_max_items, ITEMS_MAX.get(lane, 10_000)),
        age_s=settings.batch_max_age_s,
        page_items=PAGE_ITEMS.get(lane, 1),
        window_items=settings.lane_window_items,
        window_bytes=settings.lane_window_bytes,
        grace_s=settings.rebalance_timeout_s / 4,
        rest_s=SETTLE_S if lane is Lane.CONSENT else 0.0,
    )
