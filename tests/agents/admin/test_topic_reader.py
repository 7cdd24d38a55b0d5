"""Answers of Kafka about a topic; `tests/kafka/test_topic_reader.py` reads records."""

import pytest
from confluent_kafka import Consumer, KafkaError
from confluent_kafka.admin._metadata import ClusterMetadata, TopicMetadata

from agents.admin.topic_reader import MissingRecord, read_records
from agents.engine.kafka import KafkaAccess
from streams.errors import ConfigError
from streams.events.canonical_event import Origin

ORIGIN = Origin(topic="source", partition=0, offset=3)
UNREACHABLE = KafkaAccess(bootstrap="127.0.0.1:9")


def _consumer_answering(code: int) -> type[Consumer]:
    """Return a consumer class whose broker answers with an error code."""

    class AnsweringConsumer(Consumer):
        def list_topics(
            self, topic: str | None = None, timeout: float | None = -1
        ) -> ClusterMetadata:
            del timeout
            topic_metadata, whole = TopicMetadata(), ClusterMetadata()
            topic_metadata.error = KafkaError(code)
            whole.topics = {topic or "": topic_metadata}
            return whole

    return AnsweringConsumer


def _lookup(code: int) -> list[tuple[Origin, object]]:
    return list(
        read_records(UNREACHABLE, [ORIGIN], create_consumer=_consumer_answering(code))
    )


def test_a_topic_that_does_not_exist_has_no_records() -> None:
    """A deleted topic has no record at any offset."""
    lookups = _lookup(KafkaError.UNKNOWN_TOPIC_OR_PART)

    assert lookups == [(ORIGIN, MissingRecord.MISSING)]


@pytest.mark.parametrize(
    "code", [KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.LEADER_NOT_AVAILABLE]
)
def test_a_topic_that_cannot_be_read_is_an_error(code: int) -> None:
    """The topic may have records, so an error must not count as a missing record."""
    name = KafkaError(code).name()

    with pytest.raises(ConfigError, match=rf"topic source: .*{name}"):
        _lookup(code)
