"""Which topic of a name it is: one that was deleted and made again is another."""

import asyncio

import structlog
from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from agents.engine.kafka import KafkaAccess

log = structlog.get_logger(__name__)

TIMEOUT_S = 10.0

EMBEDDED = "mockCluster"
"""How librdkafka's mock cluster calls itself: it has no controller to ask for ids."""


async def topic_id(kafka: KafkaAccess, topic: str) -> str:
    """Give Kafka's own id of a topic; empty where the broker has none to give."""
    return await asyncio.to_thread(_topic_id, kafka, topic)


def _topic_id(kafka: KafkaAccess, topic: str) -> str:
    try:
        admin = AdminClient(kafka.librdkafka())
        cluster = str(admin.list_topics(topic, timeout=TIMEOUT_S).cluster_id)
        if cluster.startswith(EMBEDDED):
            return ""
        asked = admin.describe_topics(
            TopicCollection([topic]), request_timeout=TIMEOUT_S
        )
        return str(asked[topic].result().topic_id)
    except KafkaException as refused:
        error = refused.args[0].name()
        log.warning("topic_id_unknown", topic=topic, error=error)
        return ""
