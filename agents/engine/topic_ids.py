"""Which topic of a name it is: one that was deleted and made again is another."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiokafka.errors import KafkaConnectionError
from confluent_kafka import KafkaError, KafkaException, TopicCollection, Uuid
from confluent_kafka.admin import AdminClient

from agents.engine.kafka import KafkaAccess

log = structlog.get_logger(__name__)

TIMEOUT_S = 10.0

EMBEDDED_CLUSTER_PREFIX = "mockCluster"
"""How librdkafka's mock cluster calls itself: it has no controller to ask for ids."""

_NO_ID = str(Uuid(0, 0))
"""What a broker older than ids (2.8) gives for one."""

_UNSUPPORTED = {
    KafkaError.UNSUPPORTED_VERSION,
    KafkaError._UNSUPPORTED_FEATURE,  # noqa: SLF001 - its public name
}


TopicIdLookup = Callable[[KafkaAccess, str], Awaitable[str]]
"""Like `topic_id`."""


async def fetch_topic_id(
    kafka: KafkaAccess,
    topic: str,
    *,
    create_admin: Callable[[dict[str, Any]], AdminClient] = AdminClient,
) -> str:
    """Give Kafka's own id of a topic; empty where the broker has none to give.

    Args:
        kafka: Where the topic is.
        topic: The topic.
        create_admin: Gives what asks there.

    Raises:
        aiokafka.errors.KafkaError: Kafka doesn't answer now; try again.
    """
    return await asyncio.to_thread(_fetch_topic_id, kafka, topic, create_admin)


def _fetch_topic_id(
    kafka: KafkaAccess,
    topic: str,
    create_admin: Callable[[dict[str, Any]], AdminClient],
) -> str:
    try:
        topic_id = _describe_topic(create_admin(kafka.librdkafka_options()), topic)
    except KafkaException as failure:
        error = failure.args[0]
        if error.code() in _UNSUPPORTED:
            return ""
        log.warning("topic_id_unknown", topic=topic, error=error.name())
        raise KafkaConnectionError(f"id of {topic}: {error.name()}") from None
    return "" if topic_id == _NO_ID else topic_id


def _describe_topic(admin: AdminClient, topic: str) -> str:
    cluster = str(admin.list_topics(topic, timeout=TIMEOUT_S).cluster_id)
    if cluster.startswith(EMBEDDED_CLUSTER_PREFIX):
        return ""
    descriptions = admin.describe_topics(
        TopicCollection([topic]), request_timeout=TIMEOUT_S
    )
    return str(descriptions[topic].result().topic_id)
