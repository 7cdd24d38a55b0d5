"""Wire format Protobuf: types as JSON, and payloads that are not of their schema."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from agents.shared.registry.protoc import compile_proto
from streams.errors import PoisonRecord
from streams.events.wire_formats.protobuf import compile_protobuf
from streams.events.wire_formats.schemas import SchemaDocument

PROTO = """
syntax = "proto3";
package t;
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/any.proto";
enum Color { RED = 0; BLUE = 1; }
message First { string id = 1; }
message Everything {
  message Inner { int32 n = 1; Everything deeper = 2; }
  string text = 1;
  int64 big = 2;
  uint64 huge = 3;
  bool flag = 4;
  double number = 5;
  bytes raw = 6;
  Color color = 7;
  repeated Color colors = 8;
  repeated bytes raws = 9;
  map<string, int64> counts = 10;
  map<bool, Inner> inners = 11;
  Inner inner = 12;
  optional string maybe = 13;
  oneof choice { string left_side = 14; int32 right_side = 15; }
  google.protobuf.Timestamp at = 16;
  google.protobuf.Duration took = 17;
  google.protobuf.Struct extra = 18;
  google.protobuf.StringValue wrapped = 19;
  google.protobuf.Any any = 20;
  google.protobuf.BytesValue wrapped_bytes = 21;
}
"""
EVERYTHING = (1,)
DEFAULTS = {
    "text": "",
    "big": 0,
    "huge": 0,
    "flag": False,
    "number": 0.0,
    "raw": "",
    "color": "RED",
    "colors": [],
    "raws": [],
    "counts": {},
    "inners": {},
}


@cache
def _descriptors() -> tuple[bytes, str]:
    return compile_proto(SchemaDocument(schema_type="PROTOBUF", text=PROTO))


@cache
def _decoder() -> Callable[[bytes, Sequence[int]], Any]:
    return compile_protobuf(*_descriptors())


def encode(**fields: Any) -> bytes:  # noqa: ANN401 - fields of any type
    """Encode a message with the fields."""
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(_descriptors()[0]).file:
        pool.Add(file)
    descriptor = pool.FindMessageTypeByName("t.Everything")
    raw: bytes = message_factory.GetMessageClass(descriptor)(
        **fields
    ).SerializeToString()
    return raw


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, {}, id="defaults of proto3"),
        pytest.param({"big": -(2**62)}, {"big": -(2**62)}, id="int64 stays a number"),
        pytest.param({"huge": 2**64 - 1}, {"huge": 2**64 - 1}, id="uint64"),
        pytest.param({"raw": b"\x00\xff"}, {"raw": "AP8="}, id="bytes"),
        pytest.param({"color": 1}, {"color": "BLUE"}, id="enum"),
        pytest.param({"color": 9}, {"color": 9}, id="enum of a later schema"),
        pytest.param({"colors": [0, 1]}, {"colors": ["RED", "BLUE"]}, id="enums"),
        pytest.param({"raws": [b"a"]}, {"raws": ["YQ=="]}, id="repeated bytes"),
        pytest.param({"counts": {"a": 1}}, {"counts": {"a": 1}}, id="map"),
        pytest.param(
            {"inners": {True: {"n": 1}}},
            {"inners": {"true": {"n": 1}}},
            id="map of messages",
        ),
        pytest.param({"inner": {"n": 1}}, {"inner": {"n": 1}}, id="message"),
        pytest.param({"maybe": ""}, {"maybe": ""}, id="optional, set to its default"),
        pytest.param({"right_side": 0}, {"right_side": 0}, id="oneof"),
        pytest.param({"number": float("nan")}, {"number": None}, id="not a number"),
        pytest.param(
            {"at": {"seconds": 5, "nanos": 1_000_000}},
            {"at": "1970-01-01T00:00:05.001000Z"},
            id="Timestamp",
        ),
        pytest.param(
            {"took": {"seconds": -1, "nanos": -500_000_000}},
            {"took": "-1.5s"},
            id="Duration",
        ),
        pytest.param(
            {"extra": {"a": [2, None, "x", {"b": True}]}},
            {"extra": {"a": [2, None, "x", {"b": True}]}},
            id="Struct",
        ),
        pytest.param({"wrapped": {"value": "a"}}, {"wrapped": "a"}, id="wrapper"),
        pytest.param(
            {"wrapped_bytes": {"value": b"a"}},
            {"wrapped_bytes": "YQ=="},
            id="bytes in a wrapper",
        ),
        pytest.param(
            {"any": {"type_url": "x/t.First", "value": b"a"}},
            {"any": {"@type": "x/t.First", "value": "YQ=="}},
            id="Any",
        ),
    ],
)
def test_a_message_becomes_json(
    fields: dict[str, Any], expected: dict[str, Any]
) -> None:
    """Fields without presence have their default, absent others are absent."""
    assert _decoder()(encode(**fields), EVERYTHING) == DEFAULTS | expected


def test_the_indexes_choose_the_message() -> None:
    """A path leads into nested messages."""
    assert _decoder()(b"\x0a\x01a", (0,)) == {"id": "a"}
    assert _decoder()(b"\x08\x03", (1, 0)) == {"n": 3}


def test_fields_of_a_later_schema_are_ignored() -> None:
    """The schema of the frame is the writer's, so they are corrupt or private."""
    assert _decoder()(b"\x0a\x01a\xa0\x06\x01", (0,)) == {"id": "a"}


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"\x0a", id="text without a length"),
        pytest.param(b"\x0a\x05ab", id="text cut off"),
        pytest.param(b"\x0a\x01\xff", id="text not UTF-8"),
        pytest.param(b"\x0a\xff\xff\xff\xff\x0f", id="huge text"),
        pytest.param(b"\x10", id="number without bytes"),
        pytest.param(b"\x10\x80", id="number cut off"),
        pytest.param(b"\x10" + b"\xff" * 11, id="number of 11 bytes"),
        pytest.param(b"\x29\x00\x00", id="double cut off"),
        pytest.param(b"\x32\x04a", id="bytes cut off"),
        pytest.param(b"\x62\x05\x08", id="message cut off"),
        pytest.param(b"\x62\x01\x08", id="message with half a field"),
        pytest.param(b"\x52\x03\x0a", id="map cut off"),
        pytest.param(b"\x42\x03\x00", id="packed enums cut off"),
        pytest.param(b"\x00\x01", id="field 0"),
        pytest.param(b"\x07", id="wire type 7"),
        pytest.param(b"\x06\x00", id="wire type 6"),
        pytest.param(b"\x0b", id="group without an end"),
        pytest.param(b"\x0c", id="end of no group"),
        pytest.param(b"\xff", id="tag cut off"),
        pytest.param(b"\xff\xff\xff\xff\xff\x01", id="tag over 32 bits"),
        pytest.param(b'{"text":"a"}', id="JSON"),
        pytest.param(b"\xff" * 12, id="ones"),
        pytest.param(b"\x00" * 12, id="zeros"),
        pytest.param(b"\x0b" * 500, id="groups nested 500 levels"),
        pytest.param(b"\x1d\x00\x00", id="32 bits cut off"),
        pytest.param(b"\x82\x01\x02\x08", id="Timestamp cut off"),
    ],
)
def test_a_payload_of_another_schema_is_a_dead_letter(payload: bytes) -> None:
    """No payload crashes the worker or makes it reserve memory."""
    with pytest.raises(PoisonRecord, match="bad-protobuf"):
        _decoder()(payload, EVERYTHING)


@pytest.mark.parametrize("indexes", [(2,), (0, 0), (1, 9), (1, 0, 0)])
def test_an_index_without_a_message_is_a_dead_letter(indexes: Sequence[int]) -> None:
    """The frame names a message that the schema does not have."""
    with pytest.raises(PoisonRecord, match="bad-frame"):
        _decoder()(b"", indexes)


@pytest.mark.parametrize(
    ("text", "references"),
    [
        pytest.param("message {", {}, id="syntax"),
        pytest.param(
            'syntax = "proto3"; message A { B b = 1; }', {}, id="unknown type"
        ),
        pytest.param('syntax = "proto3"; import "b.proto";', {}, id="missing import"),
        pytest.param("bm90IGEgZGVzY3JpcHRvcg==", {}, id="base64 of something else"),
        pytest.param("plain", {}, id="neither"),
        pytest.param(
            'syntax = "proto3"; import "../b.proto";',
            {"../b.proto": 'syntax = "proto3";'},
            id="import outside",
        ),
    ],
)
def test_a_schema_that_cannot_be_used_is_a_dead_letter(
    text: str, references: dict[str, str]
) -> None:
    """The error has protoc's own message."""
    document = SchemaDocument(schema_type="PROTOBUF", text=text, references=references)
    with pytest.raises(PoisonRecord, match="unsupported-schema"):
        compile_protobuf(*compile_proto(document))


def test_imports_come_as_references() -> None:
    """The name of a reference is the path of the import."""
    text = 'syntax = "proto3"; import "x/b.proto"; message A { t.B b = 1; }'
    other = 'syntax = "proto3"; package t; message B { int32 n = 1; }'
    document = SchemaDocument(
        schema_type="PROTOBUF", text=text, references={"x/b.proto": other}
    )

    decode = compile_protobuf(*compile_proto(document))

    assert decode(b"\x0a\x02\x08\x07", (0,)) == {"b": {"n": 7}}
