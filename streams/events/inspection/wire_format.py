"""Guess of the encoding of sampled records."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from streams.errors import PoisonRecord
from streams.events.formats.source_record import DecodedRecord, SourceRecord
from streams.events.sources import WireFormat
from streams.events.text import read_json

JSON: Final = WireFormat.JSON.value
JSON_SCHEMA: Final = WireFormat.JSON_SCHEMA.value
FRAMED: Final = "avro or protobuf"
GLUE: Final = "AWS Glue"
UNKNOWN: Final = "unknown"

_GUID_HEADER: Final = "__value_schema_id"
_MIN_FRAME_BYTES: Final = 5
_GLUE_STARTS: Final = (b"\x03\x00", b"\x03\x05")


def guess_wire_format(records: Iterable[SourceRecord]) -> str:
    """Return the encoding that most values have."""
    found = Counter(_wire_format_of(r.value, r.headers) for r in records if r.value)
    return max(found, key=found.__getitem__, default=UNKNOWN)


def _wire_format_of(value: bytes | None, headers: Mapping[str, bytes]) -> str:
    if not value:
        return UNKNOWN
    if _GUID_HEADER in headers or (
        value.startswith(b"\x00") and len(value) > _MIN_FRAME_BYTES
    ):
        return JSON_SCHEMA if _is_json(_payload_of(value)) else FRAMED
    if value.startswith(_GLUE_STARTS):
        return GLUE
    return JSON if _is_json(value) else UNKNOWN


def _payload_of(value: bytes) -> bytes:
    """Return a value without the frame; with the id in a header there is no frame."""
    return value[_MIN_FRAME_BYTES:] if value.startswith(b"\x00") else value


def _is_json(value: bytes) -> bool:
    try:
        read_json(value)
    except PoisonRecord:
        return False
    return True


def decode_json(record: SourceRecord) -> DecodedRecord | None:
    """Decode JSON, framed or not; None for a value that is not JSON."""
    try:
        value = read_json(_payload_of(record.value)) if record.value else None
    except PoisonRecord:
        return None
    try:
        key = read_json(_payload_of(record.key)) if record.key else None
    except PoisonRecord:
        key = ""
    return DecodedRecord(source=record, key=key, value=value)
