"""Topics of the pipeline: partitions, configuration and creation."""

import time
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from agents.engine.kafka import KafkaAccess
from agents.engine.refusals import fix_of
from streams.errors import ConfigError
from streams.settings import Settings
from streams.settings.model import LaneId

RETENTION_MS = 30 * 86_400_000
"""Waiting records outlive an outage that is longer than Kafka's default of 7 days."""

HEADROOM_BYTES = 100_000
"""Generous allowance for a record's headers and batch beside its value."""

ADMIN_TIMEOUT_S = 10.0
LISTED_POLL_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSpec:
    """Required partitions and configuration of a topic."""

    name: str
    partitions: int
    config: dict[str, str] = field(default_factory=dict)


def topic_specs(settings: Settings) -> list[TopicSpec]:
    """Return every topic that the worker reads or writes, source topics included."""
    topics, partitions = settings.topics, settings.topic_partitions
    replicated = _in_sync_config(settings)
    retained = replicated | {"retention.ms": str(RETENTION_MS)}
    large_records = retained | {
        "max.message.bytes": str(settings.max_event_bytes + HEADROOM_BYTES)
    }
    compacted = replicated | {"cleanup.policy": "compact"}
    lanes = [topics.activations[lane] for lane in LaneId]
    rows = [
        *(
            (name, partitions, replicated)
            for name in (*settings.source_topics, topics.outcomes)
        ),
        *(
            (name, partitions, large_records)
            for name in (
                topics.events,
                topics.held_events,
                topics.reprocess,
                *lanes,
            )
        ),
        (topics.deadletters, partitions, retained),
        (topics.list_requests, 4, retained),
        (topics.audience_lists, 1, compacted),
        (topics.replays, 1, compacted),
        (topics.deadletters_resolved, 1, compacted),
        (topics.offset_backup, 1, compacted),
        (topics.sync_state, 1, compacted),
        (topics.sync_state_rows, 1, compacted),
        (topics.memberships_changelog, partitions, compacted),
    ]
    return [
        TopicSpec(name=name, partitions=partition_count, config=config)
        for name, partition_count, config in rows
    ]


def _in_sync_config(settings: Settings) -> dict[str, str]:
    """Return the setting that puts an acknowledged record on two of three replicas."""
    is_replicated = settings.topic_replication_factor >= 3
    return {"min.insync.replicas": "2"} if is_replicated else {}


def ensure_topics(kafka: KafkaAccess, settings: Settings) -> list[str]:
    """Create missing topics and check existing topics.

    Returns:
        Names of the created topics.

    Raises:
        ConfigError: Topics that must have equal partitions differ, Kafka refuses, or
            the broker does not list the new topics in time.
    """
    admin = AdminClient(kafka.librdkafka_options())
    specs_by_name = {spec.name: spec for spec in topic_specs(settings)}
    existing = _existing_topics(admin)
    missing = [spec for name, spec in specs_by_name.items() if name not in existing]
    created = _create(admin, missing, settings.topic_replication_factor)
    _await_listed(admin, created)
    _check_same_partitions(
        settings, {name: len(existing[name].partitions) for name in existing}
    )
    return created


def _existing_topics(admin: AdminClient) -> dict[str, Any]:
    try:
        return admin.list_topics(timeout=ADMIN_TIMEOUT_S).topics
    except KafkaException as error:
        reason = error.args[0].name()
        problem = f"kafka_bootstrap_servers: no answer ({reason}); is Kafka running?"
        raise ConfigError([problem]) from None


def _create(admin: AdminClient, specs: list[TopicSpec], replicas: int) -> list[str]:
    new_topics = [
        NewTopic(
            spec.name,
            num_partitions=spec.partitions,
            replication_factor=replicas,
            config=spec.config,
        )
        for spec in specs
    ]
    if not new_topics:
        return []
    results = admin.create_topics(new_topics, request_timeout=ADMIN_TIMEOUT_S)
    problems = []
    for name, result in results.items():
        try:
            result.result()
        except KafkaException as fault:
            error = fault.args[0]
            if error.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                fix = "".join(f"; {text}" for text in fix_of(error.name()).values())
                problems.append(f"topic {name}: cannot be created: {error.name()}{fix}")
    if problems:
        raise ConfigError(problems)
    return [spec.name for spec in specs]


def _check_same_partitions(settings: Settings, partitions: dict[str, int]) -> None:
    events, changelog = settings.topics.events, settings.topics.memberships_changelog
    counts = partitions.get(events), partitions.get(changelog)
    if all(counts) and len(set(counts)) > 1:
        problem = f"topic {changelog}: has {counts[1]} partitions, {events} has"
        fix = "they must be equal: recreate the emptier topic"
        raise ConfigError([f"{problem} {counts[0]}; {fix}"])


def _await_listed(admin: AdminClient, names: list[str]) -> None:
    """Return once the broker lists new topics with all partitions.

    Kafka acknowledges a new topic before every broker knows it. A command that reads
    the topic in that moment would say that it does not exist.
    """
    deadline_s = time.monotonic() + ADMIN_TIMEOUT_S
    unlisted = names
    while unlisted := [name for name in unlisted if not _is_listed(admin, name)]:
        if time.monotonic() > deadline_s:
            raise ConfigError(
                [f"topic {name}: created, but not listed yet" for name in unlisted]
            )
        time.sleep(LISTED_POLL_S)


def _is_listed(admin: AdminClient, name: str) -> bool:
    topic = _existing_topics(admin).get(name)
    return topic is not None and topic.error is None and bool(topic.partitions)
