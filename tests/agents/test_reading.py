"""What a topic's metadata may say; `tests/kafka/test_reading.py` reads records."""

import pytest
from confluent_kafka import Consumer, KafkaError
from confluent_kafka.admin._metadata import ClusterMetadata, TopicMetadata

from agents.engine.kafka import KafkaAccess
from agents.reading import Gone, read_places
from streams.errors import ConfigError
from streams.events.origin import Origin

PLACE = Origin(topic="source", partition=0, offset=3)
NOWHERE = KafkaAccess(bootstrap="127.0.0.1:9")


def _answering(code: int) -> type[Consumer]:
    """A consumer whose broker answers that of every topic."""

    class Answering(Consumer):
        def list_topics(
            self, topic: str | None = None, timeout: float | None = -1
        ) -> ClusterMetadata:
            del timeout
            found, whole = TopicMetadata(), ClusterMetadata()
            found.error = KafkaError(code)
            whole.topics = {topic or "": found}
            return whole

    return Answering


def _read(code: int) -> list[tuple[Origin, object]]:
    return list(read_places(NOWHERE, [PLACE], connect=_answering(code)))


def test_a_topic_that_kafka_does_not_know_has_no_records() -> None:
    """It was deleted: nothing lies there any more."""
    found = _read(KafkaError.UNKNOWN_TOPIC_OR_PART)

    assert found == [(PLACE, Gone.MISSING)]


@pytest.mark.parametrize(
    "code", [KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.LEADER_NOT_AVAILABLE]
)
def test_a_topic_that_can_not_be_read_is_not_taken_for_none(code: int) -> None:
    """Records may lie there: nobody may act as if they were gone."""
    name = KafkaError(code).name()

    with pytest.raises(ConfigError, match=f"topic source: {name}"):
        _read(code)
