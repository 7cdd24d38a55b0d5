"""Headers of the records between stages: names, readers, and the source record."""

from agents.engine.kafka import Record
from streams.errors import PoisonRecord
from streams.events.canonical_event import Origin, ReplayMode

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


def read_origin(record: Record) -> Origin:
    """Return the origin of the source record behind a record.

    Raises:
        PoisonRecord: The header was not written by intake.
    """
    for name, value in record.headers:
        if name == ORIGIN_HEADER:
            return Origin.parse(value.decode("ascii", "replace"))
    return own_origin(record)


def read_origin_or_own(record: Record) -> Origin:
    """Return the origin of the source record, or the record's own if that is broken."""
    try:
        return read_origin(record)
    except PoisonRecord:
        return own_origin(record)


def own_origin(record: Record) -> Origin:
    """Return topic, partition and offset of a record itself."""
    return Origin(topic=record.topic, partition=record.partition, offset=record.offset)


def read_source_time_ms(record: Record) -> int:
    """Return the time of the source record, milliseconds since the epoch."""
    for name, value in record.headers:
        if name == SOURCE_TIME_HEADER and value.isdigit():
            return int(value)
    return int(record.timestamp)


def read_event_offset(record: Record) -> int:
    """Return the offset of the event that caused an activation; 0 without a header."""
    for name, value in record.headers:
        if name == EVENT_OFFSET_HEADER:
            return int(value)
    return 0


def read_replay_id(record: Record) -> str:
    """Return the id of the replay that reprocesses a record; empty for live records."""
    return _read_header(record, REPLAY_HEADER)


def read_replay_mode(record: Record) -> ReplayMode:
    """Return the mode of the replay that reprocesses a record."""
    try:
        mode = _read_header(record, REPLAY_MODE_HEADER)
        return ReplayMode(mode or ReplayMode.CHANGES_ONLY)
    except ValueError:
        return ReplayMode.CHANGES_ONLY


def read_failed_lanes(record: Record) -> frozenset[str]:
    """Return the lanes on which a requeued event failed."""
    return frozenset(filter(None, _read_header(record, FAILED_LANES_HEADER).split(",")))


def is_requeued_activation(record: Record) -> bool:
    """Return True for a record of the events topic that holds an activation."""
    return bool(_read_header(record, ACTIVATION_HEADER))


def copy_replay_headers(record: Record) -> list[tuple[str, bytes]]:
    """Return the headers that a record passes on in a replay; none for live records."""
    copied = (REPLAY_HEADER, REPLAY_MODE_HEADER, FAILED_LANES_HEADER)
    return [(name, value) for name, value in record.headers if name in copied]


def _read_header(record: Record, header: str) -> str:
    for name, value in record.headers:
        if name == header:
            return bytes(value).decode("utf-8", "replace")
    return ""
