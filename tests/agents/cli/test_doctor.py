"""Command `doctor`: against the sandbox and a real Kafka."""

import asyncio
import json
import socket
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from click.testing import CliRunner, Result

from agents.cli import main
from streams.sandbox import ALL_SCOPES, Sandbox, SandboxConfig
from tests.brokers.interface import Broker

KEY = "pk_" + "5ecret" * 5
EMPTY_BODY = pytest.mark.wrong_request("an empty body tries a write scope")
FILE = """
audiences: {vip: {list_id: Nolist}}
mappings: [{name: Views, action: trackEvent, fields: {metric_name: Viewed}}]
"""


def invoke(*options: str, **settings: str) -> Result:
    """Run the command; a closed port is Kafka unless the settings name one."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        environ = {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{closed.getsockname()[1]}"}
        named = {f"KLAVIYO_STREAMS_{k}": v for k, v in (environ | settings).items()}
        result = CliRunner().invoke(
            main, ["doctor", *options], env=named | {"KLAVIYO_API_KEY": KEY}
        )
    assert KEY not in result.output
    assert "Traceback" not in result.output
    return result


def findings_of(result: Result) -> dict[str, dict[str, Any]]:
    """Read the lines of JSON, by check."""
    findings = map(json.loads, result.stdout.splitlines())
    return {finding["check"]: finding for finding in findings}


def read_state(url: str) -> dict[str, Any]:
    """Read what the sandbox holds, without the number of its requests."""
    with urlopen(f"{url}/sandbox/state") as response:  # noqa: S310 - our own server
        state: dict[str, Any] = json.load(response)
    return {name: value for name, value in state.items() if name != "requests"}


@pytest.mark.parametrize(
    ("scopes", "metric", "expected"),
    [
        pytest.param(
            ALL_SCOPES,
            "Viewed",
            {
                "klaviyo.key": "ok",
                "klaviyo.scopes.events:write": "ok",
                "klaviyo.lists.Nolist": "failure",
                "klaviyo.metrics.Viewed": "ok",
                "klaviyo.flows.Viewed": "ok",
                "machine.clock": "ok",
                "kafka.reachable": "failure",
                "kafka.topics": "skipped",
            },
            marks=EMPTY_BODY,
            id="all-scopes",
        ),
        pytest.param(
            frozenset({"accounts:read", "metrics:read"}),
            "viewed",
            {
                "klaviyo.scopes.events:write": "failure",
                "klaviyo.lists.Nolist": "skipped",
                "klaviyo.metrics.Viewed": "warning",
            },
            marks=EMPTY_BODY,
            id="few-scopes-and-another-case",
        ),
        pytest.param(
            None,
            "Viewed",
            {"klaviyo.key": "failure", "klaviyo.scopes": "skipped"},
            id="key-refused",
        ),
    ],
)
async def test_klaviyo_is_checked_and_nothing_changes(
    tmp_path: Path,
    scopes: frozenset[str] | None,
    metric: str,
    expected: dict[str, str],
) -> None:
    """The sandbox holds the same afterwards, and counts some requests more."""
    file = tmp_path / "destination.yaml"
    file.write_text(FILE)
    keys = {"pk_other": ALL_SCOPES} if scopes is None else {KEY: scopes}
    config = SandboxConfig(quota_scale=None, keys=keys, metrics=(metric,))
    async with Sandbox(config) as klaviyo:
        before = await asyncio.to_thread(read_state, klaviyo.url)
        settings = {"KLAVIYO_URL": klaviyo.url, "DESTINATION": str(file)}
        result = await asyncio.to_thread(invoke, "--json", **settings)
        after = await asyncio.to_thread(read_state, klaviyo.url)

    assert after == before
    findings = findings_of(result)
    assert {check: findings[check]["status"] for check in expected} == expected
    assert result.exit_code == 2  # Kafka is not there


def test_kafka_is_checked_with_the_topics_of_a_worker(
    durable_kafka: Broker, topic_prefix: str
) -> None:
    """Topics are missing, and well once the command `topics` has created them."""
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": durable_kafka.bootstrap,
        "TOPIC_PREFIX": topic_prefix,
        "SOURCE_TOPICS": f"{topic_prefix}source",
        "KLAVIYO_URL": "http://127.0.0.1:1",
    }
    check = f"kafka.topic.{topic_prefix}events"
    assert findings_of(invoke("--json", **settings))[check]["status"] == "failure"

    named = {f"KLAVIYO_STREAMS_{name}": value for name, value in settings.items()}
    assert CliRunner().invoke(main, ["topics"], env=named).exit_code == 0
    findings = findings_of(invoke("--json", **settings))

    topics = {f["status"] for c, f in findings.items() if c.startswith("kafka.topic.")}
    assert topics == {"ok"}, findings
    assert findings["kafka.reachable"]["status"] == "ok"


def test_a_wrong_file_is_a_failure_and_the_rest_is_checked(tmp_path: Path) -> None:
    """The problem has its path and a fix; Klaviyo's checks are skipped."""
    file = tmp_path / "destination.yaml"
    file.write_text("mappings: [{action: nosuch}]")

    result = invoke(DESTINATION=str(file))

    assert result.exit_code == 2
    assert "failure  configuration: " in result.output
    assert "skipped  klaviyo: " in result.output
    assert "machine.python" in result.output
    assert "         fix: " in result.output
