"""The events lane: each event recorded once, under a metric that may be there."""

import asyncio
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from hashlib import blake2b

import structlog

from agents.context import Context
from agents.lanes.options import LaneOptions
from agents.lanes.plain import PlainLane
from agents.lanes.receipt import Waiting
from streams.actions.intents import EventRecord, Intent
from streams.delivery.joining import apart
from streams.delivery.queue import Group
from streams.delivery.recent import Recent
from streams.delivery.verdict import ItemVerdict, Verdict
from streams.destination.model import UnknownMetric
from streams.errors import EngineError
from streams.klaviyo.carriers import Carrier, event_item, record
from streams.klaviyo.event_items import repeat_key
from streams.klaviyo.metrics import metric_names, missing_metrics
from streams.klaviyo.repeats import REPEAT

log = structlog.get_logger(__name__)

FRESH_S = 10.0
"""Ours: so long a list of the account's metrics is believed to be whole."""

REFUSED_WAIT_S = 60.0
"""Ours: until it is asked for again when Klaviyo refuses to give it."""


RECORDED_MAX = 100_000
"""Ours: events remembered, some 15 MB; a producer repeats within minutes."""


class EventsLane(PlainLane):
    """Events; where the file says so, those of metrics that there are."""

    def __init__(self, context: Context, options: LaneOptions) -> None:
        super().__init__(context, options, join=apart)
        self._known: frozenset[str] = frozenset()
        self._read_s = float("-inf")
        self._reading = asyncio.Lock()
        self._preflight: asyncio.Task[None] | None = None
        self._recorded = Recent[bytes](RECORDED_MAX)

    async def take_over(self, _partition: int) -> None:
        """Say once which metrics of the mappings Klaviyo does not have."""
        if self._preflight is None:
            self._preflight = asyncio.create_task(self._say_missing())

    async def send(
        self, group: Group, items: Sequence[Waiting]
    ) -> list[ItemVerdict] | None:
        """Record events, those left out that were recorded a short while ago.

        Klaviyo refuses a bulk request for one event that it has already.
        """
        keys = [_key(item) for item in items]
        verdicts = {at: REPEAT for at, key in enumerate(keys) if key in self._recorded}
        fresh = [at for at in range(len(items)) if at not in verdicts]
        answer = await super().send(group, [items[at] for at in fresh])
        for at, verdict in zip(fresh, answer or (), strict=True):
            verdicts[at] = verdict
            if verdict.verdict is Verdict.DELIVERED and keys[at]:
                self._recorded.add(keys[at])
        return [verdicts[at] for at in range(len(items))]

    async def carrier(self, kind: str, intents: Sequence[Intent]) -> Carrier:
        """Record events, of known metrics only where others are dead letters."""
        del kind
        wanted = {one.metric for one in intents if isinstance(one, EventRecord)}
        strict = self.context.destination.unknown_metric is UnknownMetric.DEAD_LETTER
        return partial(
            record,
            known_metrics=await self._metrics(wanted) if strict else None,
            now_s=self.context.now_ms() / 1000,
        )

    async def _say_missing(self) -> None:
        metrics = self.context.destination.metrics
        if not metrics:
            return
        known = await self._metrics(metrics.keys())
        policy = str(self.context.destination.unknown_metric)
        for name, nearest in missing_metrics(metrics, known):
            log.warning(
                "metric_unknown",
                metric=name,
                mappings=metrics[name],
                nearest=nearest or "",
                policy=policy,
            )

    async def _metrics(self, wanted: AbstractSet[str]) -> frozenset[str]:
        """Give the account's metrics, read again where one that is wanted is new."""
        async with self._reading:
            now_s = asyncio.get_running_loop().time()
            while now_s - self._read_s > FRESH_S and not wanted <= self._known:
                try:
                    self._known = await metric_names(self.context.klaviyo)
                    self._read_s = now_s
                except EngineError as refused:
                    log.warning("metrics_not_listed", reason=str(refused))
                    await asyncio.sleep(REFUSED_WAIT_S)
            return self._known


def _key(item: Waiting) -> bytes:
    """Name an event in few bytes; a producer's own id may be long."""
    intent = item.activation.intent
    named = repeat_key(event_item(intent)) if isinstance(intent, EventRecord) else None
    return blake2b(repr(named).encode(), digest_size=16).digest() if named else b""
