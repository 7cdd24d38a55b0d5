"""Frames: golden bytes of each kind, and malformed ones, which are dead letters."""

import zlib
from typing import Any

import msgspec
import pytest

from streams.errors import PoisonRecord
from streams.events.canonical_event import Origin
from streams.events.formats.source_record import SourceRecord
from streams.events.sources import Framing, Source, WireFormat
from streams.events.wire_formats.decode import needed_schemas
from streams.events.wire_formats.framing import Frame, parse_frame
from streams.events.wire_formats.schemas import SchemaKind, SchemaName

UUID = bytes(range(16))
UUID_TEXT = "00010203-0405-0607-0809-0a0b0c0d0e0f"
MAX_BYTES = 1_000
AVRO, PROTOBUF = WireFormat.AVRO, WireFormat.PROTOBUF


def parse(raw: bytes, wire_format: WireFormat = AVRO, **parts: Any) -> Frame:  # noqa: ANN401 - parts of the call
    """Parse a frame of a value, with Confluent's framing and no headers."""
    options = {"headers": {}, "is_key": False, "framing": Framing.AUTO, **parts}
    return parse_frame(raw, wire_format=wire_format, max_bytes=MAX_BYTES, **options)


def schema_id(number: int) -> SchemaName:
    """Return the name of a schema with a number."""
    return SchemaName(SchemaKind.ID, number)


@pytest.mark.parametrize(
    ("raw", "wire_format", "frame"),
    [
        pytest.param(
            # confluent-kafka 2.16.1, AvroSerializer
            bytes.fromhex("00000000010278020404d2"),
            AVRO,
            Frame(schema_id(1), bytes.fromhex("0278020404d2")),
            id="Confluent's Avro serializer",
        ),
        pytest.param(
            # confluent-kafka 2.16.1, ProtobufSerializer
            bytes.fromhex("0000000002000a01781002"),
            PROTOBUF,
            Frame(schema_id(2), bytes.fromhex("0a01781002")),
            id="Confluent's Protobuf serializer, first message",
        ),
        pytest.param(
            b"\x00\x00\x00\x00\x07\x04\x02\x00x",
            PROTOBUF,
            Frame(schema_id(7), b"x", (1, 0)),
            id="first message in the second one",
        ),
        pytest.param(
            b"\x00\x00\x00\x00\x07\x02\x80\x01x",
            PROTOBUF,
            Frame(schema_id(7), b"x", (64,)),
            id="index of two bytes",
        ),
        pytest.param(
            b"\x00\xff\xff\xff\xffx",
            AVRO,
            Frame(schema_id(2**32 - 1), b"x"),
            id="largest id",
        ),
        pytest.param(
            b"\x00\x00\x00\x00\x01", AVRO, Frame(schema_id(1), b""), id="empty payload"
        ),
        pytest.param(
            b"\x03\x00" + UUID + b"x",
            AVRO,
            Frame(SchemaName(SchemaKind.GLUE, UUID_TEXT), b"x"),
            id="AWS Glue",
        ),
        pytest.param(
            b"\x03\x05" + UUID + zlib.compress(b"x" * 20),
            AVRO,
            Frame(SchemaName(SchemaKind.GLUE, UUID_TEXT), b"x" * 20),
            id="AWS Glue, packed",
        ),
        pytest.param(b'{"a":1}', AVRO, Frame(None, b'{"a":1}'), id="no frame"),
        pytest.param(b"", AVRO, Frame(None, b""), id="no bytes"),
    ],
)
def test_a_frame_names_its_schema(
    raw: bytes, wire_format: WireFormat, frame: Frame
) -> None:
    """The bytes are those that the serializers write."""
    assert parse(raw, wire_format) == frame


@pytest.mark.parametrize(
    ("header", "value", "schema"),
    [
        pytest.param(
            "__value_schema_id",
            b"\x01" + UUID,
            SchemaName(SchemaKind.GUID, UUID_TEXT),
            id="Confluent's GUID",
        ),
        pytest.param(
            "__value_schema_id", b"\x00\x00\x00\x00\x07", schema_id(7), id="an id"
        ),
        pytest.param(
            "apicurio.value.contentId",
            b"\x00\x00\x00\x00\x00\x00\x00\x07",
            schema_id(7),
            id="Apicurio's content id",
        ),
        pytest.param(
            "apicurio.value.globalId",
            b"\x00\x00\x00\x00\x00\x00\x00\x07",
            SchemaName(SchemaKind.GLOBAL_ID, 7),
            id="Apicurio's global id",
        ),
    ],
)
def test_a_header_names_the_schema_of_a_bare_payload(
    header: str, value: bytes, schema: SchemaName
) -> None:
    """A payload that begins with a zero is not taken for a frame then."""
    raw = b"\x00\x00\x00\x00\x09x"

    assert parse(raw, headers={header: value}) == Frame(schema, raw)
    key_header = header.replace("value", "key")
    assert parse(raw, headers={key_header: value}, is_key=True).schema == schema
    assert parse(raw, headers={key_header: value}).schema == schema_id(9)


def test_a_header_has_the_message_indexes_too() -> None:
    """Confluent puts them behind the GUID."""
    headers = {"__value_schema_id": b"\x01" + UUID + b"\x04\x02\x00"}

    assert parse(b"\x08\x01", PROTOBUF, headers=headers).message_indexes == (1, 0)


def test_an_empty_message_behind_a_header_needs_its_schema() -> None:
    """A Protobuf message of nothing but defaults has no bytes."""
    source = Source(name="s", topics=("t",), wire_format=PROTOBUF)
    headers = {"__value_schema_id": b"\x00\x00\x00\x00\x07\x00"}
    record = SourceRecord(
        origin=Origin(topic="t", partition=0, offset=0),
        time_ms=0,
        key=b"",
        value=b"",
        headers=headers,
    )
    tombstone = msgspec.structs.replace(record, value=None)

    assert [*needed_schemas(record, source, max_bytes=MAX_BYTES)] == [schema_id(7)]
    assert not [*needed_schemas(tombstone, source, max_bytes=MAX_BYTES)]


def test_old_apicurio_frames_have_eight_bytes() -> None:
    """The setting says so: the bytes cannot."""
    raw = b"\x00" + (7).to_bytes(8) + b"x"

    frame = parse(raw, framing=Framing.APICURIO_V2)

    assert frame == Frame(SchemaName(SchemaKind.GLOBAL_ID, 7), b"x")


ID = b"\x00\x00\x00\x00\x01"
VALUE_ID = "__value_schema_id"


@pytest.mark.parametrize(
    ("raw", "parts"),
    [
        *(
            pytest.param(ID[:size], {}, id=f"id of {size} bytes")
            for size in range(1, 5)
        ),
        *(
            pytest.param(b"\x03\x00" + UUID[:size], {}, id=f"Glue, {size} of 16 bytes")
            for size in (0, 1, 8, 15)
        ),
        pytest.param(b"\x03", {}, id="Glue's first byte alone"),
        pytest.param(b"\x03\x01" + UUID, {}, id="Glue, unknown compression"),
        pytest.param(b"\x03\x05" + UUID, {}, id="Glue, packed nothing"),
        pytest.param(b"\x03\x05" + UUID + b"plain", {}, id="Glue, not packed"),
        pytest.param(
            b"\x03\x05" + UUID + zlib.compress(b"x" * 50)[:-4], {}, id="Glue, cut off"
        ),
        pytest.param(
            b"\x03\x05" + UUID + zlib.compress(b"x" * 90_000), {}, id="Glue, a bomb"
        ),
        *(
            pytest.param(
                b"\x00" + b"\x01" * size,
                {"framing": Framing.APICURIO_V2},
                id=f"id of {size} of 8 bytes",
            )
            for size in (0, 4, 7)
        ),
        *(
            pytest.param(b"x", {"headers": {VALUE_ID: header}}, id=f"header {header!r}")
            for header in (b"", b"\x00", b"\x00\x01\x02\x03", b"\x01", b"\x02" + UUID)
        ),
        pytest.param(
            b"x", {"headers": {VALUE_ID: b"\x01" + UUID[1:]}}, id="short GUID"
        ),
        pytest.param(
            b"x", {"headers": {VALUE_ID: UUID_TEXT.encode()}}, id="GUID as text"
        ),
        *(
            pytest.param(
                b"x",
                {"headers": {"apicurio.value.contentId": number}},
                id=f"{number!r}",
            )
            for number in (b"", b"7", b"\x00" * 9)
        ),
    ],
)
def test_a_malformed_frame_is_a_dead_letter(raw: bytes, parts: dict[str, Any]) -> None:
    """The error says which bytes are missing or wrong."""
    with pytest.raises(PoisonRecord) as caught:
        parse(raw, **parts)

    assert caught.value.code in ("bad-frame", "too-large")


@pytest.mark.parametrize(
    "indexes",
    [
        pytest.param(b"", id="none"),
        pytest.param(b"\x02", id="one announced"),
        pytest.param(b"\x04\x00", id="one of two"),
        pytest.param(b"\x01", id="count of minus one"),
        pytest.param(b"\x02\x01", id="index of minus one"),
        pytest.param(b"\x80", id="count cut off"),
        pytest.param(b"\x02\x80", id="index cut off"),
        pytest.param(b"\xff\xff\xff\xff\xff\xff", id="count over 32 bits"),
        pytest.param(b"\x02\xff\xff\xff\xff\xff\x01", id="index over 32 bits"),
        pytest.param(b"\x42" + b"\x00" * 33, id="33 indexes"),
        pytest.param(b"\xfe\xff\xff\xff\x0f", id="2^31 indexes"),
    ],
)
def test_malformed_message_indexes_are_a_dead_letter(indexes: bytes) -> None:
    """No count makes the worker read or reserve more than the bytes hold."""
    with pytest.raises(PoisonRecord, match="bad-frame"):
        parse(ID + indexes, PROTOBUF)
