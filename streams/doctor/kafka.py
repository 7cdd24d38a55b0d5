"""Checks of Kafka: brokers, and each topic's replicas, configuration and rights."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from streams.doctor.findings import Finding, failed, passed, skipped, warned

OFFSETS_RETENTION_MIN: Final = 10_080
"""Kafka's default of `offsets.retention.minutes`, 7 days; since Kafka 2.0."""

UNLIMITED: Final = -1
"""Value of `retention.ms` for records that are never deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicNeed:
    """Requirements for a topic.

    Attributes:
        name: Name of the topic.
        partitions: Number of partitions of a new topic.
        config: Required configuration, by Kafka's names.
        operations: Rights that the user needs, by Kafka's names in capitals.
    """

    name: str
    partitions: int = 1
    config: Mapping[str, str] = field(default_factory=dict)
    operations: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicFacts:
    """Facts about an existing topic.

    Attributes:
        partitions: Number of partitions.
        replicas: Smallest number of replicas of a partition.
        lagging_partitions: Partitions with a replica that is not in sync.
        config: Configuration; empty if Kafka does not allow to read it.
        operations: Rights of the user; None if Kafka does not say.
    """

    partitions: int
    replicas: int = 1
    lagging_partitions: int = 0
    config: Mapping[str, str] = field(default_factory=dict)
    operations: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaFacts:
    """Facts about the brokers and topics of Kafka.

    Attributes:
        error: Why Kafka does not serve, with the fix after a semicolon; else empty.
        brokers: Number of brokers.
        topics: Topic to facts, for topics that exist and are visible.
        offsets_retention_min: Minutes that offsets are kept; None if not readable.
    """

    error: str = ""
    brokers: int = 0
    topics: Mapping[str, TopicFacts] = field(default_factory=dict)
    offsets_retention_min: int | None = None


def check_kafka(facts: KafkaFacts, needs: Sequence[TopicNeed]) -> Iterator[Finding]:
    """Judge the facts about Kafka against the topics that are needed."""
    if facts.error:
        problem, _, fix = facts.error.partition("; ")
        yield failed("kafka.reachable", problem, fix=fix or "check the Kafka settings")
        yield skipped("kafka.topics", because="Kafka is not reachable")
        yield skipped("kafka.offsets", because="Kafka is not reachable")
        return
    yield passed("kafka.reachable", f"{facts.brokers} brokers")
    yield _check_offsets(facts.offsets_retention_min)
    for need in needs:
        yield from check_topic(need, facts.topics.get(need.name))


def check_same_partitions(facts: KafkaFacts, names: Sequence[str]) -> Iterator[Finding]:
    """Judge topics that must have equal partitions."""
    counts = {n: facts.topics[n].partitions for n in names if n in facts.topics}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} has {count}" for name, count in counts.items())
        yield failed(
            "kafka.partitions", listed, fix="recreate the emptier topic with as many"
        )


def _check_offsets(minutes: int | None) -> Finding:
    check = "kafka.offsets"
    if minutes is None:
        return skipped(check, because="the user may not read the broker's settings")
    if minutes < OFFSETS_RETENTION_MIN:
        fix = f"set offsets.retention.minutes to {OFFSETS_RETENTION_MIN} or more"
        return warned(check, f"offsets are kept for {minutes} minutes", fix=fix)
    return passed(check, f"offsets are kept for {minutes} minutes")


def check_topic(need: TopicNeed, topic: TopicFacts | None) -> Iterator[Finding]:
    """Judge a topic; a topic without faults has one finding."""
    check = f"kafka.topic.{need.name}"
    if topic is None:
        fix = "run `klaviyo-streams topics`, or allow this user to DESCRIBE it"
        yield failed(check, "does not exist, or is not visible", fix=fix)
        return
    faults = [*_find_topic_faults(check, need, topic)]
    yield from faults or [passed(check, f"{topic.partitions} partitions")]


def _find_topic_faults(
    check: str, need: TopicNeed, topic: TopicFacts
) -> Iterator[Finding]:
    if topic.operations is not None and (lacks := need.operations - topic.operations):
        names = ", ".join(sorted(lacks))
        yield failed(check, f"not allowed: {names}", fix=f"add an ACL for {names}")
    if topic.lagging_partitions:
        yield warned(
            check,
            f"{topic.lagging_partitions} partitions have replicas out of sync",
            fix="bring the missing brokers back",
        )
    in_sync = _number(topic.config.get("min.insync.replicas"))
    if in_sync is not None and in_sync > topic.replicas:
        yield failed(
            check,
            f"min.insync.replicas is {in_sync} with {topic.replicas} replicas",
            fix=f"set min.insync.replicas to {topic.replicas} or less",
        )
    yield from _find_config_faults(check, need.config, topic.config)


def _find_config_faults(
    check: str, need: Mapping[str, str], config: Mapping[str, str]
) -> Iterator[Finding]:
    policy = need.get("cleanup.policy", "delete")
    actual = config.get("cleanup.policy", policy)
    if actual != policy:
        fix = f"set cleanup.policy to {policy}"
        yield failed(check, f"cleanup.policy is {actual}", fix=fix)
    for name, report in (("retention.ms", warned), ("max.message.bytes", failed)):
        least, value = _number(need.get(name)), _number(config.get(name))
        if least is None or value is None or value == UNLIMITED or value >= least:
            continue
        yield report(check, f"{name} is {value}", fix=f"set {name} to {least} or more")
    least, value = (_number(c.get("min.insync.replicas")) for c in (need, config))
    if least is not None and value is not None and value < least:
        fix = f"set min.insync.replicas to {least}"
        yield warned(check, f"min.insync.replicas is {value}", fix=fix)


def _number(text: str | None) -> int | None:
    try:
        return None if text is None else int(text)
    except ValueError:
        return None
