"""Producer that a later one of the same name fences: Kafka refuses its records.

Each send is a transaction. A process that stalls and goes on after another machine has
taken over can neither publish a row event nor change the state: the transaction's epoch
is an old one.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Report

from agents.admin.kafka_contact import command_options, describe_kafka_error
from agents.engine.kafka import KafkaAccess
from agents.engine.producer import (
    PRODUCER_OPTIONS,
    Message,
    RecordTooLarge,
    SendResult,
    Written,
)
from streams.errors import ConfigError

RETRY_WAIT_S: Final = 1.0
TIMEOUT_S: Final = 60.0

FATAL_POLLS: Final = 10
"""Ours: polls in which librdkafka hands over the cause of a fatal error."""

TRANSACTION_TIMEOUT_S: Final = 30.0
"""Ours: a send that stalls holds up readers of committed records no longer."""

FENCED: Final = {
    KafkaError._FENCED,  # noqa: SLF001 - its public name
    KafkaError.INVALID_PRODUCER_EPOCH,
    KafkaError.PRODUCER_FENCED,
}


_SILENT: Final = logging.getLogger(f"{__name__}.librdkafka")
_SILENT.propagate = False
_SILENT.addHandler(logging.NullHandler())
"""Takes librdkafka's own line about a fenced producer; the error says it too."""


class Fenced(ConfigError):
    """Another machine has taken over the sync."""


class FencedProducer:
    """Transactional producer; on creation it fences all earlier ones of its name.

    Args:
        kafka: Broker addresses and credentials.
        transactional_id: Name of the sync's producers.
        subject: Beginning of the lines of errors.

    Raises:
        ConfigError: Kafka does not answer or refuses.
    """

    def __init__(
        self, kafka: KafkaAccess, transactional_id: str, *, subject: str
    ) -> None:
        self._subject = subject
        options = command_options(kafka) | PRODUCER_OPTIONS
        timeout_ms = int(TRANSACTION_TIMEOUT_S * 1000)
        self._fatal: KafkaError | None = None
        self._producer = Producer(
            options
            | {
                "transactional.id": transactional_id,
                "transaction.timeout.ms": timeout_ms,
                "message.timeout.ms": timeout_ms,
                "error_cb": self._on_error,
            },
            logger=_SILENT,
        )
        self._retry(self._producer.init_transactions)

    async def send(self, messages: Sequence[Message]) -> list[SendResult]:
        """Produce in one transaction; every record is durable on return.

        Raises:
            Fenced: Another machine has taken over.
            ConfigError: Kafka refuses.
        """
        return await asyncio.to_thread(self.write, messages)

    def write(self, messages: Sequence[Message]) -> list[SendResult]:
        """Produce in one transaction, again and again until it is committed.

        Returns:
            One result for each message, in order.

        Raises:
            Fenced: Another machine has taken over.
            ConfigError: Kafka refuses.
        """
        if not messages:
            return []
        while True:
            attempt = _Transaction(self._producer, messages)
            error = attempt.run()
            if error is None:
                return attempt.results
            if not attempt.has_too_large:
                self._refuse_if_final(error)
            self._retry(self._producer.abort_transaction)
            if attempt.has_too_large:
                return self._write_halves(messages)
            time.sleep(RETRY_WAIT_S)

    def _write_halves(self, messages: Sequence[Message]) -> list[SendResult]:
        """Bisect records that Kafka refused, until the too large record is alone."""
        if len(messages) == 1:
            return [RecordTooLarge()]
        middle = len(messages) // 2
        return self.write(messages[:middle]) + self.write(messages[middle:])

    def close(self) -> None:
        """Abort a transaction that is open; there is none after a send."""
        with suppress(KafkaException):  # of a producer that is fenced
            self._producer.purge()
            self._producer.flush(0)

    def _retry(self, step: Any) -> None:  # noqa: ANN401 - a method of a C class
        """Call a step of the transaction's protocol until it is done."""
        while True:
            try:
                step(TIMEOUT_S)
            except KafkaException as failure:
                error = failure.args[0]
                if not error.retriable():
                    raise self._describe(error) from None
            else:
                return

    def _refuse_if_final(self, error: KafkaError) -> None:
        if error.fatal() or not (error.txn_requires_abort() or error.retriable()):
            raise self._describe(error)

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._fatal = error

    def _describe(self, error: KafkaError) -> ConfigError:
        for _ in range(FATAL_POLLS):  # the cause of a fatal error comes on its own
            if self._fatal is None and error.code() == KafkaError._FATAL:  # noqa: SLF001 - its public name
                with suppress(KafkaException):
                    self._producer.poll(RETRY_WAIT_S)
        error = self._fatal or error
        if error.code() in FENCED:
            problem = "another machine has taken over this run; nothing more is sent"
            return Fenced([f"{self._subject}: {problem}"])
        return ConfigError([f"{self._subject}: {describe_kafka_error(error)}"])


class _Transaction:
    """One attempt to write records in a transaction."""

    def __init__(self, producer: Producer, messages: Sequence[Message]) -> None:
        self._producer, self._messages = producer, messages
        self.results: list[SendResult] = [Written(None)] * len(messages)
        self.has_too_large = False

    def run(self) -> KafkaError | None:
        """Write and commit; return the error if it did not come to that."""
        try:
            self._producer.begin_transaction()
            for index, message in enumerate(self._messages):
                self._produce(index, message)
            self._commit()
        except KafkaException as failure:
            error: KafkaError = failure.args[0]
            self.has_too_large |= error.code() == KafkaError.MSG_SIZE_TOO_LARGE
            return error
        return None

    def _commit(self) -> None:
        """Commit; a commit without an answer is asked for again, never given up."""
        while True:
            try:
                self._producer.commit_transaction(TIMEOUT_S)
            except KafkaException as failure:
                if not failure.args[0].retriable():
                    raise
            else:
                return

    def _produce(self, index: int, message: Message) -> None:
        while True:
            try:
                self._producer.produce(
                    message.topic,
                    message.value,
                    message.key,
                    message.partition,
                    partial(self._on_delivery, index),
                    headers=message.headers,
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                return

    def _on_delivery(self, index: int, error: KafkaError | None, done: Report) -> None:
        if error is None:
            self.results[index] = Written(done.offset())
        elif error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            self.has_too_large = True
