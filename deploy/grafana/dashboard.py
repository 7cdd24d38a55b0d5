"""Grafana dashboard with rows by stage and lane.

    python deploy/grafana/dashboard.py > deploy/grafana/dashboard.json

A test compares the file with what this script prints.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

STAGES = ("intake", "activate", "deliver")
LANES = ("consent", "lists", "events", "profiles", "privacy")

SCHEMA_VERSION = 39
"""Version of the dashboard's format: that of Grafana 11, which later ones read."""

WIDTH = 24
PANEL_HEIGHT = 8

JOB = 'job=~"$job"'

Panel = dict[str, Any]


def panel(
    title: str, unit: str, *queries: tuple[str, str], kind: str = "timeseries"
) -> Panel:
    """Return a panel.

    Args:
        title: Title.
        unit: Unit of Grafana, such as `s`, `short` or `percentunit`.
        queries: PromQL expression and legend of each series.
        kind: Type of the panel.
    """
    return {
        "type": kind,
        "title": title,
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "options": {
            "legend": {
                "displayMode": "list",
                "placement": "bottom",
                "showLegend": True,
                "calcs": [],
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
        if kind == "timeseries"
        else {"reduceOptions": {"calcs": ["lastNotNull"], "values": False}},
        "targets": [
            {"expr": expr, "legendFormat": legend, "refId": chr(ord("A") + index)}
            for index, (expr, legend) in enumerate(queries)
        ],
    }


def metric(name: str, *matchers: str) -> str:
    """Return the selector of a metric of the workers."""
    return f"klaviyo_streams_{name}{{{', '.join([JOB, *matchers])}}}"


def rate(by: str, name: str, *matchers: str) -> str:
    """Return the rate of a counter, summed by labels."""
    return f"sum by ({by}) (rate({metric(name, *matchers)}[$__rate_interval]))"


def quantile(share: float, name: str, *matchers: str) -> str:
    """Return a quantile of a histogram."""
    buckets = rate("le", f"{name}_bucket", *matchers)
    return f"histogram_quantile({share}, {buckets})"


def overview() -> list[Panel]:
    """Return the panels that say at a glance if all is well."""
    return [
        panel(
            "Workers",
            "short",
            (f"count({metric('build_info')})", "workers"),
            kind="stat",
        ),
        panel(
            "Lanes that wait",
            "short",
            (f"sum by (lane, cause) ({metric('lane_waiting')})", "{{lane}}: {{cause}}"),
            kind="stat",
        ),
        panel(
            "Dead letters in an hour",
            "short",
            (
                f"sum by (stage) (increase({metric('dead_letters_total')}[1h]))",
                "{{stage}}",
            ),
            kind="stat",
        ),
        panel(
            "Outcomes",
            "ops",
            (rate("verdict, reason", "outcomes_total"), "{{verdict}} {{reason}}"),
        ),
        panel(
            "Outcomes by action",
            "ops",
            (rate("action, mapping", "outcomes_total"), "{{action}} {{mapping}}"),
        ),
        panel(
            "Age of the oldest unread record",
            "s",
            (f"max by (group) ({metric('lag_age_seconds')})", "{{group}}"),
        ),
    ]


def stage(name: str) -> list[Panel]:
    """Return the panels of a stage."""
    of_stage = f'stage=~"{name}([.].+)?"'  # deliver.events, and the other lanes
    of_group = f'group=~".*[.]{name}([.].+)?"'
    last_progress = metric("last_progress_timestamp_seconds", of_stage)
    return [
        panel(
            "Records",
            "ops",
            (rate("stage", "records_in_total", of_stage), "{{stage}} in"),
            (rate("stage", "records_out_total", of_stage), "{{stage}} out"),
        ),
        panel(
            "Lag",
            "short",
            (f"sum by (group) ({metric('lag_records', of_group)})", "{{group}}"),
        ),
        panel(
            "Busy share of a CPU",
            "percentunit",
            (rate("instance", "stage_busy_seconds_total", of_stage), "{{instance}}"),
        ),
        panel(
            "Time since the last progress",
            "s",
            (
                f"time() - max by (instance, stage) ({last_progress})",
                "{{instance}} {{stage}}",
            ),
        ),
        panel(
            "Dead letters",
            "ops",
            (rate("reason", "dead_letters_total", of_stage), "{{reason}}"),
        ),
        panel(
            "Rebalances",
            "ops",
            (rate("group", "rebalances_total", of_group), "{{group}}"),
        ),
    ]


def lane(name: str) -> list[Panel]:
    """Return the panels of a lane."""
    of_lane = f'lane="{name}"'
    return [
        panel(
            "Latency to acceptance",
            "s",
            (quantile(0.5, "latency_to_acceptance_seconds", of_lane), "median"),
            (quantile(0.99, "latency_to_acceptance_seconds", of_lane), "99 %"),
        ),
        panel(
            "Latency to outcome",
            "s",
            (quantile(0.5, "latency_to_outcome_seconds", of_lane), "median"),
            (quantile(0.99, "latency_to_outcome_seconds", of_lane), "99 %"),
        ),
        panel(
            "Batches",
            "ops",
            (rate("lane", "batches_total", of_lane), "batches"),
            (rate("lane", "batch_items_sum", of_lane), "items"),
            (rate("lane", "coalesced_total", of_lane), "coalesced"),
        ),
        panel(
            "Pending items, of the limit",
            "percentunit",
            (
                (
                    f"sum by (instance) ({metric('pending_items', of_lane)}) / "
                    f"sum by (instance) ({metric('pending_items_limit', of_lane)})"
                ),
                "{{instance}} items",
            ),
            (
                (
                    f"sum by (instance) ({metric('pending_bytes', of_lane)}) / "
                    f"sum by (instance) ({metric('pending_bytes_limit', of_lane)})"
                ),
                "{{instance}} bytes",
            ),
        ),
        panel(
            "Waiting for",
            "short",
            (f"max by (cause) ({metric('lane_waiting', of_lane)})", "{{cause}}"),
        ),
        panel(
            "Import jobs",
            "short",
            (f"sum({metric('import_jobs_in_flight', of_lane)})", "in flight"),
            (
                f"max({metric('import_job_oldest_age_seconds', of_lane)})",
                "age of the oldest, s",
            ),
        ),
    ]


def klaviyo() -> list[Panel]:
    """Return the panels of quotas and requests."""
    return [
        panel(
            "Requests",
            "reqps",
            (rate("endpoint, status", "requests_total"), "{{endpoint}} {{status}}"),
        ),
        panel(
            "Request time, 99 %",
            "s",
            (
                "histogram_quantile(0.99, "
                + rate("le, endpoint", "request_duration_seconds_bucket")
                + ")",
                "{{endpoint}}",
            ),
        ),
        panel(
            "Retries and blocked responses",
            "ops",
            (
                rate("endpoint, cause", "request_retries_total"),
                "{{endpoint}} {{cause}}",
            ),
            (rate("job", "blocked_responses_total"), "blocked"),
        ),
        panel(
            "Quota left",
            "percentunit",
            (
                (
                    "min by (endpoint, window) "
                    f"({metric('quota_remaining_requests')} / "
                    f"{metric('quota_limit_requests')})"
                ),
                "{{endpoint}} {{window}}",
            ),
        ),
        panel(
            "Quota used by others",
            "percentunit",
            (
                f"max by (endpoint) ({metric('quota_others_share_ratio')})",
                "{{endpoint}}",
            ),
            (
                f"max by (endpoint) ({metric('quota_own_share_ratio')})",
                "{{endpoint}}: own share",
            ),
        ),
        panel(
            "Requests that wait at the limiter",
            "short",
            (rate("endpoint", "limiter_wait_seconds_total"), "{{endpoint}}"),
        ),
    ]


def worker() -> list[Panel]:
    """Return the panels of the processes and their table."""
    return [
        panel(
            "CPU",
            "percentunit",
            (
                (
                    f"sum by (instance) (rate(process_cpu_seconds_total{{{JOB}}}"
                    "[$__rate_interval]))"
                ),
                "{{instance}}",
            ),
        ),
        panel(
            "Resident memory",
            "bytes",
            (f"process_resident_memory_bytes{{{JOB}}}", "{{instance}}"),
        ),
        panel(
            "Entries of the table",
            "short",
            (f"sum by (instance) ({metric('state_entries')})", "{{instance}}"),
        ),
        panel(
            "Records until the table is recovered",
            "short",
            (
                f"sum by (instance) ({metric('state_recovery_remaining_records')})",
                "{{instance}}",
            ),
        ),
        panel(
            "Table recovered",
            "bool_yes_no",
            (f"min by (instance) ({metric('state_recovered')})", "{{instance}}"),
        ),
        panel(
            "Clock difference",
            "s",
            (
                f"max by (peer) (abs({metric('clock_difference_seconds')}))",
                "{{peer}}",
            ),
        ),
    ]


def rows() -> Iterator[tuple[str, list[Panel]]]:
    """Yield the title and the panels of each row."""
    yield "Overview", overview()
    for name in STAGES:
        yield f"Stage {name}", stage(name)
    for name in LANES:
        yield f"Lane {name}", lane(name)
    yield "Klaviyo", klaviyo()
    yield "Workers", worker()


def placed() -> list[Panel]:
    """Return all rows and panels with their ids and places, three panels abreast."""
    result: list[Panel] = []
    top = 0
    for title, panels in rows():
        place = {"x": 0, "y": top, "w": WIDTH, "h": 1}
        row = {"type": "row", "title": title, "collapsed": False, "panels": []}
        result.append({**row, "gridPos": place, "id": len(result) + 1})
        top += 1
        for index, content in enumerate(panels):
            down, right = divmod(index, 3)
            place = {
                "x": right * WIDTH // 3,
                "y": top + down * PANEL_HEIGHT,
                "w": WIDTH // 3,
                "h": PANEL_HEIGHT,
            }
            result.append({**content, "gridPos": place, "id": len(result) + 1})
        top += -(-len(panels) // 3) * PANEL_HEIGHT
    return result


def dashboard() -> dict[str, Any]:
    """Return the dashboard, as Grafana imports it."""
    return {
        "uid": "klaviyo-streams",
        "title": "klaviyo-streams",
        "tags": ["klaviyo-streams"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": []},
        "links": [],
        "templating": {
            "list": [
                {
                    "name": "datasource",
                    "type": "datasource",
                    "query": "prometheus",
                    "label": "Data source",
                },
                {
                    "name": "job",
                    "type": "query",
                    "label": "Job",
                    "datasource": {"type": "prometheus", "uid": "${datasource}"},
                    "query": "label_values(klaviyo_streams_build_info, job)",
                    "refresh": 2,
                    "includeAll": True,
                    "multi": True,
                    "allValue": ".*",
                },
            ]
        },
        "panels": placed(),
    }


def render() -> str:
    """Return the text of the file."""
    return json.dumps(dashboard(), indent=1) + "\n"


if __name__ == "__main__":
    sys.stdout.write(render())
