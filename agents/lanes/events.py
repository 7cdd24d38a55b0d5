"""The events lane: records each event once, with a metric that is allowed."""

import asyncio
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from hashlib import blake2b

import structlog

from agents.lanes.lane import BatchResult, LaneOptions, NotNow
from agents.lanes.pending import LaneItem
from agents.lanes.simple import SimpleLane
from agents.shared.context import Context
from streams.actions.intents import EventRecord, Intent
from streams.delivery.coalescer import BatchKey
from streams.delivery.duplicates import RecentKeys
from streams.delivery.merge_policies import never_merge
from streams.delivery.verdict import Verdict
from streams.destination.model import UnknownMetricPolicy
from streams.errors import EngineError
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.batching.deduplicate import DUPLICATE_VERDICT
from streams.klaviyo.execute import Operation
from streams.klaviyo.lookups.metrics import fetch_metric_names, find_missing_metrics
from streams.klaviyo.operations.events import record_events
from streams.klaviyo.payloads.event_lines import duplicate_key

log = structlog.get_logger(__name__)

METRICS_FRESH_S = 10.0
"""Time for which the list of the account's metrics is taken as complete; our own."""

METRICS_RETRY_S = 60.0
"""Time until the metrics are listed again after Klaviyo refused to; our own."""


RECENT_EVENTS_MAX = 100_000
"""Events remembered, some 15 MB: producers send a duplicate within minutes; our own."""


class EventsLane(SimpleLane):
    """Lane of events; the destination file may forbid metrics unknown to Klaviyo."""

    def __init__(self, context: Context, options: LaneOptions) -> None:
        super().__init__(context, options, merge=never_merge)
        self._known_metrics: frozenset[str] = frozenset()
        self._metrics_read_s = float("-inf")
        self._metrics_lock = asyncio.Lock()
        self._metrics_check: asyncio.Task[None] | None = None
        self._recent_events = RecentKeys[bytes](RECENT_EVENTS_MAX)

    async def on_partition_assigned(self, partition: int) -> None:
        """Warn once of metrics that mappings name and Klaviyo does not have."""
        del partition
        if self._metrics_check is None:
            self._metrics_check = asyncio.create_task(self._warn_of_missing_metrics())

    async def send(
        self,
        klaviyo: KlaviyoClient,
        batch_key: BatchKey,
        items: Sequence[LaneItem],
    ) -> BatchResult:
        """Record events, except duplicates of events recorded a short while ago.

        Klaviyo rejects a whole bulk request for one event that it has already.
        """
        keys = [_event_key(item) for item in items]
        verdicts = {
            index: DUPLICATE_VERDICT
            for index, key in enumerate(keys)
            if key in self._recent_events
        }
        new_indexes = [index for index in range(len(items)) if index not in verdicts]
        new_items = [items[index] for index in new_indexes]
        new_verdicts = await super().send(klaviyo, batch_key, new_items)
        if isinstance(new_verdicts, NotNow):
            return new_verdicts
        for index, verdict in zip(new_indexes, new_verdicts, strict=True):
            verdicts[index] = verdict
            if verdict.verdict is Verdict.DELIVERED and keys[index]:
                self._recent_events.add(keys[index])
        return [verdicts[index] for index in range(len(items))]

    async def operation_for(self, kind: str, intents: Sequence[Intent]) -> Operation:
        """Return the operation that records events, with known metrics if required."""
        del kind
        metrics = {
            intent.metric for intent in intents if isinstance(intent, EventRecord)
        }
        is_strict = (
            self.context.destination.unknown_metric is UnknownMetricPolicy.DEAD_LETTER
        )
        return partial(
            record_events,
            known_metrics=await self._account_metrics(metrics) if is_strict else None,
            now_s=self.context.now_ms() / 1000,
        )

    async def _warn_of_missing_metrics(self) -> None:
        metrics = self.context.destination.metrics
        if not metrics:
            return
        account_metrics = await self._account_metrics(metrics.keys())
        policy = str(self.context.destination.unknown_metric)
        for name, nearest in find_missing_metrics(metrics, account_metrics):
            log.warning(
                "metric_unknown",
                metric=name,
                mappings=metrics[name],
                nearest=nearest or "",
                policy=policy,
            )

    async def _account_metrics(self, metrics: AbstractSet[str]) -> frozenset[str]:
        """Return the account's metrics, listed again if any of `metrics` is unknown."""
        async with self._metrics_lock:
            now_s = asyncio.get_running_loop().time()
            while (
                now_s - self._metrics_read_s > METRICS_FRESH_S
                and not metrics <= self._known_metrics
            ):
                try:
                    self._known_metrics = await fetch_metric_names(self.context.klaviyo)
                    self._metrics_read_s = now_s
                except EngineError as error:
                    log.warning("metrics_not_listed", reason=str(error))
                    await asyncio.sleep(METRICS_RETRY_S)
            return self._known_metrics


def _event_key(item: LaneItem) -> bytes:
    """Return a short key for an event: an id that the producer set may be long."""
    intent = item.activation.intent
    key = duplicate_key(intent) if isinstance(intent, EventRecord) else None
    return blake2b(repr(key).encode(), digest_size=16).digest() if key else b""
