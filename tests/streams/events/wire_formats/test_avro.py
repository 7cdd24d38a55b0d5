"""Wire format Avro: types as JSON, and payloads that are not of their schema."""

import base64
import io
from decimal import Decimal
from typing import Any

import orjson
import pytest
from fastavro import schemaless_writer

from streams.errors import PoisonRecord
from streams.events.columns.connect_schema import LOGICAL_TYPES
from streams.events.columns.decoders import decimal
from streams.events.wire_formats.avro import compile_avro
from streams.events.wire_formats.logical_types import find_conversion
from streams.events.wire_formats.schemas import SchemaDocument


def decode(schema: Any, payload: bytes, **references: Any) -> Any:  # noqa: ANN401 - schemas and values of any kind
    """Decode a payload by a schema given as Python values."""
    texts = {name: orjson.dumps(each).decode() for name, each in references.items()}
    document = SchemaDocument(
        schema_type="AVRO", text=orjson.dumps(schema).decode(), references=texts
    )
    return compile_avro(document)(payload, ())


def encode(schema: Any, value: Any) -> bytes:  # noqa: ANN401 - as above
    """Encode a value with fastavro."""
    stream = io.BytesIO()
    schemaless_writer(stream, schema, value)
    return stream.getvalue()


def logical(base: str, logical_type: str, **parts: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    """Return a type with a logical type."""
    return {"type": base, "logicalType": logical_type, **parts}


def connect(base: str, name: str, **parts: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    """Return a type as Kafka Connect's converter writes it."""
    return {"type": base, "connect.name": name, **parts}


DECIMAL = logical("bytes", "decimal", precision=30, scale=2)
MICROS = 1_767_323_045_678_901
"""2026-01-02T03:04:05.678901Z."""


@pytest.mark.parametrize(
    ("schema", "plain", "expected"),
    [
        pytest.param("string", "a", "a", id="string"),
        pytest.param("long", 2**62, 2**62, id="long"),
        pytest.param("bytes", b"\x00\xff", "AP8=", id="bytes"),
        pytest.param("null", None, None, id="null"),
        pytest.param(["null", "string"], "a", "a", id="optional"),
        pytest.param(["null", "bytes"], None, None, id="optional bytes, null"),
        pytest.param(["null", "bytes"], b"a", "YQ==", id="optional bytes"),
        pytest.param(["long", "bytes", "string"], b"a", "YQ==", id="bare union"),
        pytest.param(
            {"type": "enum", "name": "E", "symbols": ["A", "B"]}, "B", "B", id="enum"
        ),
        pytest.param(
            {"type": "fixed", "name": "F", "size": 2}, b"\x00\xff", "AP8=", id="fixed"
        ),
        pytest.param(
            {"type": "map", "values": "bytes"}, {"k": b"a"}, {"k": "YQ=="}, id="map"
        ),
        pytest.param({"type": "array", "items": "bytes"}, [b"a"], ["YQ=="], id="array"),
        pytest.param(logical("int", "date"), 20_454, "2026-01-01", id="date"),
        pytest.param(logical("int", "date"), -719_529, "-000001-12-31", id="far date"),
        pytest.param(
            logical("int", "date"), 2_932_897, "+010000-01-01", id="year 10000"
        ),
        pytest.param(
            logical("int", "time-millis"),
            36_672_500,
            "10:11:12.500000",
            id="time-millis",
        ),
        pytest.param(
            logical("long", "time-micros"), 36_672_000_000, "10:11:12", id="time-micros"
        ),
        pytest.param(
            logical("long", "timestamp-millis"),
            MICROS // 1000,
            "2026-01-02T03:04:05.678000Z",
            id="timestamp-millis",
        ),
        pytest.param(
            logical("long", "timestamp-micros"),
            MICROS,
            "2026-01-02T03:04:05.678901Z",
            id="timestamp-micros",
        ),
        pytest.param(
            logical("long", "timestamp-micros"),
            -1,
            "1969-12-31T23:59:59.999999Z",
            id="before 1970",
        ),
        pytest.param(
            logical("long", "timestamp-micros"),
            2**63 - 1,
            "+294247-01-10T04:00:54.775807Z",
            id="PostgreSQL's infinity",
        ),
        pytest.param(
            logical("long", "local-timestamp-micros"),
            MICROS,
            "2026-01-02T03:04:05.678901",
            id="local-timestamp-micros",
        ),
        pytest.param(logical("string", "uuid"), "u", "u", id="uuid as text"),
        pytest.param(
            logical("string", "date"), "x", "x", id="logical type on another type"
        ),
        pytest.param(
            connect("int", "io.debezium.time.Date"), 1, "1970-01-02", id="Debezium Date"
        ),
        pytest.param(
            connect("long", "io.debezium.time.MicroTimestamp"),
            MICROS,
            "2026-01-02T03:04:05.678901",
            id="Debezium MicroTimestamp",
        ),
        pytest.param(
            connect("string", "io.debezium.data.Json"),
            '{"a":[1]}',
            {"a": [1]},
            id="JSON",
        ),
    ],
)
def test_a_type_becomes_json(schema: Any, plain: Any, expected: Any) -> None:  # noqa: ANN401 - as above
    """The values are those of the README's table of types."""
    base = schema
    if isinstance(schema, dict) and "logicalType" in schema:
        base = schema["type"]

    value = decode(schema, encode(base, plain))

    assert value == expected
    assert orjson.loads(orjson.dumps(value)) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("12.34", 12.34),
        ("12.00", 12),
        ("-0.01", -0.01),
        ("0", 0),
        ("9999999999999.99", 9999999999999.99),
        ("99999999999999.99", "99999999999999.99"),
        ("12345678901234567890.12", "12345678901234567890.12"),
    ],
)
def test_a_decimal_is_a_number_while_its_digits_fit(
    number: str, expected: float | str
) -> None:
    """Beyond 15 digits a double would change it."""
    payload = encode(DECIMAL, Decimal(number))

    assert decode(DECIMAL, payload) == expected
    fixed = logical("fixed", "decimal", name="D", size=16, precision=30, scale=2)
    assert decode(fixed, encode(fixed, Decimal(number))) == expected
    text = connect("bytes", "org.apache.kafka.connect.data.Decimal")
    assert decode(text | {"connect.parameters": {"scale": "2"}}, payload) == expected


@pytest.mark.parametrize("name", LOGICAL_TYPES)
def test_a_column_reads_the_same_in_avro_as_in_json(name: str) -> None:
    """A connector may change its converter: the values in Klaviyo must not change."""
    assert find_conversion(name, "long") is LOGICAL_TYPES[name]


@pytest.mark.parametrize("number", ["12.34", "-0.01", "12345678901234567890.12"])
def test_a_decimal_reads_the_same_in_avro_as_in_json(number: str) -> None:
    """Also one that a double does not hold."""
    payload = encode(DECIMAL, Decimal(number))
    unscaled = int(Decimal(number).scaleb(2))
    raw = unscaled.to_bytes(16, signed=True)

    in_json = decimal(2)(base64.b64encode(raw).decode())

    assert decode(DECIMAL, payload) == in_json


def test_a_value_that_no_type_can_be_is_named() -> None:
    """A database's JSON is JSON: other text means another schema."""
    schema = connect("string", "io.debezium.data.Json")

    with pytest.raises(PoisonRecord, match="not JSON"):
        decode(schema, encode(schema, "{"))


RECORD = {
    "type": "record",
    "name": "t.Person",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "at", "type": ["null", logical("long", "timestamp-millis")]},
    ],
}


def test_types_of_other_schemas_are_known_by_name() -> None:
    """The references of a schema are parsed before it."""
    schema = {
        "type": "record",
        "name": "t.Order",
        "fields": [{"name": "by", "type": "t.Person"}, {"name": "n", "type": "int"}],
    }
    payload = b"\x02a" + b"\x02\x00" + b"\x04"

    value = decode(schema, payload, **{"t.Person": RECORD})

    assert value == {"by": {"id": "a", "at": "1970-01-01T00:00:00Z"}, "n": 2}


def test_a_union_of_records_knows_each_by_its_fields() -> None:
    """Topics with several kinds of events have such a union on top."""
    other = {
        "type": "record",
        "name": "t.B",
        "fields": [{"name": "raw", "type": "bytes"}],
    }
    schema = ["t.Person", "t.B"]
    references = {"t.Person": RECORD, "t.B": other}

    person = decode(schema, b"\x00\x02a\x02\x00", **references)
    raw = decode(schema, b"\x02\x02a", **references)

    assert person == {"id": "a", "at": "1970-01-01T00:00:00Z"}
    assert raw == {"raw": "YQ=="}


def test_a_type_that_contains_itself_is_read() -> None:
    """Such a type takes the reader in Python, which a deep value cannot crash."""
    node = {
        "type": "record",
        "name": "N",
        "fields": [{"name": "n", "type": ["null", "N"]}],
    }

    assert decode(node, b"\x02\x02\x00") == {"n": {"n": {"n": None}}}
    with pytest.raises(PoisonRecord, match="too-deep"):
        decode(node, b"\x02" * 900_000 + b"\x00")


@pytest.mark.parametrize(
    ("schema", "payload"),
    [
        pytest.param("string", b"", id="empty"),
        pytest.param("string", b"\x06ab", id="text cut off"),
        pytest.param("string", b"\x01", id="negative length"),
        pytest.param(
            "string", b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f", id="huge length"
        ),
        pytest.param("string", b"\x02\xff", id="not UTF-8"),
        pytest.param("string", b"\x02ab", id="a byte too many"),
        pytest.param("bytes", b"\x06ab", id="bytes cut off"),
        pytest.param("bytes", b"\x01ab", id="bytes of negative length"),
        pytest.param("long", b"", id="no number"),
        pytest.param("long", b"\x80\x80", id="number cut off"),
        pytest.param("int", b"\x02\x02", id="two numbers"),
        pytest.param("double", b"\x00\x00", id="double cut off"),
        pytest.param("float", b"\x00", id="float cut off"),
        pytest.param("boolean", b"", id="no boolean"),
        pytest.param("null", b"\x00", id="null with a byte"),
        pytest.param(["null", "string"], b"\x04", id="branch that is not there"),
        pytest.param(["null", "string"], b"\x02", id="branch without a value"),
        pytest.param(
            {"type": "enum", "name": "E", "symbols": ["A"]},
            b"\x02",
            id="unknown member",
        ),
        pytest.param(
            {"type": "fixed", "name": "F", "size": 3}, b"ab", id="fixed cut off"
        ),
        pytest.param({"type": "array", "items": "long"}, b"\x02", id="array cut off"),
        pytest.param(
            {"type": "array", "items": "long"}, b"\x02\x02", id="array without end"
        ),
        pytest.param(
            {"type": "array", "items": "long"},
            b"\xfe\xff\xff\xff\x0f\x02",
            id="huge array",
        ),
        pytest.param({"type": "map", "values": "long"}, b"\x02\x02a", id="map cut off"),
        pytest.param(RECORD, b"\x02a", id="field missing"),
        pytest.param(RECORD, b"\x02a\x00\x00", id="field too many"),
        pytest.param(RECORD, b'{"id":"a"}', id="JSON"),
        pytest.param(RECORD, b"\xff" * 12, id="ones"),
    ],
)
def test_a_payload_of_another_schema_is_a_dead_letter(
    schema: Any,  # noqa: ANN401 - as above
    payload: bytes,
) -> None:
    """Every byte must belong to the value."""
    with pytest.raises(PoisonRecord, match="bad-avro"):
        decode(schema, payload)


DEEP: Any = "string"
for _ in range(120):
    DEEP = {"type": "array", "items": DEEP}


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param({"type": "array", "items": "null"}, id="items without bytes"),
        pytest.param(
            {"type": "array", "items": {"type": "record", "name": "E", "fields": []}},
            id="items of an empty record",
        ),
        pytest.param(logical("bytes", "decimal", scale="x"), id="scale of text"),
        pytest.param("t.Unknown", id="unknown type"),
        pytest.param({"type": "what"}, id="unknown kind"),
        pytest.param(17, id="number"),
        pytest.param(DEEP, id="nested 120 levels deep"),
        pytest.param([logical("long", "timestamp-millis"), "int"], id="branches alike"),
    ],
)
def test_a_schema_that_cannot_be_used_is_a_dead_letter(schema: Any) -> None:  # noqa: ANN401 - as above
    """Two bytes of an array without bytes could name 10^18 items."""
    with pytest.raises(PoisonRecord, match="unsupported-schema"):
        decode(schema, b"\x00")
