"""Records on their way back into the journey, written by commands, not by workers."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime

from confluent_kafka import KafkaException, Producer

from agents.context import (
    ACTIVATION,
    FAILED_LANES,
    ORIGIN,
    REPLAY,
    REPLAY_MODE,
    TIME,
)
from agents.engine.kafka import KafkaAccess
from agents.engine.producer import OPTIONS, Message
from streams.errors import ConfigError
from streams.events.model import ReplayMode
from streams.events.origin import Origin
from streams.settings.model import Topics

TIMEOUT_S = 60.0


def new_id(now: datetime) -> str:
    """Name a replay: when it began, and something nobody else has."""
    return f"{now:%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}"


def event_again(  # noqa: PLR0913 - a record's parts
    topics: Topics,
    value: bytes | None,
    *,
    key: bytes | None,
    origin: Origin,
    source_ms: int,
    replay: str,
    mode: ReplayMode = ReplayMode.CORRECT,
    failed_lanes: Iterable[str] = (),
) -> Message:
    """A source record that intake takes in again.

    Args:
        topics: Names of the project's topics.
        value: Value of the source record.
        key: Its key.
        origin: Where it lies, or lay.
        source_ms: When it was written, milliseconds since the epoch.
        replay: Names the replay.
        mode: What the replay is for.
        failed_lanes: On which it failed; what else it caused is not said again where
            people change it in Klaviyo too.
    """
    headers = _headers(origin, source_ms=source_ms, replay=replay, mode=mode)
    lanes = ",".join(sorted(failed_lanes))
    failed = [(FAILED_LANES, lanes.encode())] if lanes else []
    return Message(topics.reentry, key, value, [*headers, *failed])


def activation_again(  # noqa: PLR0913 - a record's parts
    topics: Topics,
    value: bytes | None,
    *,
    user: bytes | None,
    origin: Origin,
    source_ms: int,
    replay: str,
    mode: ReplayMode = ReplayMode.AGAIN,
) -> Message:
    """A lane's record that activate judges again; it stays in order with its user."""
    headers = _headers(origin, source_ms=source_ms, replay=replay, mode=mode)
    return Message(topics.events, user, value, [*headers, (ACTIVATION, b"1")])


def _headers(
    origin: Origin, *, source_ms: int, replay: str, mode: ReplayMode
) -> list[tuple[str, bytes]]:
    return [
        (ORIGIN, str(origin).encode()),
        (TIME, b"%d" % source_ms),
        (REPLAY, replay.encode()),
        (REPLAY_MODE, mode.encode()),
    ]


class Publisher:
    """Writes records, durable when the call returns; for commands that may block.

    Args:
        kafka: Where Kafka is.
    """

    def __init__(self, kafka: KafkaAccess) -> None:
        self._producer = Producer(kafka.librdkafka() | OPTIONS)
        self._failed: list[str] = []

    def publish(self, messages: Sequence[Message]) -> None:
        """Append all of them, in order.

        Raises:
            ConfigError: Kafka does not take one.
        """
        for one in messages:
            self._append(one)
        if self._producer.flush(TIMEOUT_S):
            self._failed.append("no answer")
        if self._failed:
            raise ConfigError([f"kafka: not written: {self._failed[0]}"])

    def _append(self, one: Message) -> None:
        while True:
            try:
                self._producer.produce(
                    one.topic,
                    one.value,
                    one.key,
                    one.partition,
                    self._report,
                    headers=one.headers,
                )
            except BufferError:
                self._producer.poll(1.0)
            except KafkaException as refused:
                self._failed.append(refused.args[0].name())
                return
            else:
                self._producer.poll(0)
                return

    def _report(self, error: object, _: object) -> None:
        if error is not None:
            self._failed.append(str(error))
