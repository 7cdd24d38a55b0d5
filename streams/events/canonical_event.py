"""Canonical event: the form that every source format is decoded to.

The JSON of an event does not have its origin and its replay. They are in the headers of
the records between the stages, whose names are here.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, Literal, Self, get_args

import msgspec

from streams.errors import PoisonRecord

EventKind = Literal["track", "identify", "page", "screen", "group", "alias", "delete"]
EVENT_KINDS: frozenset[str] = frozenset(get_args(EventKind))
"""The calls of the Segment spec, as its `type` field writes them."""

ORIGIN_HEADER = "ks.origin"
"""Origin of the source record; on every topic between stages."""

SOURCE_TIME_HEADER = "ks.time-ms"
"""Kafka timestamp of the source record: the time of an event that has none.

The timestamp of the record on the events topic will not do: in a replay of last month's
events it would be older than the retention of that topic, and the record would be gone
before it is read.
"""

EVENT_OFFSET_HEADER = "ks.read-at"
"""Offset on the events topic of the event that caused an activation."""

REPLAY_HEADER = "ks.replay"
"""Id of the replay that reprocesses a record."""

REPLAY_MODE_HEADER = "ks.replay-mode"
"""Mode of that replay: a `ReplayMode`."""

FAILED_LANES_HEADER = "ks.failed-lanes"
"""Lanes on which a requeued event failed, comma-separated."""

ACTIVATION_HEADER = "ks.activation"
"""Marks a record of the events topic as a requeued activation, not an event.

Activate checks that the activation is still the user's last write, then returns it to
its lane.
"""

CANONICAL_HEADER = "ks.canonical"
"""Marks a record of the reprocess topic whose value is a canonical event already.

The value of another one has the format of its source topic.
"""

SOURCE_HEADER_PREFIX = "ks.source."
"""Prefix of the producer's headers, on the reprocess topic and on dead letters:
some formats need them."""

LINK_HEADER = "ks.link"
"""Marks an alias call that is on the events topic by the previous id."""

CLAIM_HEADER = "ks.claim"
"""Marks a list change that is on the events topic by the edge that it is about."""

HELD_UNTIL_HEADER = "ks.held-until"
"""End of the hold of an event, milliseconds since the epoch: it is held only once."""

NUMBERS_MAX_CHARS = 38
"""A partition has at most 10 digits, an offset 19: Kafka's int32 and int64. An index
has at most 7: no record of Kafka's largest size has as many rows."""


class Origin(msgspec.Struct, frozen=True, kw_only=True, array_like=True, order=True):
    """Topic, partition and offset of the source record; set once, at intake.

    Attributes:
        topic: Source topic.
        partition: Partition of the topic.
        offset: Offset of the record.
        index: Position of the event among those of the record, from 0. Most records
            are one event; of several rows in one record the last one must win.
    """

    topic: str
    partition: int
    offset: int
    index: int = 0

    def __str__(self) -> str:
        record = f"{self.topic}/{self.partition}/{self.offset}"
        return f"{record}/{self.index}" if self.index else record

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse the text that `str` writes.

        Raises:
            PoisonRecord: The text is not `topic/partition/offset`, with or without
                `/index`.
        """
        topic, _, numbers_text = text.partition("/")
        numbers = numbers_text.split("/")
        are_decimal = "" not in numbers and "".join(numbers).isdecimal()
        is_short = len(numbers_text) <= NUMBERS_MAX_CHARS
        is_topic = bool(topic) and topic.isascii()  # Kafka allows no other names
        if not (is_topic and are_decimal and is_short and len(numbers) in (2, 3)):
            raise PoisonRecord("bad-origin", "origin is not topic/partition/offset")
        partition, offset, *index = map(int, numbers)
        return cls(topic=topic, partition=partition, offset=offset, index=sum(index))

    def of_event(self, index: int) -> Self:
        """Return the origin of an event, by the position in the record from 0."""
        return msgspec.structs.replace(self, index=index)


FIRST_ORIGIN: Final = Origin(topic="", partition=0, offset=0)
"""Origin before that of any record: the first rank of a millisecond."""


class ReplayMode(StrEnum):
    """Purpose of a replay; the option `--mode` has the same values."""

    CHANGES_ONLY = "correct"
    """Execute only the changes that a corrected mapping makes; skip everything that was
    executed the first time."""

    RESEND = "again"
    """Send once more whatever is still the last write: the request never reached
    Klaviyo, or its effect was undone there."""

    STATE_ONLY = "rebuild"
    """Restore user state that the table has lost; send nothing to Klaviyo."""


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """Replay that brings an event in again.

    Attributes:
        id: Name of the replay.
        mode: Purpose of the replay.
        backfill_before_ms: Events that happened before are recorded without firing
            flows, milliseconds since the epoch.
        failed_lanes: Lanes on which the event failed. Consents, suppressions and
            deletions, which people change in Klaviyo too, are sent again on these
            lanes only.
    """

    id: str
    mode: ReplayMode = ReplayMode.CHANGES_ONLY
    backfill_before_ms: int = 0
    failed_lanes: frozenset[str] = frozenset()


class CanonicalEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Event of a single user, independent of the record's format.

    Attributes:
        kind: Call of the Segment spec.
        user: The user key: `userId`, else `anonymousId`, else the e-mail address in
            lower case. Never empty.
        message_id: The producer's name for the event; empty when the event has none.
        time_ms: Event time, milliseconds since the epoch.
        origin: The source record.
        body: The JSON object as the producer wrote it.
        replay: The replay that brings the event in again; None the first time.
    """

    kind: EventKind
    user: str
    message_id: str
    time_ms: int
    origin: Origin
    body: dict[str, Any]
    replay: Replay | None = None

    @property
    def rank(self) -> tuple[int, Origin]:
        """The order of last writes: event time, then origin."""
        return self.time_ms, self.origin

    @property
    def replay_mode(self) -> ReplayMode | None:
        """The purpose of the replay; None outside a replay."""
        return self.replay.mode if self.replay else None


def section(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the object under a name, or an empty object.

    Absent, `null` and PHP's `[]` for an empty object all read as empty.
    """
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def producer_headers(
    headers: Mapping[str, bytes], *, is_internal: bool
) -> dict[str, bytes]:
    """Return the headers that the producer gave a source record.

    Args:
        headers: Headers of the record, or of a copy on a topic of ours.
        is_internal: True for the copy, where they have a prefix.
    """
    if not is_internal:
        return dict(headers)
    return {
        name.removeprefix(SOURCE_HEADER_PREFIX): value
        for name, value in headers.items()
        if name.startswith(SOURCE_HEADER_PREFIX)
    }
