"""Facts about Kafka, from a few requests with short timeouts."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # no __all__ there
    AdminClient,
    ConfigResource,
)

from agents.admin.kafka_contact import (
    command_options,
    contact_kafka,
    describe_kafka_error,
)
from agents.engine.kafka import KafkaAccess
from agents.shared.topics import topic_specs
from streams.doctor.kafka import KafkaFacts, TopicFacts, TopicNeed
from streams.errors import ConfigError
from streams.settings import Settings

REQUEST_TIMEOUT_S: Final = 4.0
"""Longest wait for each of four requests; with the first contact 21 s."""

_READ: Final = frozenset({"READ", "DESCRIBE"})


def topic_needs(settings: Settings) -> list[TopicNeed]:
    """Return the requirements of a worker for all topics."""
    return [
        TopicNeed(
            name=spec.name,
            partitions=spec.partitions,
            config=spec.config,
            operations=_READ
            if spec.name in settings.source_topics
            else _READ | {"WRITE"},
        )
        for spec in topic_specs(settings)
    ]


def gather_kafka_facts(kafka: KafkaAccess, names: Sequence[str]) -> KafkaFacts:
    """Return the facts about Kafka and the named topics; raises nothing of Kafka's."""
    try:
        contact_kafka(kafka)
        return _gather(AdminClient(command_options(kafka)), names)
    except ConfigError as error:
        return KafkaFacts(error="; ".join(error.problems))
    except KafkaException as failure:
        return KafkaFacts(error=describe_kafka_error(failure.args[0]))


def _gather(admin: AdminClient, names: Sequence[str]) -> KafkaFacts:
    metadata = admin.list_topics(timeout=REQUEST_TIMEOUT_S)
    existing = [n for n in names if n in metadata.topics]
    topics = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in existing]
    broker = ConfigResource(ConfigResource.Type.BROKER, str(min(metadata.brokers)))
    configs = _read_configs(admin, topics)
    retention = _read_configs(admin, [broker]).get(broker.name, {})
    operations = _read_operations(admin, existing)
    minutes = retention.get("offsets.retention.minutes")
    return KafkaFacts(
        brokers=len(metadata.brokers),
        topics={
            name: _topic_facts(
                metadata.topics[name], configs.get(name, {}), operations.get(name)
            )
            for name in existing
        },
        offsets_retention_min=int(minutes) if minutes else None,
    )


def _topic_facts(
    topic: Any,  # noqa: ANN401 - TopicMetadata has no types
    config: Mapping[str, str],
    operations: frozenset[str] | None,
) -> TopicFacts:
    partitions = topic.partitions.values()
    return TopicFacts(
        partitions=len(partitions),
        replicas=min((len(p.replicas) for p in partitions), default=0),
        lagging_partitions=sum(len(p.isrs) < len(p.replicas) for p in partitions),
        config=config,
        operations=operations,
    )


def _read_configs(
    admin: AdminClient, resources: list[ConfigResource]
) -> dict[str, dict[str, str]]:
    """Return the configuration by resource; without those that Kafka denies."""
    if not resources:
        return {}
    futures = admin.describe_configs(resources, request_timeout=REQUEST_TIMEOUT_S)
    configs = {}
    for resource, future in futures.items():
        try:
            entries = future.result()
        except KafkaException:
            continue
        configs[resource.name] = {
            name: str(entry.value) for name, entry in entries.items()
        }
    return configs


def _read_operations(
    admin: AdminClient, names: list[str]
) -> dict[str, frozenset[str] | None]:
    """Return the rights by topic; without topics that Kafka does not describe."""
    if not names:
        return {}
    futures = admin.describe_topics(
        TopicCollection(names),
        include_authorized_operations=True,
        request_timeout=REQUEST_TIMEOUT_S,
    )
    rights: dict[str, frozenset[str] | None] = {}
    for name, future in futures.items():
        try:
            operations = future.result().authorized_operations
        except KafkaException:
            continue
        if operations is not None:
            rights[name] = frozenset(operation.name for operation in operations)
    return rights
