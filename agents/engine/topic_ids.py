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

EMBEDDED = "mockCluster"
"""How librdkafka's mock cluster calls itself: it has no controller to ask for ids."""

_NONE = str(Uuid(0, 0))
"""What a broker older than ids (2.8) gives for one."""

_UNSUPPORTED = {
    KafkaError.UNSUPPORTED_VERSION,
    KafkaError._UNSUPPORTED_FEATURE,  # noqa: SLF001 - its public name
}


Ask = Callable[[KafkaAccess, str], Awaitable[str]]
"""Like `topic_id`."""


async def topic_id(
    kafka: KafkaAccess,
    topic: str,
    *,
    connect: Callable[[dict[str, Any]], AdminClient] = AdminClient,
) -> str:
    """Give Kafka's own id of a topic; empty where the broker has none to give.

    Args:
        kafka: Where the topic is.
        topic: The topic.
        connect: Gives what asks there.

    Raises:
        aiokafka.errors.KafkaError: Kafka doesn't answer now; try again.
    """
    return await asyncio.to_thread(_topic_id, kafka, topic, connect)


def _topic_id(
    kafka: KafkaAccess, topic: str, connect: Callable[[dict[str, Any]], AdminClient]
) -> str:
    try:
        known = _described(connect(kafka.librdkafka()), topic)
    except KafkaException as refused:
        error = refused.args[0]
        if error.code() in _UNSUPPORTED:
            return ""
        log.warning("topic_id_unknown", topic=topic, error=error.name())
        raise KafkaConnectionError(f"id of {topic}: {error.name()}") from None
    return "" if known == _NONE else known


def _described(admin: AdminClient, topic: str) -> str:
    cluster = str(admin.list_topics(topic, timeout=TIMEOUT_S).cluster_id)
    if cluster.startswith(EMBEDDED):
        return ""
    asked = admin.describe_topics(TopicCollection([topic]), request_timeout=TIMEOUT_S)
    return str(asked[topic].result().topic_id)
