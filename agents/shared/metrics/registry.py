"""Registry of a worker's metrics, and the metrics that stages and lanes set."""

from collections import Counter as Count
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Final, NamedTuple, TypeAlias

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from agents.shared.metrics.catalogue import CATALOGUE, PREFIX, MetricKind, MetricSpec
from agents.shared.metrics.labels import (
    REASONS_MAX,
    FirstValues,
    KnownValues,
    reason_code,
)
from streams.actions.registry import ACTIONS
from streams.dead_letters.encoding import DeadLetter
from streams.delivery.outcome import OutcomeItem, Stage

Sample: TypeAlias = tuple[tuple[str, ...], float]
"""Values of the labels, in the catalogue's order, and the value."""

Read: TypeAlias = Callable[[], Iterable[Sample]]
"""Reads the samples of a metric at a scrape."""

_ACTION_NAMES: Final = (*ACTIONS, "alias")


class StageMetrics(NamedTuple):
    """Metrics of a stage, with the label resolved.

    Attributes:
        records_in: Records that the stage has read.
        records_out: Records that it has written onward, or settled.
        busy_s: Seconds in its own code.
        progress_s: Time at which it last finished records, seconds since the epoch.
    """

    records_in: Counter
    records_out: Counter
    busy_s: Counter
    progress_s: Gauge


class LaneMetrics(NamedTuple):
    """Metrics of a lane, with the label resolved.

    Attributes:
        batches: Settled batches.
        batch_items: Items in a settled batch.
        coalesced: Records without an item of their own.
        acceptance_s: Seconds from the source record to acceptance.
        outcome_s: Seconds from the source record to the outcome.
    """

    batches: Counter
    batch_items: Histogram
    coalesced: Counter
    acceptance_s: Histogram
    outcome_s: Histogram


class WorkerMetrics:
    """Metrics of a worker, in a registry of its own.

    Args:
        stages: Names of the stages that run.
        mappings: Names of the mappings in the destination file.

    Attributes:
        registry: Registry that `/metrics` shows.
        stages: Metrics of each stage.
    """

    def __init__(
        self, *, stages: Collection[str] = tuple(Stage), mappings: Collection[str] = ()
    ) -> None:
        self.registry = CollectorRegistry()
        self._pulled = _PulledMetrics()
        self.registry.register(self._pulled)
        ProcessCollector(registry=self.registry)
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._histograms: dict[str, Histogram] = {}
        for spec in CATALOGUE:
            if not spec.is_pulled:
                self._register(spec)
        self._reasons = FirstValues(REASONS_MAX)
        self._actions = KnownValues(_ACTION_NAMES)
        self._mappings = KnownValues(mappings)
        self._outcomes: dict[tuple[str, ...], Counter] = {}
        self.stages = {stage: self._stage_metrics(stage) for stage in stages}

    def counter(self, name: str, *labels: str) -> Counter:
        """Return a counter with the labels resolved; the caller keeps it.

        Args:
            name: Name in the catalogue, without the prefix.
            labels: Values of the labels, in the catalogue's order.
        """
        metric = self._counters[PREFIX + name]
        return metric.labels(*labels) if labels else metric

    def gauge(self, name: str, *labels: str) -> Gauge:
        """Return a gauge with the labels resolved, as `counter` does."""
        metric = self._gauges[PREFIX + name]
        return metric.labels(*labels) if labels else metric

    def histogram(self, name: str, *labels: str) -> Histogram:
        """Return a histogram with the labels resolved, as `counter` does."""
        metric = self._histograms[PREFIX + name]
        return metric.labels(*labels) if labels else metric

    def pull(self, name: str, read: Read) -> None:
        """Read a metric at each scrape.

        Args:
            name: Name in the catalogue, without the prefix.
            read: Reads the samples; two reads of a metric share no values of labels.
        """
        self._pulled.add(PREFIX + name, read)

    def lane(self, lane: str) -> LaneMetrics:
        """Return the metrics of a lane; the caller keeps them."""
        return LaneMetrics(
            self.counter("batches_total", lane),
            self.histogram("batch_items", lane),
            self.counter("coalesced_total", lane),
            self.histogram("latency_to_acceptance_seconds", lane),
            self.histogram("latency_to_outcome_seconds", lane),
        )

    def count_outcomes(
        self,
        items: Sequence[OutcomeItem],
        *,
        action: str = "",
        mappings: Sequence[str] = (),
    ) -> None:
        """Count outcomes that have been written.

        Args:
            items: The outcomes.
            action: Name of the action; empty for none.
            mappings: Name of the mapping of each outcome; empty if none has a mapping.
        """
        names = mappings or [""] * len(items)
        counts = Count(
            (item.verdict.value, item.reason, mapping)
            for item, mapping in zip(items, names, strict=True)
        )
        for (verdict, reason, mapping), count in counts.items():
            self._outcome(verdict, reason, action, mapping).inc(count)

    def count_dead_letters(self, dead_letters: Sequence[DeadLetter]) -> None:
        """Count dead letters that have been written."""
        counts = Count((failed.stage, failed.code) for failed in dead_letters)
        for (stage, code), count in counts.items():
            reason = self._reasons.fold(reason_code(code))
            self.counter("dead_letters_total", stage, reason).inc(count)

    def _outcome(self, *key: str) -> Counter:
        """Return the counter of outcomes, by values that are not folded yet."""
        verdict, reason, action, mapping = key
        labels = (
            verdict,
            self._reasons.fold(reason_code(reason)),
            self._actions.fold(action),
            self._mappings.fold(mapping),
        )
        child = self._outcomes.get(labels)
        if child is None:
            child = self._outcomes[labels] = self.counter("outcomes_total", *labels)
        return child

    def _register(self, spec: MetricSpec) -> None:
        name, fields = spec.name, (spec.name, spec.help, spec.labels)
        match spec.kind:
            case MetricKind.COUNTER:
                self._counters[name] = Counter(*fields, registry=self.registry)
            case MetricKind.GAUGE:
                self._gauges[name] = Gauge(*fields, registry=self.registry)
            case MetricKind.HISTOGRAM:
                self._histograms[name] = Histogram(
                    *fields, buckets=spec.buckets, registry=self.registry
                )

    def _stage_metrics(self, stage: str) -> StageMetrics:
        return StageMetrics(
            self.counter("records_in_total", stage),
            self.counter("records_out_total", stage),
            self.counter("stage_busy_seconds_total", stage),
            self.gauge("last_progress_timestamp_seconds", stage),
        )


class _PulledMetrics(Collector):
    """Collector of the metrics that are read at each scrape."""

    def __init__(self) -> None:
        self._specs = {spec.name: spec for spec in CATALOGUE if spec.is_pulled}
        self._reads: dict[str, list[Read]] = defaultdict(list)

    def add(self, name: str, read: Read) -> None:
        """Read a metric of the catalogue at each scrape."""
        self._reads[self._specs[name].name].append(read)

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Yield each metric with its samples."""
        for name, reads in self._reads.items():
            spec = self._specs[name]
            is_counter = spec.kind is MetricKind.COUNTER
            family_type = CounterMetricFamily if is_counter else GaugeMetricFamily
            family = family_type(name, spec.help, labels=spec.labels)
            for read in reads:
                for labels, value in read():
                    family.add_metric(labels, value)
            yield family
