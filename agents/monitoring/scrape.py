"""Metrics that are read at each scrape: from readers, lanes, rate limiter and table."""

import platform
from collections.abc import Iterator, Sequence
from functools import partial
from importlib.metadata import version
from typing import Final

from agents.engine.faust_app import EngineApp
from agents.lanes.service import LaneService
from agents.monitoring.lag import LagWatch
from agents.shared.context import Context
from agents.shared.metrics.registry import Sample
from streams.delivery.outcome import Stage
from streams.klaviyo.api.wait_causes import WaitCause

_LANE_FIGURES: Final = {
    "pending_items": "items",
    "pending_items_limit": "items_max",
    "pending_bytes": "bytes",
    "pending_bytes_limit": "bytes_max",
}
"""Metric of a lane to the attribute of `LaneStatus`."""


class Scrape:
    """Reader of the metrics that nobody sets.

    Args:
        app: App of the worker.
        context: Services of the worker.
        lags: Watch over the lag.
        lanes: Lanes of the worker.
    """

    def __init__(
        self,
        app: EngineApp,
        context: Context,
        *,
        lags: LagWatch,
        lanes: Sequence[LaneService],
    ) -> None:
        self._app = app
        self._context = context
        self._lags = lags
        self._lanes = lanes

    def register(self) -> None:
        """Have the metrics read at each scrape."""
        pull = self._context.metrics.pull
        pull("lag_records", self._lag_records)
        pull("lag_age_seconds", self._lag_ages)
        pull("rebalances_total", self._rebalances)
        pull("import_jobs_in_flight", self._import_jobs)
        pull("import_job_oldest_age_seconds", self._import_ages)
        for name, attribute in _LANE_FIGURES.items():
            pull(name, partial(self._lane_figure, attribute))
        pull("lane_waiting", self._lane_waits)
        pull("quota_limit_requests", self._quota_limits)
        pull("quota_remaining_requests", self._quota_remaining)
        pull("quota_own_share_ratio", self._own_shares)
        pull("quota_others_share_ratio", self._others_shares)
        pull("state_entries", self._state_entries)
        pull("state_recovery_remaining_records", self._recovery_remaining)
        pull("state_recovered", self._is_recovered)
        pull("build_info", self._build)

    def _lag_records(self) -> Iterator[Sample]:
        for lag in self._lags.lags():
            yield (lag.group, lag.topic, str(lag.partition)), lag.records

    def _lag_ages(self) -> Iterator[Sample]:
        for lag in self._lags.lags():
            yield (lag.group, lag.topic, str(lag.partition)), lag.age_s

    def _rebalances(self) -> Iterator[Sample]:
        for reader in self._app.readers:
            yield (reader.options.group,), reader.rebalance_count

    def _import_jobs(self) -> Iterator[Sample]:
        for lane in self._lanes:
            yield (lane.status.lane,), len(lane.status.imports_ms)

    def _import_ages(self) -> Iterator[Sample]:
        now_ms = self._context.now_ms()
        for lane in self._lanes:
            oldest_ms = min(lane.status.imports_ms, default=now_ms)
            yield (lane.status.lane,), max(0, now_ms - oldest_ms) / 1000

    def _lane_figure(self, attribute: str) -> Iterator[Sample]:
        for lane in self._lanes:
            yield (lane.status.lane,), getattr(lane.status, attribute)

    def _lane_waits(self) -> Iterator[Sample]:
        for lane in self._lanes:
            status = lane.status
            for cause in WaitCause:
                yield (status.lane, cause), float(cause in status.waits)

    def _quota_limits(self) -> Iterator[Sample]:
        for endpoint, use in self._context.klaviyo.limiter.quota_uses().items():
            yield (endpoint, "burst"), use.quota.burst_per_s
            yield (endpoint, "steady"), use.quota.steady_per_min

    def _quota_remaining(self) -> Iterator[Sample]:
        for endpoint, use in self._context.klaviyo.limiter.quota_uses().items():
            if use.remaining is not None:
                yield (endpoint, "steady"), use.remaining

    def _own_shares(self) -> Iterator[Sample]:
        for endpoint, use in self._context.klaviyo.limiter.quota_uses().items():
            yield (endpoint, "steady"), use.own_share

    def _others_shares(self) -> Iterator[Sample]:
        for endpoint, use in self._context.klaviyo.limiter.quota_uses().items():
            yield (endpoint, "steady"), use.others_share

    def _state_entries(self) -> Iterator[Sample]:
        yield (), self._context.user_states.count_entries()

    def _recovery_remaining(self) -> Iterator[Sample]:
        yield (), sum(self._context.user_states.remaining.values())

    def _is_recovered(self) -> Iterator[Sample]:
        readers = [r for r in self._app.readers if r.options.name == Stage.ACTIVATE]
        parts = [part for reader in readers for part in reader.partitions.values()]
        has_joined = all(reader.has_joined for reader in readers)
        yield (), float(has_joined and all(part.ready for part in parts))

    def _build(self) -> Iterator[Sample]:
        yield (version("klaviyo-streams"), platform.python_version()), 1
