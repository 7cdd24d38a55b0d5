"""The topics of the journey, and their making."""

from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from agents.engine.kafka import KafkaAccess
from streams.actions.activation import Lane
from streams.errors import ConfigError
from streams.settings import Settings

RETENTION_MS = 30 * 86_400_000
"""What waits for Klaviyo outlives an outage longer than Kafka's default of 7 days."""

HEADROOM_BYTES = 100_000
"""What a record's headers and batch need beside its value, generously."""

TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSpec:
    """One topic as it should be."""

    name: str
    partitions: int
    config: dict[str, str] = field(default_factory=dict)


def specs(settings: Settings) -> list[TopicSpec]:
    """Every topic the worker reads or writes, source topics included."""
    topics, many = settings.topics, settings.topic_partitions
    safe = _in_sync(settings)
    kept = safe | {"retention.ms": str(RETENTION_MS)}
    wide = kept | {"max.message.bytes": str(settings.max_event_bytes + HEADROOM_BYTES)}
    compact = safe | {"cleanup.policy": "compact"}
    lanes = [topics.activations(lane) for lane in Lane]
    rows = [
        *((name, many, safe) for name in (*settings.source_topics, topics.outcomes)),
        *((name, many, wide) for name in (topics.events, topics.reentry, *lanes)),
        (topics.deadletters, many, kept),
        (topics.audiences, 4, kept),
        (topics.lists, 1, compact),
        (topics.replays, 1, compact),
        (topics.handled, 1, compact),
        (topics.positions, 1, compact),
        (topics.memberships_changelog, many, compact),
    ]
    return [
        TopicSpec(name=name, partitions=n, config=config) for name, n, config in rows
    ]


def _in_sync(settings: Settings) -> dict[str, str]:
    """With three replicas an acknowledged record must be on two of them."""
    safe = settings.topic_replication_factor >= 3
    return {"min.insync.replicas": "2"} if safe else {}


def ensure(kafka: KafkaAccess, settings: Settings) -> list[str]:
    """Create what is missing and check what is there.

    Returns:
        The names created.

    Raises:
        ConfigError: Topics that must be partitioned alike are not, or Kafka refuses.
    """
    admin = AdminClient(kafka.librdkafka())
    wanted = {spec.name: spec for spec in specs(settings)}
    found = _found(admin)
    missing = [spec for name, spec in wanted.items() if name not in found]
    created = _create(admin, missing, settings.topic_replication_factor)
    _check_alike(settings, {name: len(found[name].partitions) for name in found})
    return created


def _found(admin: AdminClient) -> dict[str, Any]:
    try:
        return admin.list_topics(timeout=TIMEOUT_S).topics
    except KafkaException as refused:
        reason = refused.args[0].name()
        mistake = f"kafka_bootstrap_servers: no answer ({reason}); is Kafka there?"
        raise ConfigError([mistake]) from None


def _create(admin: AdminClient, missing: list[TopicSpec], replicas: int) -> list[str]:
    news = [
        NewTopic(
            spec.name,
            num_partitions=spec.partitions,
            replication_factor=replicas,
            config=spec.config,
        )
        for spec in missing
    ]
    if not news:
        return []
    made = admin.create_topics(news, request_timeout=TIMEOUT_S)
    mistakes = []
    for name, done in made.items():
        try:
            done.result()
        except KafkaException as refused:
            error = refused.args[0]
            if error.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                mistakes.append(f"topic {name}: cannot be created: {error.name()}")
    if mistakes:
        raise ConfigError(mistakes)
    return [spec.name for spec in missing]


def _check_alike(settings: Settings, partitions: dict[str, int]) -> None:
    events, changelog = settings.topics.events, settings.topics.memberships_changelog
    feed, table = partitions.get(events), partitions.get(changelog)
    if feed and table and feed != table:
        mistake = f"topic {changelog}: has {table} partitions, {events} has {feed}"
        raise ConfigError([f"{mistake}; they must be equal: recreate the emptier one"])
