"""Decoding of a record's key and value, by the wire format of the source."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from streams.errors import PoisonRecord
from streams.events.columns.reading import Warn, ignore_warning
from streams.events.formats.source_record import DecodedRecord, SourceRecord
from streams.events.sources import KeyFormat, Source, SourceFormat, WireFormat
from streams.events.text import read_json
from streams.events.wire_formats.framing import Frame, parse_frame
from streams.events.wire_formats.schemas import SchemaLookup, SchemaName

_REGISTRY_FORMATS: Final = (WireFormat.AVRO, WireFormat.PROTOBUF)
"""Formats whose payload means nothing without its schema."""

_KEYLESS_FORMATS: Final = (
    SourceFormat.SEGMENT,
    SourceFormat.RUDDERSTACK,
    SourceFormat.CLOUDEVENTS,
    SourceFormat.CUSTOM,
)
"""Source formats that read no key: a key that cannot be read must not stop them."""

_INT_BYTES: Final = 4
_NUMBER_BYTES: Final = (_INT_BYTES, 8)
"""Length of the keys of Kafka's IntegerSerializer and LongSerializer, big-endian."""

_PLAIN_JSON: Final = (dict, list, str, int)

_NO_ID: Final = 0
"""Registries count from 1."""


def decode_record(
    record: SourceRecord,
    source: Source,
    *,
    max_bytes: int,
    schemas: SchemaLookup,
    warn: Warn = ignore_warning,
) -> DecodedRecord:
    """Decode the key and the value of a record.

    Raises:
        PoisonRecord: One of them cannot be read; `code` names the fault.
    """
    return DecodedRecord(
        source=record,
        key=_decode_key(record, source, max_bytes=max_bytes, schemas=schemas),
        value=_decode_value(record, source, max_bytes=max_bytes, schemas=schemas),
        warn=warn,
    )


def needed_schemas(
    record: SourceRecord, source: Source, *, max_bytes: int
) -> Iterator[SchemaName]:
    """Yield the names of the schemas that a record's key and value were written with.

    A frame that cannot be read needs none: `decode_record` names its fault.
    """
    for is_key, wire_format in (
        (False, source.wire_format),
        (True, _key_format(source)),
    ):
        raw = record.key if is_key else record.value
        if raw is None or wire_format not in _REGISTRY_FORMATS:
            continue
        if is_key and not raw:  # no format reads an empty key
            continue
        try:
            frame = _frame_of(
                raw, record, source, wire_format, is_key=is_key, max_bytes=max_bytes
            )
        except PoisonRecord:
            continue
        if frame.schema is not None and not (is_key and _is_plain_key(frame, source)):
            yield frame.schema


def _decode_value(
    record: SourceRecord, source: Source, *, max_bytes: int, schemas: SchemaLookup
) -> Any:  # noqa: ANN401 - any JSON
    raw = record.value
    if raw is None:  # an empty value is no deletion, and no format reads it
        return None
    if source.wire_format is WireFormat.JSON:
        return read_json(raw, max_bytes=max_bytes)
    _check_size(raw, max_bytes)
    frame = _frame_of(
        raw, record, source, source.wire_format, is_key=False, max_bytes=max_bytes
    )
    if frame.schema is None and source.wire_format in _REGISTRY_FORMATS:
        fix = f"is it {source.wire_format}? See sources.{source.name}.wire_format"
        wording = "neither the first bytes nor a header name a schema"
        raise PoisonRecord("not-framed", f"{wording}; {fix}")
    return _read_frame(frame, source, source.wire_format, max_bytes, schemas)


def _decode_key(
    record: SourceRecord, source: Source, *, max_bytes: int, schemas: SchemaLookup
) -> Any:  # noqa: ANN401 - any JSON
    raw = record.key
    if not raw or source.format in _KEYLESS_FORMATS:
        return None
    _check_size(raw, max_bytes)
    match source.key_wire_format:
        case KeyFormat.TEXT:
            return _read_text(raw, source)
        case KeyFormat.LONG:
            return _read_number(raw, source)
        case KeyFormat.JSON:
            return read_json(raw, max_bytes=max_bytes)
        case _:
            return _decode_framed_key(raw, record, source, max_bytes, schemas)


def _guess_or_none(raw: bytes, source: Source) -> Any:  # noqa: ANN401 - any JSON
    """Read a key of an unknown kind; for the format `auto`, None instead of a fault."""
    try:
        return _guess_key(raw, source)
    except PoisonRecord:
        if source.format is SourceFormat.AUTO:
            return None
        raise


def _decode_framed_key(
    raw: bytes,
    record: SourceRecord,
    source: Source,
    max_bytes: int,
    schemas: SchemaLookup,
) -> Any:  # noqa: ANN401 - any JSON
    wire_format = _key_format(source)
    is_number = source.key_wire_format is None and len(raw) == _INT_BYTES
    if wire_format is not WireFormat.JSON and not is_number:
        frame = _frame_of(
            raw, record, source, wire_format, is_key=True, max_bytes=max_bytes
        )
        if frame.schema is not None and not _is_plain_key(frame, source):
            return _read_frame(frame, source, wire_format, max_bytes, schemas)
        if source.key_wire_format is not None:
            wording = "the key does not begin with the id of a schema"
            raise PoisonRecord("not-framed", wording)
    return _guess_or_none(raw, source)


def _key_format(source: Source) -> WireFormat:
    """Return the wire format of framed keys; JSON where keys have no frame."""
    if source.key_wire_format is None:
        return source.wire_format
    return _FRAMED_KEYS.get(source.key_wire_format, WireFormat.JSON)


_FRAMED_KEYS: Final[Mapping[KeyFormat, WireFormat]] = {
    KeyFormat.AVRO: WireFormat.AVRO,
    KeyFormat.JSON_SCHEMA: WireFormat.JSON_SCHEMA,
    KeyFormat.PROTOBUF: WireFormat.PROTOBUF,
}


def _is_plain_key(frame: Frame, source: Source) -> bool:
    """Return True for an 8-byte number so small that the bytes look like schema 0."""
    is_guess = source.key_wire_format is None
    return is_guess and frame.schema is not None and frame.schema.value == _NO_ID


def _guess_key(raw: bytes, source: Source) -> Any:  # noqa: ANN401 - any JSON
    """Read a key of an unknown kind: as JSON, else text, else a number.

    A bare `1e5` or `true` is text: it is an id that looks like JSON by accident.
    """
    try:
        value = read_json(raw)
    except PoisonRecord:
        value = None
    if isinstance(value, _PLAIN_JSON) and not isinstance(value, bool):
        return value
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return _read_number(raw, source)
    if len(raw) in _NUMBER_BYTES and not text.isprintable():
        return _read_number(raw, source)
    return _read_text(raw, source)


def _read_text(raw: bytes, source: Source) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise _bad_key(source, "is not UTF-8 text") from None


def _read_number(raw: bytes, source: Source) -> int:
    if len(raw) not in _NUMBER_BYTES:
        raise _bad_key(source, "is not a number of 4 or 8 bytes")
    return int.from_bytes(raw, signed=True)


def _bad_key(source: Source, fault: str) -> PoisonRecord:
    fix = f"see sources.{source.name}.key_wire_format"
    return PoisonRecord("bad-key", f"the key {fault}; {fix}")


def _frame_of(  # noqa: PLR0913 - parts of a record, and how to read them
    raw: bytes,
    record: SourceRecord,
    source: Source,
    wire_format: WireFormat,
    *,
    is_key: bool,
    max_bytes: int,
) -> Frame:
    return parse_frame(
        raw,
        headers=record.headers,
        is_key=is_key,
        wire_format=wire_format,
        framing=source.framing,
        max_bytes=max_bytes,
    )


def _read_frame(
    frame: Frame,
    source: Source,
    wire_format: WireFormat,
    max_bytes: int,
    schemas: SchemaLookup,
) -> Any:  # noqa: ANN401 - any JSON
    if wire_format is WireFormat.JSON_SCHEMA:
        return read_json(frame.payload, max_bytes=max_bytes)
    if frame.schema is None:
        raise PoisonRecord("not-framed", "no schema is named")
    schema = schemas(source.registry, frame.schema)
    if schema.wire_format is not wire_format:
        wording = f"{frame.schema} is {schema.wire_format}, and not {wire_format}"
        fix = f"see sources.{source.name}.wire_format"
        raise PoisonRecord("wrong-schema-type", f"{wording}; {fix}")
    return schema.decode(frame.payload, frame.message_indexes)


def _check_size(raw: bytes, max_bytes: int) -> None:
    if len(raw) > max_bytes:
        raise PoisonRecord("too-large", f"the value is over {max_bytes} bytes")
