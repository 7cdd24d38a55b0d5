"""Records of the topic of dead letters, and the route for requeuing each record."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple, Self

import msgspec

from streams.actions.activation import decode_activation
from streams.dead_letters.encoding import (
    TRUNCATED_HEADER,
    DeadLetter,
    decode_dead_letter,
)
from streams.delivery.outcome import Stage
from streams.errors import PoisonRecord
from streams.events.canonical_event import Origin

SYNC_ORIGIN: Final = "sync:"
"""Beginning of the topic in the origin of a row of a sync, before the sync's name. No
topic of Kafka has a colon in its name."""

UNREADABLE_CODE = "unreadable"
"""Code of a record that is not a dead letter of this project."""


class TopicOffset(NamedTuple):
    """Partition and offset of a record on the topic of dead letters."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}/{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text that `str` writes.

        Raises:
            ValueError: The text is not `partition/offset`.
        """
        partition, _, offset = text.partition("/")
        if not (partition.isdecimal() and offset.isdecimal()):
            raise ValueError(f"{text!r} is not PARTITION/OFFSET, like 3/17")
        return cls(int(partition), int(offset))


def is_row_of_sync(origin: Origin) -> bool:
    """Return True for a row of a sync: the database has it, and no source topic."""
    return origin.topic.startswith(SYNC_ORIGIN)


class RequeueRoute(StrEnum):
    """Route for requeuing a dead letter."""

    EVENT = "event"
    """The value is that of the source record: intake processes it again."""

    ACTIVATION = "activation"
    """The value is an activation: activate checks that it is still the last write."""

    SOURCE = "source"
    """The value is truncated: the source record is read and processed again."""

    NONE = "none"
    """There is no route: the origin is unknown."""


class DeadLetterRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Record of the topic of dead letters.

    Attributes:
        topic_offset: Partition and offset.
        timestamp_ms: Kafka timestamp, milliseconds since the epoch.
        dead_letter: The decoded dead letter; None for other records.
        route: Route by which it is requeued.
        headers: Headers as they are on the topic.
        key: Key as it is on the topic.
        value: Value as it is on the topic.
    """

    topic_offset: TopicOffset
    timestamp_ms: int
    dead_letter: DeadLetter | None
    route: RequeueRoute
    headers: tuple[tuple[str, bytes | None], ...] = ()
    key: bytes | None = None
    value: bytes | None = None

    @property
    def stage(self) -> str:
        """Stage where the record failed; empty if unknown."""
        return self.dead_letter.stage if self.dead_letter else ""

    @property
    def code(self) -> str:
        """Stable name of the fault."""
        return self.dead_letter.code if self.dead_letter else UNREADABLE_CODE

    def without_value(self) -> "DeadLetterRecord":
        """Return a copy without value, so that a whole topic fits in memory."""
        dead_letter = self.dead_letter and msgspec.structs.replace(
            self.dead_letter, value=None
        )
        return msgspec.structs.replace(
            self, dead_letter=dead_letter, headers=(), value=None
        )


def read_record(
    topic_offset: TopicOffset,
    *,
    timestamp_ms: int,
    headers: Iterable[tuple[str, bytes | None]],
    key: bytes | None,
    value: bytes | None,
) -> DeadLetterRecord:
    """Decode a record of the topic, also a record that is not a dead letter."""
    headers = tuple(headers)
    dead_letter = decode_dead_letter(headers, key=key, value=value)
    is_truncated = any(name == TRUNCATED_HEADER for name, _ in headers)
    route = (
        RequeueRoute.SOURCE
        if is_truncated and dead_letter
        else _choose_route(dead_letter)
    )
    return DeadLetterRecord(
        topic_offset=topic_offset,
        timestamp_ms=timestamp_ms,
        dead_letter=dead_letter,
        route=route,
        headers=headers,
        key=key,
        value=value,
    )


def _choose_route(dead_letter: DeadLetter | None) -> RequeueRoute:
    if dead_letter is None:
        return RequeueRoute.NONE
    if dead_letter.stage.lane:
        return RequeueRoute.ACTIVATION
    if dead_letter.stage is Stage.ACTIVATE and _is_activation(dead_letter.value):
        return RequeueRoute.ACTIVATION  # it was requeued before
    return RequeueRoute.EVENT


def _is_activation(value: bytes | None) -> bool:
    try:
        decode_activation(value)
    except PoisonRecord:
        return False
    return True
