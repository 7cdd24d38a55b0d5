"""Stage intake with a real registry: Avro, JSON Schema, Protobuf become events."""

from datetime import date

import orjson
import pytest
from confluent_kafka.schema_registry import SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from streams.delivery.verdict import Verdict
from tests.registry.frames import avro, frame, register
from tests.registry.front import RegistryFront
from tests.registry.intake import (
    ADA,
    ADA_COLUMNS,
    PERSON,
    PERSON_V2,
    PROTO,
    Worker,
    destination,
    rows,
)


async def test_avro_of_confluents_serializer_becomes_a_row(registry_url: str) -> None:
    """The serializer registers the schema, and writes id and payload."""
    at = SerializationContext("serializer", MessageField.VALUE)
    with SchemaRegistryClient({"url": registry_url}) as client:
        serializer = AvroSerializer(client, orjson.dumps(PERSON).decode())
        raw = serializer(ADA | {"joined": date(2026, 1, 1)}, at)
    worker = Worker(destination(registry_url))

    await worker.finish(*rows(raw))

    [body] = worker.bodies()
    assert body["properties"] == ADA_COLUMNS
    assert body["__segment_id"] == "7"


async def test_schemas_change_while_the_worker_runs(registry_url: str) -> None:
    """Each record is read with the schema that wrote it."""
    worker = Worker(destination(registry_url))
    first = register(registry_url, "evolving-value", PERSON)
    await worker.finish(*rows(frame(first, avro(PERSON, ADA))))

    second = register(registry_url, "evolving-value", PERSON_V2)
    assert second != first
    newer = frame(second, avro(PERSON_V2, ADA | {"vip": True}))
    await worker.finish(*rows(newer, frame(first, avro(PERSON, ADA))))

    assert worker.columns() == [ADA_COLUMNS, ADA_COLUMNS | {"vip": True}, ADA_COLUMNS]


async def test_a_schema_may_refer_to_others(registry_url: str) -> None:
    """References are fetched with it, each once."""
    register(registry_url, "t.Person", PERSON)
    order = {
        "type": "record",
        "name": "t.Order",
        "fields": [{"name": "id", "type": "long"}, {"name": "by", "type": "t.Person"}],
    }
    reference = SchemaReference("t.Person", "t.Person", 1)
    number = register(registry_url, "order", order, references=[reference])
    payload = b"\x0e" + avro(PERSON, ADA)

    worker = Worker(destination(registry_url))
    await worker.finish(*rows(frame(number, payload)))

    assert worker.columns() == [{"id": 7, "by": ADA_COLUMNS}]


async def test_protobuf_becomes_a_row(registry_url: str) -> None:
    """The frame chooses the message; imports are references."""
    register(registry_url, "person-proto", PROTO, kind="PROTOBUF")
    head = 'syntax = "proto3"; import "person.proto";'
    text = f"{head} message Order {{ t.Person by = 1; string id = 2; }}"
    reference = SchemaReference("person.proto", "person-proto", 1)
    order = register(
        registry_url, "order-proto", text, kind="PROTOBUF", references=[reference]
    )
    person = register(registry_url, "person-proto", PROTO, kind="PROTOBUF")
    worker = Worker(destination(registry_url, wire_format="protobuf"))

    await worker.finish(
        *rows(
            frame(person, b"\x0a\x017\x10\x0c", indexes=b"\x00"),
            frame(person, b"\x0a\x018", indexes=b"\x02\x02"),
            frame(order, b"\x0a\x03\x0a\x017\x12\x019", indexes=b"\x00"),
        )
    )

    assert worker.columns() == [
        {"id": "7", "points": 12},
        {"id": "8"},
        {"by": {"id": "7", "points": 0}, "id": "9"},
    ]


async def test_json_schema_becomes_a_row_without_a_question(
    registry_front: RegistryFront, registry_url: str
) -> None:
    """JSON behind a frame is read as it is."""
    schema = {"type": "object", "properties": {"id": {"type": "string"}}}
    number = register(registry_url, "json-value", schema, kind="JSON")
    worker = Worker(destination(registry_front.url, wire_format="json-schema"))

    await worker.finish(*rows(frame(number, b'{"id":"7"}'), b'{"id":"8"}'))

    assert worker.columns() == [{"id": "7"}, {"id": "8"}]
    assert registry_front.paths == []


async def test_a_guid_in_a_header_names_the_schema(
    registry_front: RegistryFront, registry_url: str
) -> None:
    """Confluent's newer framing leaves the payload bare."""
    guid = "00010203-0405-0607-0809-0a0b0c0d0e0f"
    number = register(registry_url, "guid-value", PERSON)
    registry_front.ids_by_guid[guid] = number
    header = ("__value_schema_id", b"\x01" + bytes(range(16)))
    worker = Worker(destination(registry_front.url))

    await worker.finish(*rows(avro(PERSON, ADA), headers=(header,)))

    assert worker.columns() == [ADA_COLUMNS]


@pytest.mark.parametrize(
    ("key", "option", "expected"),
    [
        pytest.param(b"7", {}, "7", id="number as text"),
        pytest.param(b'{"id":7}', {}, "7", id="JSON"),
        pytest.param(b"u-7", {}, "u-7", id="text"),
        pytest.param((7).to_bytes(8), {}, "7", id="LongSerializer"),
        pytest.param((7).to_bytes(4), {}, "7", id="IntegerSerializer"),
        pytest.param(
            (2**40).to_bytes(8), {"key_wire_format": "long"}, str(2**40), id="long"
        ),
        pytest.param(b"7", {"key_wire_format": "text"}, "7", id="named text"),
        pytest.param("framed", {}, "7", id="Avro"),
    ],
)
async def test_a_key_may_have_another_format_than_the_value(
    registry_url: str,
    key: bytes | str,
    option: dict[str, str],
    expected: str,
) -> None:
    """Without the setting `key` the record's key identifies the row."""
    person = register(registry_url, "beside-key", PERSON)
    schema = {"type": "record", "name": "K", "fields": [{"name": "id", "type": "int"}]}
    number = register(registry_url, "key-key", schema)
    raw = frame(number, b"\x0e") if isinstance(key, str) else key
    worker = Worker(destination(registry_url, key=None, **option))

    await worker.finish(*rows(frame(person, avro(PERSON, ADA)), key=raw))

    [body] = worker.bodies()
    assert body["__segment_id"] == expected


@pytest.mark.parametrize(
    ("value", "code"),
    [
        pytest.param(frame(999_999, b"x"), "unknown-schema", id="unknown id"),
        pytest.param(frame(2**32 - 1, b"x"), "unknown-schema", id="largest id"),
        pytest.param(b'{"id":"7"}', "not-framed", id="JSON"),
        pytest.param(b"", "not-framed", id="empty"),
        pytest.param(b"\x00\x00", "bad-frame", id="frame cut off"),
        pytest.param(b"\x03\x00" + bytes(16), "unsupported-registry", id="AWS Glue"),
        pytest.param("protobuf", "wrong-schema-type", id="schema of another format"),
        pytest.param("other", "bad-avro", id="another schema"),
    ],
)
async def test_a_record_that_cannot_be_read_stops_nothing(
    registry_url: str, value: bytes | str, code: str
) -> None:
    """The bad one is a dead letter; the records beside it become events."""
    person = register(registry_url, "beside-value", PERSON)
    proto = register(registry_url, "wrong-proto", PROTO, kind="PROTOBUF")
    raw = {"protobuf": frame(proto, b"x"), "other": frame(person, b"\x02")}
    bad = raw[value] if isinstance(value, str) else value
    worker = Worker(destination(registry_url))

    await worker.finish(*rows(bad, frame(person, avro(PERSON, ADA))))

    assert worker.columns() == [ADA_COLUMNS]
    [item] = worker.producer.outcomes()
    assert item.verdict is Verdict.DEAD_LETTER
    assert item.reason.startswith(code)
