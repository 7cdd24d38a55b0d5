"""Markdown table of all metrics, rendered from the catalogue."""

from typing import Final

from agents.shared.metrics.catalogue import CATALOGUE, MetricSpec

_HEADER: Final = "| metric | kind | labels | unit | meaning |\n|---|---|---|---|---|\n"


def metrics_table() -> str:
    """Return a Markdown table with a row for each metric, in the catalogue's order."""
    return _HEADER + "".join(map(_row, CATALOGUE))


def _row(metric: MetricSpec) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    cells = (f"`{metric.name}`", metric.kind, labels, metric.unit, metric.help)
    return f"| {' | '.join(cells)} |\n"
