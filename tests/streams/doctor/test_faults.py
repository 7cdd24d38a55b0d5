"""Faults that the checks name, each with its fix."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from streams.doctor.findings import Finding, Status, exit_code
from streams.doctor.kafka import (
    KafkaFacts,
    TopicFacts,
    TopicNeed,
    check_kafka,
    check_same_partitions,
)
from streams.doctor.klaviyo import KlaviyoFacts, Probe, check_klaviyo
from streams.klaviyo.api.results import (
    Accepted,
    AttemptResult,
    NotFound,
    OperatorFault,
    Rejected,
    Temporary,
    Throttled,
)

NEED = TopicNeed(
    name="t",
    config={
        "retention.ms": "1000",
        "max.message.bytes": "500",
        "min.insync.replicas": "2",
    },
    operations=frozenset({"READ", "WRITE"}),
)
TABLE = TopicNeed(name="t", config={"cleanup.policy": "compact"})
TOPIC = TopicFacts(
    partitions=8,
    replicas=3,
    config={
        "cleanup.policy": "delete",
        "retention.ms": "1000",
        "max.message.bytes": "500",
        "min.insync.replicas": "2",
    },
    operations=frozenset({"READ", "WRITE"}),
)
OK = Accepted(status=200)
NO_SCOPE = OperatorFault(status=403, reason="permission_denied")
BLOCKED = Temporary(status=403, reason="blocked-by-challenge", is_blocked=True)
HEALTHY = KlaviyoFacts(
    account=Probe(scopes=frozenset({"accounts:read"}), result=OK, remaining=14),
    probes=(
        Probe(
            scopes=frozenset({"events:write"}), result=Rejected(status=400, reason="x")
        ),
    ),
    lists={"L1": OK},
    opt_ins={"L1": "single_opt_in"},
    metrics=frozenset({"Viewed"}),
    flows={"L1": ("Welcome",), "Viewed": ()},
)
TODAY = date(2026, 11, 28)


def _kafka(need: TopicNeed = NEED, **facts: Any) -> list[Finding]:  # noqa: ANN401
    values = {"brokers": 3, "topics": {"t": TOPIC}, "offsets_retention_min": 10_080}
    return [*check_kafka(KafkaFacts(**values | facts), [need])]  # type: ignore[arg-type]


def _topic(need: TopicNeed = NEED, **changes: Any) -> list[Finding]:  # noqa: ANN401
    return _kafka(need, topics={"t": replace(TOPIC, **changes)})


def _config(need: TopicNeed = NEED, **config: str) -> list[Finding]:
    changed = {name.replace("_", "."): value for name, value in config.items()}
    return _topic(need, config={**TOPIC.config, **changed})


def _klaviyo(today: date = TODAY, **changes: Any) -> list[Finding]:  # noqa: ANN401
    facts = replace(HEALTHY, **changes)
    return [*check_klaviyo(facts, metrics=("Viewed",), today=today)]


def _account(result: AttemptResult, **changes: Any) -> list[Finding]:  # noqa: ANN401
    probe = replace(HEALTHY.account, result=result, **changes)  # type: ignore[type-var]
    return _klaviyo(account=probe)


def _scope(result: AttemptResult) -> list[Finding]:
    return _klaviyo(probes=(Probe(scopes=frozenset({"events:write"}), result=result),))


def _differing_partitions() -> Iterator[Finding]:
    topics = {"a": replace(TOPIC, partitions=4), "b": TOPIC}
    return check_same_partitions(KafkaFacts(topics=topics), ("a", "b"))


@pytest.mark.parametrize(
    "findings",
    [
        pytest.param(_kafka(), id="kafka"),
        pytest.param(_config(retention_ms="-1"), id="kafka-keeps-for-ever"),
        pytest.param(_topic(operations=None), id="kafka-says-no-rights"),
        pytest.param(_topic(config={}), id="kafka-hides-configuration"),
        pytest.param(_config(TABLE, cleanup_policy="compact"), id="kafka-table"),
        pytest.param(_kafka(offsets_retention_min=None), id="kafka-hides-offsets"),
        pytest.param(_klaviyo(), id="klaviyo"),
        pytest.param(_account(NO_SCOPE), id="klaviyo-without-accounts"),
        pytest.param(_klaviyo(metrics=None), id="klaviyo-hides-metrics"),
    ],
)
def test_facts_without_a_fault_need_no_fix(findings: list[Finding]) -> None:
    """No finding has a fix, and the exit code is 0."""
    assert not [finding for finding in findings if finding.fix]
    assert exit_code(findings) == 0


@pytest.mark.parametrize(
    ("findings", "check", "status", "fix"),
    [
        pytest.param(
            _kafka(error="no answer; start it"),
            "kafka.reachable",
            Status.FAILURE,
            "start it",
            id="no-kafka",
        ),
        pytest.param(
            _kafka(error="refused"),
            "kafka.reachable",
            Status.FAILURE,
            "check the Kafka settings",
            id="kafka-refuses",
        ),
        pytest.param(
            _kafka(offsets_retention_min=60),
            "kafka.offsets",
            Status.WARNING,
            "set offsets.retention.minutes to 10080 or more",
            id="offsets-kept-an-hour",
        ),
        pytest.param(
            _kafka(topics={}),
            "kafka.topic.t",
            Status.FAILURE,
            "run `klaviyo-streams topics`, or allow this user to DESCRIBE it",
            id="no-topic",
        ),
        pytest.param(
            _topic(operations=frozenset({"READ"})),
            "kafka.topic.t",
            Status.FAILURE,
            "add an ACL for WRITE",
            id="no-write",
        ),
        pytest.param(
            _topic(operations=frozenset()),
            "kafka.topic.t",
            Status.FAILURE,
            "add an ACL for READ, WRITE",
            id="no-rights",
        ),
        pytest.param(
            _topic(lagging_partitions=2),
            "kafka.topic.t",
            Status.WARNING,
            "bring the missing brokers back",
            id="out-of-sync",
        ),
        pytest.param(
            _topic(replicas=1),
            "kafka.topic.t",
            Status.FAILURE,
            "set min.insync.replicas to 1 or less",
            id="never-in-sync",
        ),
        pytest.param(
            _config(min_insync_replicas="1"),
            "kafka.topic.t",
            Status.WARNING,
            "set min.insync.replicas to 2",
            id="one-in-sync",
        ),
        pytest.param(
            _config(retention_ms="999"),
            "kafka.topic.t",
            Status.WARNING,
            "set retention.ms to 1000 or more",
            id="short-retention",
        ),
        pytest.param(
            _config(max_message_bytes="499"),
            "kafka.topic.t",
            Status.FAILURE,
            "set max.message.bytes to 500 or more",
            id="small-messages",
        ),
        pytest.param(
            _config(cleanup_policy="compact"),
            "kafka.topic.t",
            Status.FAILURE,
            "set cleanup.policy to delete",
            id="compacted-queue",
        ),
        pytest.param(
            _config(cleanup_policy="compact,delete"),
            "kafka.topic.t",
            Status.FAILURE,
            "set cleanup.policy to delete",
            id="half-compacted-queue",
        ),
        pytest.param(
            _config(TABLE),
            "kafka.topic.t",
            Status.FAILURE,
            "set cleanup.policy to compact",
            id="deleted-table",
        ),
        pytest.param(
            [*_differing_partitions()],
            "kafka.partitions",
            Status.FAILURE,
            "recreate the emptier topic with as many",
            id="partitions-differ",
        ),
        pytest.param(
            _klaviyo(account=None, problem="no key; set it"),
            "klaviyo.key",
            Status.FAILURE,
            "set it",
            id="no-key",
        ),
        pytest.param(
            _klaviyo(account=None, problem="bad URL"),
            "klaviyo.key",
            Status.FAILURE,
            "correct this setting",
            id="bad-setting",
        ),
        pytest.param(
            _account(OperatorFault(status=401, reason="x")),
            "klaviyo.key",
            Status.FAILURE,
            "set KLAVIYO_API_KEY to a valid private key",
            id="key-refused",
        ),
        pytest.param(
            _account(OperatorFault(status=410, reason="x")),
            "klaviyo.revision",
            Status.FAILURE,
            "upgrade klaviyo-streams, and check klaviyo_url",
            id="revision-refused",
        ),
        pytest.param(
            _account(BLOCKED),
            "klaviyo.reachable",
            Status.FAILURE,
            "have Klaviyo allow this IP address, or set klaviyo_proxy",
            id="blocked",
        ),
        pytest.param(
            _account(Temporary(status=0, reason="cannot-connect")),
            "klaviyo.reachable",
            Status.FAILURE,
            "check klaviyo_url, klaviyo_proxy and this machine's network",
            id="no-klaviyo",
        ),
        pytest.param(
            _account(Temporary(status=503, reason="http-503")),
            "klaviyo.reachable",
            Status.FAILURE,
            "check klaviyo_url, klaviyo_proxy and this machine's network",
            id="klaviyo-down",
        ),
        pytest.param(
            _klaviyo(date(2028, 5, 1)),
            "klaviyo.revision",
            Status.WARNING,
            "upgrade klaviyo-streams to a release with a newer revision",
            id="revision-ends-soon",
        ),
        pytest.param(
            _klaviyo(date(2028, 8, 1)),
            "klaviyo.revision",
            Status.FAILURE,
            "upgrade klaviyo-streams to a release with a newer revision",
            id="revision-retired",
        ),
        pytest.param(
            _scope(NO_SCOPE),
            "klaviyo.scopes.events:write",
            Status.FAILURE,
            "create a key with events:write",
            id="no-scope",
        ),
        pytest.param(
            _scope(BLOCKED),
            "klaviyo.scopes.events:write",
            Status.FAILURE,
            "have Klaviyo allow this IP address, or set klaviyo_proxy",
            id="endpoint-blocked",
        ),
        pytest.param(
            _scope(Temporary(status=500, reason="x")),
            "klaviyo.scopes.events:write",
            Status.WARNING,
            "run doctor again",
            id="scope-undecided",
        ),
        pytest.param(
            _scope(Throttled(status=429, retry_after_s=1)),
            "klaviyo.scopes.events:write",
            Status.WARNING,
            "run doctor again",
            id="scope-throttled",
        ),
        pytest.param(
            _scope(Throttled(status=429, retry_after_s=1)),
            "klaviyo.quota",
            Status.WARNING,
            "wait, or find the other program that uses this account's quota",
            id="throttled",
        ),
        pytest.param(
            _account(OK, remaining=0),
            "klaviyo.quota",
            Status.WARNING,
            "wait, or find the other program that uses this account's quota",
            id="no-quota-left",
        ),
        pytest.param(
            _account(OK, latency_s=2.5),
            "klaviyo.latency",
            Status.WARNING,
            "check the network and proxy, and Klaviyo's status page",
            id="slow",
        ),
        pytest.param(
            _klaviyo(lists={"L1": NotFound(status=404, reason="x")}),
            "klaviyo.lists.L1",
            Status.FAILURE,
            "correct the list ID in the destination file or in audience_lists",
            id="no-list",
        ),
        pytest.param(
            _klaviyo(metrics=frozenset({"viewed"})),
            "klaviyo.metrics.Viewed",
            Status.WARNING,
            "spell the name as in Klaviyo, or create the metric there",
            id="metric-in-other-case",
        ),
        pytest.param(
            _klaviyo(metrics=frozenset()),
            "klaviyo.metrics.Viewed",
            Status.WARNING,
            "spell the name as in Klaviyo, or create the metric there",
            id="no-metric",
        ),
    ],
)
def test_a_fault_is_named_with_its_fix(
    findings: list[Finding], check: str, status: Status, fix: str
) -> None:
    """The check of the fault has a fix, and the exit code follows."""
    assert (check, status, fix) in [(f.check, f.status, f.fix) for f in findings]
    assert exit_code(findings) >= (2 if status is Status.FAILURE else 1)


@pytest.mark.parametrize(
    ("findings", "checks"),
    [
        pytest.param(
            _kafka(error="x; y"), {"kafka.topics", "kafka.offsets"}, id="no-kafka"
        ),
        pytest.param(
            _account(BLOCKED),
            {f"klaviyo.{area}" for area in ("scopes", "lists", "metrics", "flows")}
            | {"klaviyo.quota", "klaviyo.latency"},
            id="blocked",
        ),
        pytest.param(
            _klaviyo(flows={}),
            {"klaviyo.flows.L1", "klaviyo.flows.Viewed"},
            id="no-flows",
        ),
    ],
)
def test_checks_that_cannot_run_say_why(
    findings: list[Finding], checks: set[str]
) -> None:
    """Each of them is skipped."""
    assert {f.check for f in findings if f.status is Status.SKIPPED} == checks
