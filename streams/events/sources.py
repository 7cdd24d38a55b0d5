"""Sources: topics to read, with the format of the records."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from streams.events.columns.decoders import Decoder
from streams.events.wire_formats.registry import Registry


class SourceFormat(StrEnum):
    """Meaning of a record's value; see `streams/destination/README.md`, "Sources"."""

    SEGMENT = "segment"
    """Event of Segment's spec."""

    RUDDERSTACK = "rudderstack"
    """Event of RudderStack: an ordinary one, one of its visual mapper, or a record."""

    CLOUDEVENTS = "cloudevents"
    """Envelope of CloudEvents, in headers or in the value, round an event."""

    CUSTOM = "custom"
    """Object of your own, which the source's `event` maps to an event."""

    ROWS = "rows"
    """Row of a table, as Kafka Connect's JDBC source and similar tools write it."""

    DEBEZIUM = "debezium"
    """Change of a row, as Debezium's connectors write it."""

    AUTO = "auto"
    """One of the other formats, guessed from each record."""


class WireFormat(StrEnum):
    """Encoding of a record's value; see the README's "Wire formats"."""

    JSON = "json"

    AVRO = "avro"
    """Avro, with the id of its schema."""

    JSON_SCHEMA = "json-schema"
    """JSON behind the id of a JSON Schema, which is not needed to read it."""

    PROTOBUF = "protobuf"
    """Protobuf, with the id of its schema."""


class KeyFormat(StrEnum):
    """Encoding of a record's key, for sources that declare the encoding."""

    JSON = "json"
    AVRO = "avro"
    JSON_SCHEMA = "json-schema"
    PROTOBUF = "protobuf"

    TEXT = "text"
    """UTF-8."""

    LONG = "long"
    """Number of 4 or 8 bytes, big-endian, as Kafka's own serializers write it."""


class Framing(StrEnum):
    """Kind of frame, where the first bytes cannot say."""

    AUTO = "auto"
    """Confluent's, Apicurio's of 4 bytes, and Glue's: headers and first byte say."""

    APICURIO_V2 = "apicurio-v2"
    """A zero and a global id of 8 bytes, as Apicurio's serializers wrote until 3."""


class RowTool(StrEnum):
    """Tool that writes the records of the format `rows`."""

    CONNECT_JDBC = "connect-jdbc"
    """The value is the row: column to value. Deletions are null values."""

    MAXWELL = "maxwell"
    """The value names table and change, and has the row and its old values."""

    CANAL = "canal"
    """The value, a FlatMessage, has the rows of one change, all values as text."""


class SnapshotPolicy(StrEnum):
    """Treatment of rows that come from a snapshot of the table."""

    BACKFILL = "backfill"
    """Record them without firing flows."""

    LIVE = "live"
    """Treat them as rows that were added just now."""

    SKIP = "skip"
    """Discard them, each with an outcome."""


class TruncatePolicy(StrEnum):
    """Treatment of a record that says that a table was emptied."""

    SKIP = "skip"
    """Discard it with an outcome: nobody is removed from anything."""

    DEAD_LETTER = "dead-letter"
    """Put it in the dead letters, so that somebody decides."""


class TombstonePolicy(StrEnum):
    """Treatment of a null value of the format `debezium`."""

    SKIP = "skip"
    """Discard it: the deletion came before, in a record of its own."""

    DELETE = "delete"
    """Delete the row of the record's key: no other record says that it is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Source of the destination file; each of `source_topics` becomes a source too.

    Attributes:
        name: The user's name for the source.
        topics: Topics that it reads.
        format: Meaning of the values.
        wire_format: Encoding of values.
        key_wire_format: Encoding of keys; None is that of the values if a key has a
            frame, else JSON if it parses, else text or a number.
        framing: Kind of frame round keys and values.
        registry: Schema registry; None if there is none.
        tool: Tool that writes the rows, for the format `rows`.
        model: Name by which mappings choose the rows; by default the table's, else the
            source's.
        key: Columns that identify a row; by default the fields of the record's key.
        user_id: Column with the user id; empty if there is none.
        email: Column with the e-mail address; empty if there is none.
        audience: Audience whose members the rows are; empty if they are none.
        types: Column to decoder, for columns whose schema is not in the records.
        on_snapshot: Treatment of rows from a snapshot.
        on_truncate: Treatment of a record that says that a table was emptied.
        on_tombstone: Treatment of a null value, for the format `debezium`.
        to_event: Maps a value of `custom`, or an envelope of `cloudevents`, to the
            body of an event.
    """

    name: str
    topics: tuple[str, ...]
    format: SourceFormat = SourceFormat.SEGMENT
    wire_format: WireFormat = WireFormat.JSON
    key_wire_format: KeyFormat | None = None
    framing: Framing = Framing.AUTO
    registry: Registry | None = None
    tool: RowTool = RowTool.CONNECT_JDBC
    model: str = ""
    key: tuple[str, ...] = ()
    user_id: str = ""
    email: str = ""
    audience: str = ""
    types: Mapping[str, Decoder] = field(default_factory=dict)
    on_snapshot: SnapshotPolicy = SnapshotPolicy.BACKFILL
    on_truncate: TruncatePolicy = TruncatePolicy.SKIP
    on_tombstone: TombstonePolicy = TombstonePolicy.SKIP
    to_event: Callable[[dict[str, Any]], Any] | None = None

    @property
    def is_segment_json(self) -> bool:
        """True if the bytes of a value are the event itself."""
        return (
            self.format is SourceFormat.SEGMENT and self.wire_format is WireFormat.JSON
        )

    @property
    def needs_registry(self) -> bool:
        """True if values or keys cannot be read without a schema of a registry."""
        formats = (self.wire_format, self.key_wire_format)
        return WireFormat.AVRO in formats or WireFormat.PROTOBUF in formats


def converted_topics(sources: Iterable[Source]) -> dict[str, Source]:
    """Return the sources by topic, without the sources of canonical events."""
    return {
        topic: source
        for source in sources
        if not source.is_segment_json
        for topic in source.topics
    }
