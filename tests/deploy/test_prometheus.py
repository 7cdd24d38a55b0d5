"""Alerts of `deploy/prometheus`: checked and tested by promtool, and documented."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.metric_names import METRIC_NAMES
from tests.deploy.tools import DEPLOY, metrics_in, run
from tests.structure.test_references import headings

pytestmark = pytest.mark.no_cover

RULES = DEPLOY / "prometheus/rules.yaml"
UNIT_TESTS = DEPLOY / "prometheus/rules_test.yaml"

ALERTS = {
    rule["alert"]: rule
    for group in yaml.safe_load(RULES.read_text())["groups"]
    for rule in group["rules"]
}


@pytest.fixture(params=ALERTS)
def alert(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return each alert in turn."""
    rule: dict[str, Any] = ALERTS[request.param]
    return rule


def test_promtool_accepts_the_rules() -> None:
    """Each expression and template is valid."""
    assert "11 rules found" in run("promtool", "check", "rules", RULES)


def test_the_unit_tests_of_the_rules_pass() -> None:
    """Each alert fires in its fault journey, and is quiet in a healthy one."""
    run("promtool", "test", "rules", UNIT_TESTS)


def test_each_alert_has_a_unit_test() -> None:
    """The unit tests see each alert firing, by a sample or with its texts."""
    fired = set()
    for journey in yaml.safe_load(UNIT_TESTS.read_text())["tests"]:
        for case in journey.get("promql_expr_test", ()):
            fired |= {
                name
                for sample in case["exp_samples"]
                for name in ALERTS
                if f'"{name}"' in sample["labels"]
            }
        fired |= {
            case["alertname"]
            for case in journey.get("alert_rule_test", ())
            if case["exp_alerts"]
        }

    assert fired == {*ALERTS}


def test_an_alert_says_what_to_do(alert: dict[str, Any]) -> None:
    """Summary, description, a severity, and a heading of the runbook that exists."""
    texts = alert["annotations"]
    path, _, heading = texts["runbook_url"].partition("#")

    assert texts["summary"]
    assert texts["description"].endswith(".")
    assert alert["labels"]["severity"] in {"warning", "critical"}
    assert path == "deploy/RUNBOOK.md"
    assert heading in headings(DEPLOY / "RUNBOOK.md")


def test_an_alert_uses_metrics_of_the_catalogue(alert: dict[str, Any]) -> None:
    """No alert waits for a metric that no worker has."""
    assert metrics_in(alert["expr"]) <= METRIC_NAMES
    assert metrics_in(alert["expr"])


def test_promtool_accepts_the_configuration_of_compose(
    tmp_path: Path,
) -> None:
    """Prometheus of compose.yaml finds its rules and its targets."""
    text = (DEPLOY / "prometheus/prometheus.yml").read_text()
    config = tmp_path / "prometheus.yml"
    config.write_text(text.replace("/etc/prometheus/rules.yaml", str(RULES)))

    assert "SUCCESS: 1 rule files found" in run("promtool", "check", "config", config)
