"""The outcome reader reports Kafka's errors as errors of the configuration."""

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException

from agents.admin.outcome_reader import OutcomeReader
from agents.engine.kafka import KafkaAccess
from agents.shared.embedded_broker import EmbeddedBroker
from streams.errors import ConfigError


class _RefusingConsumer(Consumer):
    """Consumer whose broker does not answer."""

    def list_topics(self, *_: object, **__: object) -> object:
        raise KafkaException(KafkaError(KafkaError._TRANSPORT))  # noqa: SLF001 - its name


class _SilentConsumer(Consumer):
    """Consumer whose broker returns topics and then stops answering."""

    def get_watermark_offsets(self, *_: object, **__: object) -> tuple[int, int]:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - its name


@pytest.mark.parametrize(
    ("consumer_type", "error_name"),
    [
        pytest.param(_RefusingConsumer, "_TRANSPORT", id="no-answer"),
        pytest.param(_SilentConsumer, "_TIMED_OUT", id="no-answer-any-more"),
    ],
)
def test_a_kafka_that_does_not_answer_is_a_config_error(
    consumer_type: type[Consumer], error_name: str
) -> None:
    """The error text is the same as for every other command."""
    with EmbeddedBroker() as broker:
        broker.create_topics("t.outcomes")
        access = KafkaAccess(bootstrap=broker.bootstrap)

        with pytest.raises(
            ConfigError, match=rf"kafka_bootstrap_servers: .*\({error_name}\)"
        ):
            OutcomeReader(
                access, "t.outcomes", replay="r-1", create_consumer=consumer_type
            )
