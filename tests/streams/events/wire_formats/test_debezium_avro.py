"""Debezium's envelope in Avro, as Kafka Connect's Avro converter writes it."""

import io
from typing import Any

import orjson
from fastavro import schemaless_writer

from streams.events.canonical_event import Origin
from streams.events.convert import convert_record
from streams.events.formats.source_record import SourceRecord
from streams.events.sources import Source, SourceFormat, WireFormat
from streams.events.wire_formats.avro import compile_avro
from streams.events.wire_formats.registry import Registry
from streams.events.wire_formats.schemas import CompiledSchema, SchemaDocument

ROW: dict[str, Any] = {
    "type": "record",
    "name": "Value",
    "namespace": "p.public.people",
    "fields": [
        {"name": "id", "type": "int"},
        {
            "name": "amount",
            "type": [
                "null",
                {
                    "type": "bytes",
                    "scale": 2,
                    "precision": 12,
                    "connect.version": 1,
                    "connect.parameters": {"scale": "2"},
                    "connect.name": "org.apache.kafka.connect.data.Decimal",
                    "logicalType": "decimal",
                },
            ],
        },
        {
            "name": "at",
            "type": [
                "null",
                {
                    "type": "long",
                    "connect.version": 1,
                    "connect.name": "io.debezium.time.MicroTimestamp",
                },
            ],
        },
        {
            "name": "doc",
            "type": [
                "null",
                {"type": "string", "connect.name": "io.debezium.data.Json"},
            ],
        },
        {
            "name": "any",
            "type": [
                "null",
                {
                    "type": "record",
                    "name": "VariableScaleDecimal",
                    "namespace": "io.debezium.data",
                    "fields": [
                        {"name": "scale", "type": "int"},
                        {"name": "value", "type": "bytes"},
                    ],
                    "connect.version": 1,
                    "connect.name": "io.debezium.data.VariableScaleDecimal",
                },
            ],
        },
    ],
}
ENVELOPE: dict[str, Any] = {
    "type": "record",
    "name": "Envelope",
    "namespace": "p.public.people",
    "fields": [
        {"name": "before", "type": ["null", ROW]},
        {"name": "after", "type": ["null", "p.public.people.Value"]},
        {
            "name": "source",
            "type": {
                "type": "record",
                "name": "Source",
                "fields": [
                    {"name": "ts_ms", "type": "long"},
                    {"name": "snapshot", "type": ["string", "null"]},
                    {"name": "db", "type": "string"},
                    {"name": "schema", "type": "string"},
                    {"name": "table", "type": "string"},
                    {"name": "lsn", "type": ["null", "long"]},
                    {"name": "connector", "type": "string"},
                ],
            },
        },
        {"name": "op", "type": "string"},
        {"name": "ts_ms", "type": ["null", "long"]},
    ],
}

MESSAGE = {
    "before": None,
    "after": {
        "id": 7,
        "amount": b"\x04\xd2",
        "at": 1_767_323_045_678_901,
        "doc": '{"a":1}',
        "any": {"scale": 1, "value": b"7"},
    },
    "source": {
        "ts_ms": 1_767_323_045_678,
        "snapshot": "false",
        "db": "d",
        "schema": "public",
        "table": "people",
        "lsn": 5,
        "connector": "postgresql",
    },
    "op": "c",
    "ts_ms": 1_767_323_045_700,
}


def _plain(schema: Any) -> Any:  # noqa: ANN401 - a schema of any kind
    """Return the schema without logical types, for values as the wire has them."""
    if isinstance(schema, list):
        return [_plain(member) for member in schema]
    if not isinstance(schema, dict):
        return schema
    return {k: _plain(v) for k, v in schema.items() if k != "logicalType"}


def test_an_envelope_in_avro_is_a_row_with_typed_columns() -> None:
    """The types stand in `connect.name`, and are not Avro's."""
    stream = io.BytesIO()
    schemaless_writer(stream, _plain(ENVELOPE), MESSAGE)
    text = orjson.dumps(ENVELOPE).decode()
    document = SchemaDocument(schema_type="AVRO", text=text)
    schema = CompiledSchema(wire_format=WireFormat.AVRO, decode=compile_avro(document))
    source = Source(
        name="people",
        topics=("t",),
        format=SourceFormat.DEBEZIUM,
        wire_format=WireFormat.AVRO,
        registry=Registry(url="http://registry:8081"),
    )
    record = SourceRecord(
        origin=Origin(topic="t", partition=0, offset=1),
        time_ms=1,
        key=b'{"id":7}',
        value=b"\x00\x00\x00\x00\x01" + stream.getvalue(),
    )

    bodies = convert_record(record, source, schemas=lambda *_: schema)

    assert isinstance(bodies, list)
    [body] = map(orjson.loads, bodies)
    assert (body["event"], body["context"]["row"]["model"]) == ("new", "people")
    assert body["properties"] == {
        "id": 7,
        "amount": 12.34,
        "at": "2026-01-02T03:04:05.678901",
        "doc": {"a": 1},
        "any": 5.5,
    }
