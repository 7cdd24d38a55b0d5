"""Dashboard of `deploy/grafana`: written by its script, valid, on known metrics."""

import json
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana import dashboard
from tests.deploy.metric_names import METRIC_NAMES, OF_WORKERS
from tests.deploy.tools import DEPLOY, metrics_in, run

pytestmark = pytest.mark.no_cover

FILE = DEPLOY / "grafana/dashboard.json"
CONTENT: dict[str, Any] = json.loads(FILE.read_text())
PANELS = [panel for panel in CONTENT["panels"] if panel["type"] != "row"]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]


def lost(before: object, after: object, at: str = "") -> Iterator[str]:
    """Yield what Grafana's own types do not keep of a document."""
    match before, after:
        case dict(), dict():
            for name, value in before.items():
                if name in after:
                    yield from lost(value, after[name], f"{at}/{name}")
                else:
                    yield f"{at}/{name}"
        case list(), list():
            for index, (one, other) in enumerate(zip(before, after, strict=True)):
                yield from lost(one, other, f"{at}/{index}")
        case _:
            if before != after:
                yield f"{at}: {before!r} is now {after!r}"


def unknown_fields(content: dict[str, Any]) -> list[str]:
    """Return the fields of a dashboard that Grafana does not know."""
    register_default_plugins()
    text = JSONEncoder().encode(Dashboard.from_json(content))
    return [*lost(content, json.loads(text))]


def test_the_file_is_what_the_script_prints() -> None:
    """`python deploy/grafana/dashboard.py > deploy/grafana/dashboard.json`."""
    assert FILE.read_text() == dashboard.render()


def test_grafana_knows_each_field() -> None:
    """Grafana's types read the dashboard, and write it as it was."""
    assert unknown_fields(CONTENT) == []


def test_a_misspelt_field_is_noticed() -> None:
    """A field that Grafana does not know is named with its path."""
    panels = [{**panel, "gridPoz": 1} for panel in CONTENT["panels"][:1]]

    assert unknown_fields({**CONTENT, "panels": panels}) == ["/panels/0/gridPoz"]


def test_there_is_a_row_for_each_stage_and_lane() -> None:
    """Rows are in the order of the journey."""
    rows = [panel["title"] for panel in CONTENT["panels"] if panel["type"] == "row"]

    assert rows == [
        "Overview",
        *(f"Stage {name}" for name in ("intake", "activate", "deliver")),
        *(
            f"Lane {name}"
            for name in ("consent", "lists", "events", "profiles", "privacy")
        ),
        "Klaviyo",
        "Workers",
    ]


def test_no_panels_overlap() -> None:
    """Each panel has an id and a place of its own, within the width."""
    boxes = [panel["gridPos"] for panel in CONTENT["panels"]]
    overlapping = [
        (a, b)
        for a, b in combinations(boxes, 2)
        if a["x"] < b["x"] + b["w"]
        and b["x"] < a["x"] + a["w"]
        and a["y"] < b["y"] + b["h"]
        and b["y"] < a["y"] + a["h"]
    ]

    assert overlapping == []
    assert all(box["x"] + box["w"] <= dashboard.WIDTH for box in boxes)
    assert len({panel["id"] for panel in CONTENT["panels"]}) == len(boxes)


def test_each_expression_parses(tmp_path: Path) -> None:
    """Promtool reads all expressions, as rules of one file."""
    values = {"$job": ".*", "$__rate_interval": "1m"}
    rules = []
    for index, expression in enumerate(EXPRESSIONS):
        for name, value in values.items():
            expression = expression.replace(name, value)  # noqa: PLW2901
        rules.append({"record": f"panel:{index}", "expr": expression})
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))

    assert f"{len(rules)} rules found" in run("promtool", "check", "rules", file)


def test_the_expressions_use_metrics_of_the_catalogue() -> None:
    """All metrics are those of workers, and each metric of a worker has a panel."""
    used = {name for expression in EXPRESSIONS for name in metrics_in(expression)}

    assert used <= METRIC_NAMES
    assert used >= OF_WORKERS
