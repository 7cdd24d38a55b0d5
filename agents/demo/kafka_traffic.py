"""Producer and consumer of the demo: events in, outcomes out."""

import logging
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

from agents.demo.expected import count_expected_outcomes
from agents.demo.subprocesses import DemoError
from agents.demo.workload.sample_event import SampleEvent
from agents.shared.context import kafka_access
from streams.delivery.outcome import OutcomeItem, decode_outcome
from streams.events.canonical_event import Origin
from streams.settings import Settings

READ_RECORDS = 500
ANSWER_S = 10.0

OutcomeKind = tuple[str, str, str, str]
"""Stage, action, verdict and reason code."""

OutcomeCounts = Counter[OutcomeKind]
"""Number of source records by outcome; each counts once per stage."""

silent_logger = logging.getLogger("agents.demo.librdkafka")
silent_logger.addHandler(logging.NullHandler())
silent_logger.propagate = False
"""Logger of the demo's Kafka clients: their errors are raised anyway."""


class EventPublisher:
    """Publisher of a workload at a steady rate, in order.

    Args:
        settings: Broker addresses and source topic.
        events: Events to publish.
        rate_per_s: Events per second.

    Attributes:
        expected_outcomes: Number of outcomes that each source record must have.
    """

    def __init__(
        self, settings: Settings, events: Sequence[SampleEvent], *, rate_per_s: float
    ) -> None:
        options = kafka_access(settings).librdkafka_options()
        options |= {"enable.idempotence": True, "linger.ms": 5}
        self._producer = Producer(options, logger=silent_logger)
        self._topic = settings.source_topics[0]
        self._events = list(zip(events, count_expected_outcomes(events), strict=True))
        self._rate_per_s = rate_per_s
        self._sent = 0
        self.expected_outcomes: dict[Origin, int] = {}

    @property
    def published(self) -> int:
        """Number of events acknowledged by Kafka."""
        return len(self.expected_outcomes)

    def publish_due(self, *, elapsed_s: float) -> None:
        """Publish the events due by now.

        Raises:
            DemoError: Kafka refused an event.
        """
        due = min(len(self._events), int(elapsed_s * self._rate_per_s) + 1)
        for event, outcomes in self._events[self._sent : due]:
            on_delivery = partial(self._on_delivery, outcomes)
            self._producer.produce(
                self._topic, event.body, event.user.encode(), on_delivery=on_delivery
            )
        self._sent = due
        self._producer.poll(0)

    def _on_delivery(
        self, outcomes: int, error: KafkaError | None, record: Message
    ) -> None:
        if error is not None:
            raise DemoError(f"Kafka does not accept events: {error}")
        self.expected_outcomes[_origin(record)] = outcomes


def _origin(record: Any) -> Origin:  # noqa: ANN401 - its stubs have None everywhere
    return Origin(
        topic=record.topic(), partition=record.partition(), offset=record.offset()
    )


class OutcomeConsumer:
    """Reader of the outcomes topic, from the first record.

    Attributes:
        outcome_counts: Number of outcomes of each source record; an order has
            several, one for each recorded event.
    """

    def __init__(self, settings: Settings) -> None:
        topic = settings.topics.outcomes
        options = kafka_access(settings).librdkafka_options()
        options |= {"group.id": f"{settings.app_id}.demo", "enable.auto.commit": False}
        self._consumer = Consumer(options, logger=silent_logger)
        metadata = self._consumer.list_topics(topic, timeout=ANSWER_S).topics[topic]
        partitions = [
            TopicPartition(topic, number, 0) for number in metadata.partitions
        ]
        self._consumer.assign(partitions)
        self._ends: dict[tuple[str, Origin], OutcomeKind] = {}
        self.outcome_counts: Counter[Origin] = Counter()

    def read(self, *, wait_s: float) -> None:
        """Read available outcomes, waiting a moment if there are none."""
        for record in self._consumer.consume(READ_RECORDS, wait_s):
            value = record.value()
            if record.error() is None and value is not None:
                outcome = decode_outcome(value)
                for item in outcome.items:
                    self._add(outcome.stage, outcome.action, item)

    def count_by_kind(self) -> OutcomeCounts:
        """Count the outcomes read so far by kind."""
        return Counter(self._ends.values())

    def close(self) -> None:
        """Close the connection to Kafka."""
        self._consumer.close()

    def _add(self, stage: str, action: str, item: OutcomeItem) -> None:
        code = item.reason.partition(":")[0]
        self._ends[stage, item.origin] = (stage, action, str(item.verdict), code)
        self.outcome_counts[item.origin] += 1
