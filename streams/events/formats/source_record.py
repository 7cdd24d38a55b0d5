"""Records between wire format and source format."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from streams.events.canonical_event import Origin
from streams.events.columns.reading import Warn, ignore_warning

Bodies = list[dict[str, Any]]
"""Bodies of canonical events: objects of Segment's spec."""


class SourceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Record as read from a source topic, before any decoding.

    Attributes:
        origin: Topic, partition and offset.
        time_ms: Its Kafka timestamp, milliseconds since the epoch.
        key: Its key.
        value: Its value; None is a tombstone.
        headers: Header name to value; of a repeated name the last value.
    """

    origin: Origin
    time_ms: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes] = {}


class DecodedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Source record with a key and a value that the wire format has decoded.

    Attributes:
        source: The record on the source topic.
        key: JSON of the key; None if there is none.
        value: JSON of the value; None for a tombstone.
        warn: Takes warnings about columns, the same text each time.
    """

    source: SourceRecord
    key: Any
    value: Any
    warn: Warn = ignore_warning


class SkippedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Record that is sound and makes no event, such as a heartbeat.

    Attributes:
        code: Stable name of the reason; the outcome `discarded` has it.
        reason: Explanation, without any value of the record.
    """

    code: str
    reason: str


def join_bodies(results: Iterable[Bodies | SkippedRecord]) -> Bodies | SkippedRecord:
    """Return the events of the parts of a record; the first reason for none, if any."""
    bodies: Bodies = []
    for result in results:
        if isinstance(result, SkippedRecord):
            return result
        bodies += result
    return bodies
