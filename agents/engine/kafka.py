"""Access to Kafka for the two client libraries, and the ids of topics."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import structlog
from aiokafka.errors import KafkaConnectionError
from aiokafka.partitioner import murmur2
from aiokafka.structs import ConsumerRecord
from confluent_kafka import KafkaError, KafkaException, TopicCollection, Uuid
from confluent_kafka.admin import AdminClient

log = structlog.get_logger(__name__)

TIMEOUT_S = 10.0

EMBEDDED_CLUSTER_PREFIX = "mockCluster"
"""Cluster id of librdkafka's mock cluster, whose missing controller knows no ids."""

_NO_ID = str(Uuid(0, 0))
"""Id that a broker older than topic ids (2.8) returns."""

_UNSUPPORTED = {
    KafkaError.UNSUPPORTED_VERSION,
    KafkaError._UNSUPPORTED_FEATURE,  # noqa: SLF001 - its public name
}

Record: TypeAlias = "ConsumerRecord[Any, Any]"
"""Record as aiokafka returns it; key and value are bytes or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaAccess:
    """Broker addresses and credentials; `repr` hides the password."""

    bootstrap: str
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = "PLAIN"
    sasl_username: str = ""
    sasl_password: str = ""
    ssl_cafile: str = ""

    def __repr__(self) -> str:
        return f"KafkaAccess({self.bootstrap}, {self.security_protocol})"

    def aiokafka_options(self) -> dict[str, Any]:
        """Return keyword arguments for aiokafka clients."""
        options: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap,
            "security_protocol": self.security_protocol,
        }
        if "SASL" in self.security_protocol:
            options |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.sasl_username,
                "sasl_plain_password": self.sasl_password,
            }
        if "SSL" in self.security_protocol:
            cafile = self.ssl_cafile or None
            options["ssl_context"] = ssl.create_default_context(cafile=cafile)
        return options

    def librdkafka_options(self) -> dict[str, Any]:
        """Return the configuration for `confluent_kafka` clients."""
        options: dict[str, Any] = {
            "bootstrap.servers": self.bootstrap,
            "security.protocol": self.security_protocol,
            "log_level": 3,
        }
        if "SASL" in self.security_protocol:
            options |= {
                "sasl.mechanism": self.sasl_mechanism,
                "sasl.username": self.sasl_username,
                "sasl.password": self.sasl_password,
            }
        if "SSL" in self.security_protocol and self.ssl_cafile:
            options["ssl.ca.location"] = self.ssl_cafile
        return options


TopicIdLookup: TypeAlias = Callable[[KafkaAccess, str], Awaitable[str]]
"""Function with the signature of `fetch_topic_id`."""


async def fetch_topic_id(
    kafka: KafkaAccess,
    topic: str,
    *,
    create_admin: Callable[[dict[str, Any]], AdminClient] = AdminClient,
) -> str:
    """Return Kafka's own id of a topic; empty if the broker has no topic ids.

    A topic that was deleted and created again under the same name has another id.

    Args:
        kafka: Broker addresses and credentials.
        topic: Name of the topic.
        create_admin: Creates the admin client from its configuration.

    Raises:
        aiokafka.errors.KafkaError: Kafka does not answer now; try again.
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


def partition_of(key: bytes, partition_count: int) -> int:
    """Return the partition of a key, as chosen by Java clients and this producer."""
    return int((murmur2(key) & 0x7FFFFFFF) % partition_count)
