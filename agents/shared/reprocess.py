"""Records for reprocessing, as commands write them: requeued and replayed records."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime

from confluent_kafka import KafkaException, Producer

from agents.engine.kafka import KafkaAccess
from agents.engine.producer import PRODUCER_OPTIONS, Message
from agents.shared.headers import (
    ACTIVATION_HEADER,
    FAILED_LANES_HEADER,
    ORIGIN_HEADER,
    REPLAY_HEADER,
    REPLAY_MODE_HEADER,
    SOURCE_TIME_HEADER,
)
from streams.errors import ConfigError
from streams.events.canonical_event import ReplayMode
from streams.events.origin import Origin
from streams.settings.model import Topics

PUBLISH_TIMEOUT_S = 60.0


def new_replay_id(now: datetime) -> str:
    """Return a unique id for a replay, beginning with its time."""
    return f"{now:%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}"


def requeue_event(  # noqa: PLR0913 - a record's parts
    topics: Topics,
    value: bytes | None,
    *,
    key: bytes | None,
    origin: Origin,
    source_ms: int,
    replay: str,
    mode: ReplayMode = ReplayMode.CHANGES_ONLY,
    failed_lanes: Iterable[str] = (),
) -> Message:
    """Build a record that makes intake process a source record again.

    Args:
        topics: Names of the project's topics.
        value: Value of the source record.
        key: Its key.
        origin: Origin of the source record.
        source_ms: Time of the source record, milliseconds since the epoch.
        replay: Id of the replay.
        mode: Mode of the replay.
        failed_lanes: Lanes on which it failed. Consent is sent again only for these:
            people change it in Klaviyo too.
    """
    headers = _replay_headers(origin, source_ms=source_ms, replay=replay, mode=mode)
    lanes_text = ",".join(sorted(failed_lanes))
    failed_lanes_header = (
        [(FAILED_LANES_HEADER, lanes_text.encode())] if lanes_text else []
    )
    return Message(topics.reprocess, key, value, [*headers, *failed_lanes_header])


def requeue_activation(  # noqa: PLR0913 - a record's parts
    topics: Topics,
    value: bytes | None,
    *,
    user: bytes | None,
    origin: Origin,
    source_ms: int,
    replay: str,
    mode: ReplayMode = ReplayMode.RESEND,
) -> Message:
    """Build a record that makes activate check an activation again."""
    headers = _replay_headers(origin, source_ms=source_ms, replay=replay, mode=mode)
    return Message(topics.events, user, value, [*headers, (ACTIVATION_HEADER, b"1")])


def _replay_headers(
    origin: Origin, *, source_ms: int, replay: str, mode: ReplayMode
) -> list[tuple[str, bytes]]:
    return [
        (ORIGIN_HEADER, str(origin).encode()),
        (SOURCE_TIME_HEADER, b"%d" % source_ms),
        (REPLAY_HEADER, replay.encode()),
        (REPLAY_MODE_HEADER, mode.encode()),
    ]


class RecordPublisher:
    """Writes records durably, for commands, which may block.

    Args:
        kafka: Access to Kafka.
    """

    def __init__(self, kafka: KafkaAccess) -> None:
        self._producer = Producer(kafka.librdkafka_options() | PRODUCER_OPTIONS)
        self._errors: list[str] = []

    def publish(self, messages: Sequence[Message]) -> None:
        """Write records in order; all are durable on return.

        Raises:
            ConfigError: Kafka rejects a record.
        """
        for message in messages:
            self._append(message)
        if self._producer.flush(PUBLISH_TIMEOUT_S):
            self._errors.append("no answer")
        if self._errors:
            raise ConfigError([f"kafka: not written: {self._errors[0]}"])

    def _append(self, message: Message) -> None:
        while True:
            try:
                self._producer.produce(
                    message.topic,
                    message.value,
                    message.key,
                    message.partition,
                    self._on_delivery,
                    headers=message.headers,
                )
            except BufferError:
                self._producer.poll(1.0)
            except KafkaException as error:
                self._errors.append(error.args[0].name())
                return
            else:
                self._producer.poll(0)
                return

    def _on_delivery(self, error: object, _: object) -> None:
        if error is not None:
            self._errors.append(str(error))
