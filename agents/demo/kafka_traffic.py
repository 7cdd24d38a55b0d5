"""Producer and consumer of the demo: events in, outcomes out."""

import logging
from collections import Counter
from collections.abc import Sequence
from functools import partial

from confluent_kafka import Consumer, KafkaError, Message, Producer

from agents.admin.topic_reader import (
    FOLLOW,
    TopicReader,
    is_end,
    partition_and_offset,
)
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
        partition, offset = partition_and_offset(record)
        origin = Origin(topic=self._topic, partition=partition, offset=offset)
        self.expected_outcomes[origin] = outcomes


class OutcomeConsumer:
    """Reader of the outcomes topic, from the first record.

    Args:
        settings: Broker addresses and outcomes topic.

    Attributes:
        outcome_counts: Number of outcomes of each source record; an order has
            several, one for each recorded event.
    """

    def __init__(self, settings: Settings) -> None:
        topic = settings.topics.outcomes
        self._reader = TopicReader(
            kafka_access(settings),
            group=f"{settings.app_id}.demo",
            options=FOLLOW,
            timeout_s=ANSWER_S,
            create_consumer=partial(Consumer, logger=silent_logger),
        )
        self._reader.assign(topic, dict.fromkeys(self._reader.partitions(topic), 0))
        self._ends: dict[tuple[str, Origin], OutcomeKind] = {}
        self.outcome_counts: Counter[Origin] = Counter()

    def read(self, *, wait_s: float) -> None:
        """Read available outcomes, waiting a moment if there are none."""
        for message in self._reader.poll(READ_RECORDS, wait_s=wait_s, skip_errors=True):
            if not is_end(message) and (value := message.value()) is not None:
                outcome = decode_outcome(value)
                for item in outcome.items:
                    self._add(outcome.stage, outcome.action, item)

    def count_by_kind(self) -> OutcomeCounts:
        """Count the outcomes read so far by kind."""
        return Counter(self._ends.values())

    def close(self) -> None:
        """Close the connection to Kafka."""
        self._reader.close()

    def _add(self, stage: str, action: str, item: OutcomeItem) -> None:
        code = item.reason.partition(":")[0]
        self._ends[stage, item.origin] = (stage, action, str(item.verdict), code)
        self.outcome_counts[item.origin] += 1
