"""Catalogue of metrics, and its table in deploy/README.md."""

from pathlib import Path

import pytest

from agents.shared.metrics.catalogue import CATALOGUE, PREFIX, MetricKind, MetricSpec
from agents.shared.metrics.table import metrics_table

README = Path(__file__).parents[4] / "deploy" / "README.md"

IDENTIFYING = {"user", "email", "profile", "list", "id", "audience", "origin", "ip"}


def test_the_deployment_guide_holds_the_table_of_metrics() -> None:
    """Text between the markers equals the table that the catalogue renders."""
    _, _, after = README.read_text().partition("<!-- metrics -->\n\n")
    table, _, _ = after.partition("\n<!-- /metrics -->")

    assert table == metrics_table()


def test_each_name_stands_once() -> None:
    """Names of the catalogue are unique."""
    names = [metric.name for metric in CATALOGUE]

    assert len(set(names)) == len(names)


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_names_follow_the_conventions_of_prometheus(metric: MetricSpec) -> None:
    """Counters end in `_total`, no label is an identifier, histograms have buckets."""
    is_counter = metric.kind is MetricKind.COUNTER

    assert metric.name.startswith(PREFIX)
    assert metric.name.endswith("_total") == is_counter
    assert IDENTIFYING.isdisjoint(metric.labels)
    assert bool(metric.buckets) == (metric.kind is MetricKind.HISTOGRAM)
    assert list(metric.buckets) == sorted(metric.buckets)
    assert metric.help.endswith(".")
