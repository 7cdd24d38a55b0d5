"""Metrics of two workers during a journey, as a real Prometheus has scraped them."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import orjson
import pytest

from agents.shared.metrics.catalogue import CATALOGUE, PREFIX, MetricKind
from agents.shared.metrics.labels import NONE, reason_code
from streams.klaviyo.api.endpoints import ENDPOINTS
from tests.brokers.interface import Broker
from tests.brokers.ports import free_ports
from tests.journeys.harness import Pipeline, Record
from tests.journeys.klaviyo import Klaviyo
from tests.journeys.sample_events import START_MS, email_of, moves, users
from tests.support import prometheus
from tests.support.prometheus import Prometheus, page

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.slow,
    pytest.mark.skipif(not prometheus.is_installed(), reason=prometheus.HOW_TO_GET),
]

QUOTA_SCALE = 50
STANDING_STILL = {
    "state_recovered",
    "state_recovery_remaining_records",
    "pending_items_limit",
    "pending_bytes_limit",
    "build_info",
    "clock_difference_seconds",
    "quota_others_share_ratio",
}
"""Metrics that need not change while two healthy workers run."""

DESTINATION = {
    "settings": {"sync_audiences": True},
    "mappings": [
        {"name": "people", "action": "upsertProfile"},
        {"name": "views", "action": "trackEvent", "trigger": 'event = "Viewed"'},
        {"name": "erasures", "action": "deleteProfile"},
    ],
}


@pytest.fixture
def watched(
    durable_kafka: Broker, topic_prefix: str, tmp_path: Path
) -> Iterator[tuple[Pipeline, Prometheus, list[int]]]:
    """Return two workers, the Prometheus that scrapes them, and their ports."""
    options = ("--quota-scale", str(QUOTA_SCALE), "--job-seconds", "1.0")
    file = tmp_path / "destination.json"
    file.write_bytes(orjson.dumps(DESTINATION))
    ports = free_ports(2)
    with (
        closing(Klaviyo(*options)) as klaviyo,
        closing(
            Pipeline(durable_kafka, klaviyo=klaviyo, prefix=topic_prefix, home=tmp_path)
        ) as pipeline,
        closing(Prometheus(ports, home=tmp_path)) as scraper,
    ):
        pipeline.run(
            workers=0,
            destination=file,
            klaviyo_quota_scale=QUOTA_SCALE,
            session_timeout_s=6,
        )
        for number, port in enumerate(ports):
            pipeline.start(f"w{number}", web_port=port)
        pipeline.await_members(len(ports))
        yield pipeline, scraper, ports
        pipeline.check_logs()


def _track(user: str, name: str, number: int) -> Record:
    body = {
        "type": "track",
        "event": name,
        "userId": user,
        "messageId": f"{user}-{name}-{number}",
        "timestamp": START_MS + number,
        "context": {"traits": {"email": email_of(user)}},
    }
    return user, orjson.dumps(body)


def _identify(user: str) -> Record:
    traits = {"email": email_of(user), "first_name": "Ada"}
    body = {"type": "identify", "userId": user, "traits": traits, "messageId": user}
    return user, orjson.dumps(body | {"timestamp": START_MS})


def test_a_real_prometheus_reads_what_happened(
    watched: tuple[Pipeline, Prometheus, list[int]],
) -> None:
    """Each metric is there, moves, and counts what can be counted otherwise.

    A lane that waits for an operator leaves the worker ready, and names the fix.
    """
    pipeline, scraper, ports = watched
    people = users("person", 60)
    pipeline.until(lambda: all(page(port, "/readyz")[0] == 200 for port in ports))
    pipeline.klaviyo.fail("forbidden", path="/api/events")
    pipeline.klaviyo.fail("forbidden", path="/api/event-bulk-create-jobs")
    pipeline.klaviyo.fail("challenge", path="/api/lists", count=1)
    pipeline.klaviyo.fail("throttled", path="/api/profile-bulk-import-jobs", count=1)

    origins = pipeline.publish(
        [
            *moves(people, "vip", entered=True),
            *moves(people[:20], "vip", entered=False, at_s=1),
            *map(_identify, people),
            *(_track(user, "Viewed", 1) for user in people),
            *(_track(user, "Ignored", 2) for user in people[:7]),
            *[("broken", b"{")] * 3,
        ]
    )
    waiting = f'max({PREFIX}lane_waiting{{lane="events",cause="scope"}})'
    pipeline.until(lambda: scraper.value(waiting) == 1)
    lagging = f'{PREFIX}lag_age_seconds{{group=~".*deliver.events"}}'
    pipeline.until(lambda: scraper.value(f"max({lagging})") > 0)
    health = [page(port, "/readyz") for port in ports]
    for met in ("blocked_responses_total", 'request_retries_total{cause="throttled"}'):
        pipeline.until(partial(_counted, scraper, met))
    pipeline.klaviyo.mend()
    pipeline.await_quiet(origins)
    written = _outcomes(pipeline)
    pipeline.until(lambda: _counted(scraper, "outcomes_total") >= sum(written.values()))
    pipeline.until(lambda: _counted(scraper, "lag_records") == 0)

    waits = [wait for _, text in health for wait in json.loads(text)["waiting"]]
    assert {status for status, _ in health} == {200}
    fixes = {(w["lane"], w["cause"]): w.get("fix", "") for w in waits}
    assert "events:write" in fixes["events", "scope"]
    assert _scraped_outcomes(scraper) == written
    assert _scraped_requests(scraper) == _sandbox_requests(pipeline.klaviyo)
    dead_letters = pipeline.await_dead_letters(3)
    assert _counted(scraper, "dead_letters_total") == len(dead_letters)
    assert _counted(scraper, 'records_in_total{stage="intake"}') == len(origins)
    assert scraper.value(waiting) == 0
    assert _silent(scraper) == {}
    texts = [page(port, "/metrics")[1] for port in ports]
    assert [prometheus.promtool_complaints(text) for text in texts] == ["", ""]
    assert not [text for text in texts if re.search("person|example|vip|pk_", text)]
    assert {page(port, "/livez")[0] for port in ports} == {200}


def _counted(scraper: Prometheus, name: str) -> float:
    return scraper.value(f"sum({PREFIX}{name})")


def _outcomes(pipeline: Pipeline) -> Counter[tuple[str, ...]]:
    """Return the items of the outcomes topic, by verdict, reason code and action."""
    counts = Counter[tuple[str, ...]]()
    for (_, action, verdict, reason), count in pipeline.outcomes.counts().items():
        counts[verdict, reason_code(reason), action or NONE] += count
    return counts


def _scraped_outcomes(scraper: Prometheus) -> Counter[tuple[str, ...]]:
    rows = scraper.query(f"sum by (verdict, reason, action) ({PREFIX}outcomes_total)")
    return Counter(
        {
            (row["verdict"], row["reason"], row["action"]): int(value)
            for row, value in rows
        }
    )


def _scraped_requests(scraper: Prometheus) -> Counter[tuple[str, str, str]]:
    endpoints = {endpoint.name: endpoint for endpoint in ENDPOINTS}
    rows = scraper.query(f"sum by (endpoint, status) ({PREFIX}requests_total)")
    counts = Counter[tuple[str, str, str]]()
    for row, value in rows:
        endpoint = endpoints[row["endpoint"]]
        counts[endpoint.method, endpoint.path, row["status"]] += int(value)
    return counts


def _sandbox_requests(klaviyo: Klaviyo) -> Counter[tuple[str, str, str]]:
    rows = klaviyo.ask("GET", "requests")["counters"]
    counts = Counter[tuple[str, str, str]]()
    for row in rows:
        counts[row["method"], row["path"], str(row["status"])] += row["requests"]
    return counts


def _silent(scraper: Prometheus) -> dict[str, str]:
    """Return the metrics that are missing, or have not moved though they should."""
    faults = {}
    for spec in CATALOGUE:
        suffix = "_count" if spec.kind is MetricKind.HISTOGRAM else ""
        name = f"{spec.name}{suffix}"
        if not scraper.query(name):
            faults[spec.name] = "missing"
            continue
        moved = f"max(max_over_time({name}[10m]) - min_over_time({name}[10m]))"
        appeared = f"max(max_over_time({name}[10m]))"
        still = not scraper.value(moved) and not scraper.value(appeared)
        if still and spec.name.removeprefix(PREFIX) not in STANDING_STILL:
            faults[spec.name] = "still"
    return faults
