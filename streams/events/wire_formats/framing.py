"""Frames: the name of the schema that bytes were written with, and the bytes.

Confluent's frames and headers are those of confluent-kafka 2.16.1
(`schema_registry/serde.py:SchemaId`); Apicurio's those of its serializers 2.6 and 3
(`DefaultIdHandler`, `Default4ByteIdHandler`, `KafkaSerdeHeaders`); Glue's those of
aws-glue-schema-registry (`AWSSchemaRegistryConstants`).
"""

import uuid
import zlib
from collections.abc import Mapping
from typing import Final, NamedTuple

from streams.errors import PoisonRecord
from streams.events.sources import Framing, WireFormat
from streams.events.wire_formats.schemas import SchemaKind, SchemaName

_ID_MAGIC: Final = 0
_GUID_MAGIC: Final = 1
_GLUE_MAGIC: Final = 3
_GLUE_PLAIN: Final = 0
_GLUE_ZLIB: Final = 5

_ID_END: Final = 5
_LONG_ID_END: Final = 9
_GUID_END: Final = 17
_GLUE_END: Final = 18

_VARINT_MAX_BYTES: Final = 5
"""Length of a 32-bit number, seven bits a byte."""

_INDEXES_MAX: Final = 32
"""Ours: depth of nested Protobuf messages."""

_NUMBER_HEADER_BYTES: Final = (4, 8)
_FIRST_MESSAGE: Final = (0,)


class Frame(NamedTuple):
    """Payload behind a frame, and the name of the payload's schema.

    Attributes:
        schema: Name of the schema; None if the bytes name none.
        payload: Bytes behind the frame.
        message_indexes: Path to the message in the file, for Protobuf.
    """

    schema: SchemaName | None
    payload: bytes
    message_indexes: tuple[int, ...] = _FIRST_MESSAGE


def parse_frame(  # noqa: PLR0913 - parts of a record, and how to read them
    raw: bytes,
    *,
    headers: Mapping[str, bytes],
    is_key: bool,
    wire_format: WireFormat,
    framing: Framing,
    max_bytes: int,
) -> Frame:
    """Parse the frame of a key or a value.

    A header that names the schema counts more than the first bytes.

    Args:
        raw: The key or value; an empty one has no frame.
        headers: Headers of the record.
        is_key: True for the key.
        wire_format: Wire format of the payload.
        framing: Kind of frame, where the bytes cannot say.
        max_bytes: A payload that unpacks to more is refused.

    Raises:
        PoisonRecord: `bad-frame`, or `too-large`.
    """
    has_indexes = wire_format is WireFormat.PROTOBUF
    frame = _by_header(raw, headers, is_key=is_key, has_indexes=has_indexes)
    if frame is not None:
        return frame
    if not raw:
        return Frame(None, raw)
    if raw[0] == _GLUE_MAGIC:
        return _glue_frame(raw, max_bytes=max_bytes)
    if raw[0] != _ID_MAGIC:
        return Frame(None, raw)
    if framing is Framing.APICURIO_V2:
        return _number_frame(raw, end=_LONG_ID_END, has_indexes=False)
    return _number_frame(raw, end=_ID_END, has_indexes=has_indexes)


def _by_header(
    raw: bytes, headers: Mapping[str, bytes], *, is_key: bool, has_indexes: bool
) -> Frame | None:
    if not headers:
        return None
    part = "key" if is_key else "value"
    confluent_name = f"__{part}_schema_id"
    confluent = headers.get(confluent_name)
    if confluent is not None:
        return _confluent_header(
            confluent, raw, name=confluent_name, has_indexes=has_indexes
        )
    for header, kind in (("contentId", SchemaKind.ID), ("globalId", _GLOBAL_ID)):
        number = headers.get(f"apicurio.{part}.{header}")
        if number is not None:
            return Frame(_apicurio_header(number, kind, name=header), raw)
    return None


_GLOBAL_ID: Final = SchemaKind.GLOBAL_ID


def _confluent_header(
    header: bytes, raw: bytes, *, name: str, has_indexes: bool
) -> Frame:
    magic = header[0] if header else None
    if magic == _GUID_MAGIC and len(header) >= _GUID_END:
        guid = str(uuid.UUID(bytes=header[1:_GUID_END]))
        schema, rest = SchemaName(SchemaKind.GUID, guid), header[_GUID_END:]
    elif magic == _ID_MAGIC and len(header) >= _ID_END:
        number = int.from_bytes(header[1:_ID_END])
        schema, rest = SchemaName(SchemaKind.ID, number), header[_ID_END:]
    else:
        raise PoisonRecord("bad-frame", f"header {name} is not a schema id or GUID")
    if not has_indexes:
        return Frame(schema, raw)
    indexes, _ = _read_indexes(rest, 0)
    return Frame(schema, raw, indexes)


def _apicurio_header(number: bytes, kind: SchemaKind, *, name: str) -> SchemaName:
    if len(number) not in _NUMBER_HEADER_BYTES:
        raise PoisonRecord("bad-frame", f"header {name} is not a number of 8 bytes")
    return SchemaName(kind, int.from_bytes(number))


def _number_frame(raw: bytes, *, end: int, has_indexes: bool) -> Frame:
    """Parse a zero, a big-endian number, and for Protobuf the message indexes."""
    if len(raw) < end:
        wording = f"{len(raw)} bytes are too few for a frame of {end}"
        raise PoisonRecord("bad-frame", wording)
    kind = SchemaKind.ID if end == _ID_END else SchemaKind.GLOBAL_ID
    schema = SchemaName(kind, int.from_bytes(raw[1:end]))
    if not has_indexes:
        return Frame(schema, raw[end:])
    indexes, start = _read_indexes(raw, end)
    return Frame(schema, raw[start:], indexes)


def _glue_frame(raw: bytes, *, max_bytes: int) -> Frame:
    if len(raw) < _GLUE_END:
        wording = f"{len(raw)} bytes are too few for a Glue frame of {_GLUE_END}"
        raise PoisonRecord("bad-frame", wording)
    version = str(uuid.UUID(bytes=raw[2:_GLUE_END]))
    payload = raw[_GLUE_END:]
    if raw[1] == _GLUE_ZLIB:
        payload = _unpack(payload, max_bytes=max_bytes)
    elif raw[1] != _GLUE_PLAIN:
        raise PoisonRecord("bad-frame", f"compression {raw[1]} of Glue is not known")
    return Frame(SchemaName(SchemaKind.GLUE, version), payload)


def _unpack(payload: bytes, *, max_bytes: int) -> bytes:
    """Unpack zlib, at most so many bytes: a small bomb must not fill the memory."""
    unpacker = zlib.decompressobj()
    try:
        unpacked = unpacker.decompress(payload, max_bytes)
    except zlib.error:
        raise PoisonRecord("bad-frame", "the payload is not zlib") from None
    if unpacker.unconsumed_tail:
        raise PoisonRecord("too-large", f"the payload unpacks to over {max_bytes}")
    if not unpacker.eof:
        raise PoisonRecord("bad-frame", "the zlib payload is cut off")
    return unpacked


def _read_indexes(raw: bytes, start: int) -> tuple[tuple[int, ...], int]:
    """Read the path of a Protobuf message: a count, then so many indexes.

    A single zero is the path of the first message.
    """
    count, start = _read_varint(raw, start)
    if count == 0:
        return _FIRST_MESSAGE, start
    if not 0 < count <= _INDEXES_MAX:
        raise PoisonRecord("bad-frame", f"{count} Protobuf message indexes")
    indexes = []
    for _ in range(count):
        index, start = _read_varint(raw, start)
        if index < 0:
            raise PoisonRecord("bad-frame", "a Protobuf message index is negative")
        indexes.append(index)
    return tuple(indexes), start


def _read_varint(raw: bytes, start: int) -> tuple[int, int]:
    """Return a zigzag number, and the position behind the number."""
    number = 0
    for index in range(_VARINT_MAX_BYTES):
        if start + index >= len(raw):
            raise PoisonRecord("bad-frame", "the Protobuf message indexes are cut off")
        byte = raw[start + index]
        number |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), start + index + 1
    raise PoisonRecord("bad-frame", "a Protobuf message index is over 32 bits")
