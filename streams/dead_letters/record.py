"""Dead letters as they lie on their topic: which are meant, how many, and their way."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple, Self

import msgspec

from streams.actions.activation import decode_activation
from streams.dead_letters.encoding import (
    DELIVER_PREFIX,
    TRUNCATED_HEADER,
    DeadLetter,
    decode_dead_letter,
)
from streams.errors import PoisonRecord

UNREADABLE_CODE = "unreadable"
"""Code of a record on the topic that is no dead letter of ours."""


class TopicOffset(NamedTuple):
    """Where a dead letter lies on the topic of dead letters."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}/{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` wrote.

        Raises:
            ValueError: Not `partition/offset`.
        """
        partition, _, offset = text.partition("/")
        if not (partition.isdecimal() and offset.isdecimal()):
            raise ValueError(f"{text!r} is not PARTITION/OFFSET, like 3/17")
        return cls(int(partition), int(offset))


class RequeueRoute(StrEnum):
    """How a dead letter gets back into the journey."""

    EVENT = "event"
    """Its value is the source record's: intake takes it in again."""

    ACTIVATION = "activation"
    """Its value is a lane's: activate judges whether it is still the last word."""

    SOURCE = "source"
    """Its own value will not do: the source record is taken in again."""

    NONE = "none"
    """Nobody knows where it came from."""


class DeadLetterRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One record of the topic.

    Attributes:
        topic_offset: Where it lies.
        timestamp_ms: Its Kafka timestamp, milliseconds since the epoch.
        dead_letter: What it says; None for a record of somebody else's.
        route: How it gets back.
        headers: As they are.
        key: As it is.
        value: As it is.
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
        """Where it failed; empty where nobody can tell."""
        return self.dead_letter.stage if self.dead_letter else ""

    @property
    def code(self) -> str:
        """Stable name of its fault."""
        return self.dead_letter.code if self.dead_letter else UNREADABLE_CODE

    def without_value(self) -> "DeadLetterRecord":
        """The same for those who only look: a whole topic of them fits in memory."""
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
    """Read a record of the topic, whoever wrote it."""
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
    if dead_letter.stage.startswith(DELIVER_PREFIX):
        return RequeueRoute.ACTIVATION
    if dead_letter.stage == "activate" and _is_activation(dead_letter.value):
        return RequeueRoute.ACTIVATION  # one that had come back already
    return RequeueRoute.EVENT


def _is_activation(value: bytes | None) -> bool:
    try:
        decode_activation(value)
    except PoisonRecord:
        return False
    return True


class DeadLetterFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which dead letters are meant: those that meet all that is given.

    Attributes:
        code: Code of the fault.
        stage: Where it failed; `deliver` means every lane.
        since_ms: Not older than this, milliseconds since the epoch.
        until_ms: Older than this.
        topic_offsets: One of these.
    """

    code: str = ""
    stage: str = ""
    since_ms: int | None = None
    until_ms: int | None = None
    topic_offsets: frozenset[TopicOffset] = frozenset()

    @property
    def is_empty(self) -> bool:
        """Whether every dead letter meets them."""
        return self == DeadLetterFilter()

    def matches(self, record: DeadLetterRecord) -> bool:
        """Whether a dead letter meets them."""
        return (
            self.code in ("", record.code)
            and self.stage in ("", record.stage, record.stage.partition(".")[0])
            and (self.since_ms is None or record.timestamp_ms >= self.since_ms)
            and (self.until_ms is None or record.timestamp_ms < self.until_ms)
            and (not self.topic_offsets or record.topic_offset in self.topic_offsets)
        )


class DeadLetterGroup(NamedTuple):
    """Dead letters of one stage and one fault.

    Attributes:
        stage: Where they failed; empty where nobody can tell.
        code: Name of the fault.
        record_count: How many.
        first_ms: When the first came, milliseconds since the epoch.
        last_ms: When the last did.
        last_offset: Where the last one lies.
    """

    stage: str
    code: str
    record_count: int
    first_ms: int
    last_ms: int
    last_offset: TopicOffset


def group_by_fault(records: Iterable[DeadLetterRecord]) -> list[DeadLetterGroup]:
    """Count them by stage and fault, in the order of their names."""
    groups: dict[tuple[str, str], DeadLetterGroup] = {}
    for record in records:
        name = (record.stage, record.code)
        single = DeadLetterGroup(
            *name, 1, record.timestamp_ms, record.timestamp_ms, record.topic_offset
        )
        group = groups.get(name)
        groups[name] = single if group is None else _merge_groups(group, single)
    return [groups[name] for name in sorted(groups)]


def _merge_groups(group: DeadLetterGroup, other: DeadLetterGroup) -> DeadLetterGroup:
    last = max(group, other, key=lambda group: (group.last_ms, group.last_offset))
    return last._replace(
        record_count=group.record_count + other.record_count,
        first_ms=min(group.first_ms, other.first_ms),
    )
