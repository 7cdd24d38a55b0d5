"""Lease of a sync across machines: the membership in a consumer group.

The group of a sync reads a topic with one partition, and the member that has the
partition holds the lease. It keeps two machines from running at once. It makes nothing
safe by itself: a holder that stalls loses it without knowing. A holder that has lost it
can write nothing, because its successor has fenced its producer
(`agents/admin/warehouse/state_topic/fenced_producer.py`).
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Final

from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from agents.admin.kafka_contact import command_options, translate_kafka_errors
from agents.engine.kafka import KafkaAccess
from streams.errors import ConfigError

POLL_S: Final = 0.2
JOIN_S: Final = 20.0
"""Ours: longest time of Kafka for a rebalance without a member that is dead."""

TIMEOUT_S: Final = 10.0

_WITHOUT_MEMBERS: Final = (ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD)


class LeaseHeld(ConfigError):
    """Another machine runs the sync."""


class _Member:
    """Member of the group of a sync, polled by a thread of its own.

    Args:
        consumer: Consumer of the group.
        topic: Topic with one partition.
    """

    def __init__(self, consumer: Consumer, topic: str) -> None:
        self._consumer = consumer
        self._answer = threading.Event()
        self._stop = threading.Event()
        self._is_holder = False
        self._error: KafkaException | None = None
        consumer.subscribe([topic], on_assign=self._on_assign)
        self._thread = threading.Thread(target=self._poll, name="lease", daemon=True)
        self._thread.start()

    def await_answer(self, timeout_s: float) -> bool:
        """Return True once Kafka has given the partition to this member.

        Raises:
            KafkaException: Kafka refuses.
        """
        self._answer.wait(timeout_s)
        if self._error is not None:
            raise self._error
        return self._is_holder

    def close(self) -> None:
        """Leave the group, so that the next machine does not wait."""
        self._stop.set()
        self._thread.join()
        self._consumer.close()

    def _on_assign(
        self, consumer: Consumer, partitions: Sequence[TopicPartition]
    ) -> None:
        self._is_holder |= bool(partitions)
        consumer.incremental_assign(list(partitions))
        consumer.pause(list(partitions))
        self._answer.set()

    def _poll(self) -> None:
        try:
            while not self._stop.is_set():
                self._consumer.poll(POLL_S)
        except KafkaException as failure:
            self._error = failure
            self._answer.set()


@contextmanager
def hold_lease(
    kafka: KafkaAccess,
    *,
    topic: str,
    group: str,
    session_timeout_s: float,
    read_holder: Callable[[], str],
) -> Iterator[None]:
    """Hold the lease of a sync; Kafka ends it when the process is gone or stalls.

    Args:
        kafka: Broker addresses and credentials.
        topic: Topic with one partition.
        group: Consumer group of the sync.
        session_timeout_s: Seconds after which a holder that is silent has lost it.
        read_holder: Reads the name of the process that holds it, empty for unknown.

    Raises:
        LeaseHeld: Another process holds it.
        ConfigError: Kafka does not answer or refuses.
    """
    options = command_options(kafka) | {
        "group.id": group,
        # The holder keeps the partition when another member comes.
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": int(session_timeout_s * 1000),
        "heartbeat.interval.ms": int(session_timeout_s * 1000 / 6),
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
    }
    with closing(_Member(Consumer(options), topic)) as member:
        with translate_kafka_errors(f"group {group}"):
            is_holder = member.await_answer(session_timeout_s + JOIN_S)
        if not is_holder:
            problem = f"is running in {read_holder() or 'another process'}"
            name = group.rpartition(".")[2]
            raise LeaseHeld([f"sync: {name} {problem}; two runs at once are refused"])
        yield


def is_lease_held(kafka: KafkaAccess, group: str) -> bool:
    """Return True if some process is a member of the group of a sync.

    Groups are listed: librdkafka aborts the process if it describes one and loses the
    coordinator meanwhile (issue 4605 of librdkafka).

    Raises:
        ConfigError: Kafka does not answer or refuses.
    """
    with translate_kafka_errors(f"group {group}"):
        admin = AdminClient(command_options(kafka))
        listing = admin.list_consumer_groups(request_timeout=TIMEOUT_S).result()
        states = [one.state for one in listing.valid if one.group_id == group]
        if not states and listing.errors:
            raise listing.errors[0]
    return any(state not in _WITHOUT_MEMBERS for state in states)
