"""Guess of a source format from records, for `auto` and for `sources inspect`."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from streams.events.canonical_event import EVENT_KINDS, section
from streams.events.columns.connect_schema import read_connect_value
from streams.events.formats import cloudevents, maxwell, rudderstack
from streams.events.formats.source_record import DecodedRecord
from streams.events.sources import RowTool, SourceFormat


class Guess(NamedTuple):
    """Format that records seem to have.

    Attributes:
        format: The format; None if the records show none.
        tool: Tool that writes the rows, for the format `rows`.
        why: What in the records shows it, without any value of them.
    """

    format: SourceFormat | None
    tool: RowTool = RowTool.CONNECT_JDBC
    why: str = ""

    def __str__(self) -> str:
        tool = f" ({self.tool})" if self.format is SourceFormat.ROWS else ""
        return f"{self.format or 'unknown'}{tool}: {self.why}"


NO_VALUE: Final = Guess(None, why="a record without a value shows no format")
NO_OBJECT: Final = Guess(None, why="the value is not an object")
UNKNOWN: Final = Guess(None, why="the value has the marks of no format")


def guess_format(records: Iterable[DecodedRecord]) -> Guess:
    """Return the format that most of the records show.

    Records without a value count only if there is no other.

    Args:
        records: Records of a topic, decoded by its wire format.
    """
    guesses = Counter(guess_record(record) for record in records)
    if len(guesses) > 1:
        guesses.pop(NO_VALUE, None)
    return max(guesses, key=guesses.__getitem__, default=NO_VALUE)


def guess_record(record: DecodedRecord) -> Guess:
    """Return the format that a record shows, with the evidence."""
    if _is_cloudevent(record):
        why = "headers or members of CloudEvents, such as specversion"
        return Guess(SourceFormat.CLOUDEVENTS, why=why)
    if record.value is None:
        return NO_VALUE
    if not isinstance(record.value, dict):
        return NO_OBJECT
    matching = (guess for is_like, guess in _GUESSES if is_like(record.value))
    return next(matching, UNKNOWN)


def _is_cloudevent(record: DecodedRecord) -> bool:
    content_type = cloudevents.content_type_of(record.source.headers)
    is_structured = content_type.startswith(cloudevents.MEDIA_TYPE)
    if is_structured or cloudevents.is_binary_mode(record):
        return True
    value = record.value
    return isinstance(value, dict) and {"specversion", "source", "id"} <= value.keys()


def _is_debezium(value: dict[str, Any]) -> bool:
    """Return True for an envelope, or a flat row with Debezium's metadata."""
    payload = read_connect_value(value).payload
    if not isinstance(payload, dict):
        return False
    is_envelope = "op" in payload and bool({"after", "source"} & payload.keys())
    is_transaction = {"status", "event_count", "data_collections"} <= payload.keys()
    is_flat = bool({"__op", "__deleted"} & payload.keys())
    return is_envelope or is_transaction or is_flat


def _is_connect_row(value: dict[str, Any]) -> bool:
    """Return True for a row with the embedded schema of Connect's JSON converter."""
    schema = read_connect_value(value).schema
    return schema is not None and schema.get("type") == "struct"


def _is_maxwell(value: dict[str, Any]) -> bool:
    kind = value.get("type")
    is_change = isinstance(kind, str) and kind in maxwell.CHANGES
    return is_change and {"database", "table", "data"} <= value.keys()


def _is_canal(value: dict[str, Any]) -> bool:
    return {"database", "table", "type", "isDdl"} <= value.keys()


def _is_rudderstack(value: dict[str, Any]) -> bool:
    if value.get("type") == rudderstack.RECORD_TYPE:
        return value.get("action") in rudderstack.CHANGES
    context = section(value, "context")
    library = section(context, "library").get("name")
    is_library = isinstance(library, str) and "rudder" in library.lower()
    is_mapped = "mappedToDestination" in context
    return is_library or is_mapped or ("rudderId" in value and _is_segment(value))


def _is_segment(value: dict[str, Any]) -> bool:
    kind, name = value.get("type"), value.get("event")
    has_kind = isinstance(kind, str) and kind in EVENT_KINDS
    has_user = bool({"userId", "anonymousId"} & value.keys())
    is_named = isinstance(name, str) and (has_user or "properties" in value)
    return (has_kind and (has_user or _has_sections(value))) or is_named


def _has_sections(value: dict[str, Any]) -> bool:
    return bool({"traits", "properties", "context", "messageId"} & value.keys())


def _is_flat(value: Mapping[str, Any]) -> bool:
    nested = (isinstance(member, dict) for member in value.values())
    return bool(value) and not any(nested)


_GUESSES: Final[tuple[tuple[Callable[[dict[str, Any]], bool], Guess], ...]] = (
    (_is_debezium, Guess(SourceFormat.DEBEZIUM, why="op, or __op, of Debezium")),
    (
        _is_connect_row,
        Guess(SourceFormat.ROWS, RowTool.CONNECT_JDBC, "a schema beside the columns"),
    ),
    (
        _is_maxwell,
        Guess(SourceFormat.ROWS, RowTool.MAXWELL, "database, table and data"),
    ),
    (_is_canal, Guess(SourceFormat.ROWS, RowTool.CANAL, "database, table and isDdl")),
    (
        _is_rudderstack,
        Guess(SourceFormat.RUDDERSTACK, why="ids or names that RudderStack writes"),
    ),
    (_is_segment, Guess(SourceFormat.SEGMENT, why="type or event of Segment's spec")),
    (
        _is_flat,
        Guess(SourceFormat.ROWS, RowTool.CONNECT_JDBC, "columns, none of them nested"),
    ),
)
"""Marks of the formats, the clearest first."""
