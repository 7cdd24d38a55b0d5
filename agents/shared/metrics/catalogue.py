"""Catalogue of all metrics of a worker: names, labels, units and meanings.

A name begins with `klaviyo_streams_` and ends with its base unit; counters end in
`_total`. No label holds an identifier: each has few values, or is folded
(`agents/shared/metrics/labels.py`).
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Final

PREFIX: Final = "klaviyo_streams_"

LATENCY_BUCKETS_S: Final = (
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
    *(300.0, 1_800.0, 7_200.0, 43_200.0),
)
"""Seconds, our own: from a tenth of a second, the time of a batch and its request, to
half a day, an outage over night."""

REQUEST_BUCKETS_S: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)
"""Seconds, our own; 60 is the timeout of a request."""

BATCH_BUCKETS: Final = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 10_000)
"""Items, our own; 100, 1,000 and 10,000 are what one request of an endpoint takes."""


class MetricKind(StrEnum):
    """Kind of a metric, as Prometheus names it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSpec:
    """Metric with all that a reader of the page may rely on.

    Attributes:
        name: Name as Prometheus shows it.
        kind: Kind of the metric.
        unit: Base unit of the value, for people.
        help: Meaning, one sentence.
        labels: Names of the labels.
        buckets: Upper bounds of a histogram's buckets, in the unit.
        is_pulled: True if the value is read at each scrape; otherwise the worker sets
            it when it changes.
    """

    name: str
    kind: MetricKind
    unit: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    is_pulled: bool = False


def _spec(
    kind: MetricKind, name: str, unit: str, help_text: str, *labels: str
) -> MetricSpec:
    return MetricSpec(
        name=PREFIX + name, kind=kind, unit=unit, help=help_text, labels=labels
    )


_counter = partial(_spec, MetricKind.COUNTER)
_gauge = partial(_spec, MetricKind.GAUGE)


def _pulled_counter(*fields: str) -> MetricSpec:
    return replace(_counter(*fields), is_pulled=True)


def _pulled_gauge(*fields: str) -> MetricSpec:
    return replace(_gauge(*fields), is_pulled=True)


def _histogram(buckets: tuple[float, ...], *fields: str) -> MetricSpec:
    return replace(_spec(MetricKind.HISTOGRAM, *fields), buckets=buckets)


_STAGES: Final = (
    _counter("records_in_total", "records", "Records that a stage has read.", "stage"),
    _counter(
        "records_out_total",
        "records",
        "Records that intake or activate wrote for the next stage, and records that a"
        " lane has settled.",
        "stage",
    ),
    _counter(
        "stage_busy_seconds_total",
        "seconds",
        "Time in which the event loop ran a stage's own code for fetched records;"
        " waiting is not in it.",
        "stage",
    ),
    _gauge(
        "last_progress_timestamp_seconds",
        "seconds since 1970",
        "Time at which a stage last finished records.",
        "stage",
    ),
    _pulled_gauge(
        "lag_records",
        "records",
        "Records of a partition that are not finished; only partitions of this worker.",
        *("group", "topic", "partition"),
    ),
    _pulled_gauge(
        "lag_age_seconds",
        "seconds",
        "Age of the oldest unfinished record of a partition; 0 without lag.",
        *("group", "topic", "partition"),
    ),
    _pulled_counter(
        "rebalances_total",
        "rebalances",
        "Assignments of partitions that a consumer group gave this worker.",
        "group",
    ),
)

_OUTCOMES: Final = (
    _counter(
        "outcomes_total",
        "outcomes",
        "Items of the outcomes topic.",
        *("verdict", "reason", "action", "mapping"),
    ),
    _counter(
        "dead_letters_total",
        "records",
        "Records written to the topic of dead letters.",
        *("stage", "reason"),
    ),
    _histogram(
        LATENCY_BUCKETS_S,
        "latency_to_acceptance_seconds",
        "seconds",
        "Time from the source record's timestamp to the answer with which Klaviyo"
        " accepted the last change of its batch.",
        "lane",
    ),
    _histogram(
        LATENCY_BUCKETS_S,
        "latency_to_outcome_seconds",
        "seconds",
        "Time from the source record's timestamp to the written outcome of a lane.",
        "lane",
    ),
)

_LANES: Final = (
    _counter("batches_total", "batches", "Batches that a lane has settled.", "lane"),
    _histogram(
        BATCH_BUCKETS, "batch_items", "items", "Items in a settled batch.", "lane"
    ),
    _counter(
        "coalesced_total",
        "records",
        "Records that needed no item of their own: merged into another, or superseded.",
        "lane",
    ),
    _pulled_gauge(
        "import_jobs_in_flight",
        "jobs",
        "Import jobs that Klaviyo accepted for batches without a verdict.",
        "lane",
    ),
    _pulled_gauge(
        "import_job_oldest_age_seconds",
        "seconds",
        "Age of the oldest of these import jobs; 0 without any.",
        "lane",
    ),
    _pulled_gauge(
        "pending_items", "items", "Items of a lane, waiting or in flight.", "lane"
    ),
    _pulled_gauge(
        "pending_items_limit",
        "items",
        "Setting lane_max_pending_items: at the limit a lane reads no more.",
        "lane",
    ),
    _pulled_gauge(
        "pending_bytes", "bytes", "Bytes of a lane's records without outcome.", "lane"
    ),
    _pulled_gauge(
        "pending_bytes_limit",
        "bytes",
        "Setting lane_max_pending_bytes: at the limit a lane reads no more.",
        "lane",
    ),
    _pulled_gauge(
        "lane_waiting",
        "1 or 0",
        "1 while a lane waits for this cause. klaviyo-down and quota end by themselves;"
        " key, account, scope, revision, blocked, connection and request need an"
        " operator.",
        *("lane", "cause"),
    ),
)

_KLAVIYO: Final = (
    _counter(
        "requests_total",
        "requests",
        "Requests to Klaviyo by HTTP status; `none` for no response.",
        *("endpoint", "status"),
    ),
    _histogram(
        REQUEST_BUCKETS_S,
        "request_duration_seconds",
        "seconds",
        "Time from sending a request to the end of the response.",
        "endpoint",
    ),
    _counter(
        "request_retries_total",
        "requests",
        "Requests that are sent again: throttled (429), unavailable, network, blocked,"
        " or refused until an operator acts (operator).",
        *("endpoint", "cause"),
    ),
    _counter(
        "blocked_responses_total",
        "responses",
        "Challenge pages: Klaviyo's firewall blocks the sender's IP address.",
    ),
    _counter(
        "limiter_wait_seconds_total",
        "seconds",
        "Time that requests have waited at the rate limiter, summed over requests.",
        "endpoint",
    ),
    _pulled_gauge(
        "quota_limit_requests",
        "requests",
        "Quota of an endpoint: burst per second, steady per minute.",
        *("endpoint", "window"),
    ),
    _pulled_gauge(
        "quota_remaining_requests",
        "requests",
        "Requests left in the window for all users of the account; only steady.",
        *("endpoint", "window"),
    ),
    _pulled_gauge(
        "quota_own_share_ratio",
        "ratio",
        "Share of the quota that this worker has learned to use; only steady.",
        *("endpoint", "window"),
    ),
    _pulled_gauge(
        "quota_others_share_ratio",
        "ratio",
        "Estimated share of the quota that other workers and tools use; only steady.",
        *("endpoint", "window"),
    ),
)

_WORKER: Final = (
    _pulled_gauge(
        "state_entries",
        "entries",
        "Entries of the user table on this worker; an estimate with RocksDB.",
    ),
    _pulled_gauge(
        "state_recovery_remaining_records",
        "records",
        "Changelog records that are still to be read before events are.",
    ),
    _pulled_gauge(
        "state_recovered",
        "1 or 0",
        "1 if the table of each assigned partition is recovered.",
    ),
    _gauge(
        "clock_difference_seconds",
        "seconds",
        "Clock of Klaviyo (header Date, whole seconds) minus the clock of this worker.",
        "peer",
    ),
    _pulled_gauge(
        "build_info", "1", "Version of the worker and of Python.", "version", "python"
    ),
)

CATALOGUE: Final = (*_STAGES, *_OUTCOMES, *_LANES, *_KLAVIYO, *_WORKER)
"""All metrics, in the order of the table; `process_*` of prometheus-client beside."""
