"""Lanes that do what their intents say and have nothing else to think of."""

from collections.abc import Sequence
from functools import partial

from agents.context import Context
from agents.lanes.callers import Callers
from agents.lanes.lane import LaneService
from agents.lanes.options import LaneOptions
from agents.lanes.receipt import Receipt, Waiting
from streams.actions.intents import Intent
from streams.delivery.queue import Coalescer, Group, Join
from streams.delivery.verdict import ItemVerdict, dead_letter
from streams.klaviyo.carriers import CARRIERS, Carrier, upsert
from streams.klaviyo.carry import remarked
from streams.klaviyo.results import ListGone

_GONE = dead_letter("list-gone: the list is not in Klaviyo; mend the mapping, requeue")


class PlainLane:
    """Profiles and privacy; the base of lanes that think of one thing more."""

    def __init__(
        self, context: Context, options: LaneOptions, *, join: Join[Receipt]
    ) -> None:
        self.context = context
        self._callers = Callers(context.klaviyo, rank=options.rank)
        self.service = LaneService(
            context,
            options=options,
            queue=Coalescer[Receipt](join),
            send=self.send,
            sendable=self._callers.is_free,
            due=self._callers.is_due,
        )

    async def take_over(self, _partition: int) -> None:
        """Nothing to wait for: what is done twice is done once."""

    async def send(
        self, group: Group, items: Sequence[Waiting]
    ) -> list[ItemVerdict] | None:
        """Do what the batch wants."""
        intents = [item.activation.intent for item in items]
        klaviyo = self._callers.of(group)
        carrier = await self.carrier(group.kind, intents)
        answer = await carrier(klaviyo, intents)
        if isinstance(answer, ListGone):
            return [_GONE] * len(items)
        return [remarked(*pair) for pair in zip(answer, intents, strict=True)]

    async def carrier(self, kind: str, intents: Sequence[Intent]) -> Carrier:
        """Give what does intents of a kind."""
        del intents
        if kind == "upsert":
            few = self.context.settings.bulk_min_items
            return partial(upsert, bulk_min_items=few)
        return CARRIERS[kind]
