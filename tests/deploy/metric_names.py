"""Names of the metrics of a worker that rules, dashboard and chart may use."""

from agents.shared.metrics.catalogue import CATALOGUE

OF_WORKERS = frozenset(spec.name for spec in CATALOGUE)

OF_PROCESSES = frozenset(
    (
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
    )
)
"""Metrics of prometheus-client itself."""

METRIC_NAMES = OF_WORKERS | OF_PROCESSES
