"""`python -m tests.benchmarks.formats`: CPU of intake for each format of a source.

The stage runs in this process; what it writes goes nowhere. Each format has the same
row or event of ten fields, and Segment JSON is the measure of all.
"""

import asyncio
import gc
import io
import time
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import click
import orjson
from fastavro import schemaless_writer

from agents.cli.worker import GC_ALLOCATIONS
from agents.engine.kafka import Record
from agents.intake import process_records
from agents.shared.context import Context
from agents.shared.registry.client import compile_schema
from agents.shared.registry.store import SchemaStore
from streams.destination.loader import compile_destination
from streams.events.wire_formats.registry import Registry
from streams.events.wire_formats.schemas import (
    CompiledSchema,
    SchemaDocument,
    SchemaName,
)
from tests.support.worker_fakes import FakeProducer, context, record

FETCH_RECORDS = 500
"""Records that a consumer hands on at a time, by Kafka's default `max.poll.records`."""

RUNS = 5

DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}
AVRO: dict[str, Any] = {
    "type": "record",
    "name": "t.Row",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "email", "type": ["null", "string"]},
        {"name": "first_name", "type": ["null", "string"]},
        {"name": "city", "type": ["null", "string"]},
        {"name": "vip", "type": "boolean"},
        {"name": "visits", "type": "int"},
        {"name": "spent", "type": DECIMAL},
        {
            "name": "updated",
            "type": {"type": "long", "connect.name": "io.debezium.time.MicroTimestamp"},
        },
        {"name": "born", "type": {"type": "int", "logicalType": "date"}},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
    ],
}
PROTO = """
syntax = "proto3";
message Row {
  int64 id = 1; string email = 2; string first_name = 3; string city = 4; bool vip = 5;
  int32 visits = 6; double spent = 7; int64 updated = 8; int32 born = 9;
  repeated string tags = 10;
}
"""
ROW: dict[str, Any] = {
    "id": 12_345_678,
    "email": "somebody@example.com",
    "first_name": "Somebody",
    "city": "Somewhere",
    "vip": True,
    "visits": 17,
    "spent": 1234.5,
    "updated": 1_767_323_045_678_901,
    "born": 8_035,
    "tags": ["one", "two"],
}
EVENT = {
    "type": "track",
    "event": "Row Changed",
    "userId": "12345678",
    "messageId": "row-0123456789abcdef0123456789abcdef",
    "timestamp": "2026-01-02T03:04:05.678Z",
    "properties": ROW,
    "context": {"traits": {"email": "somebody@example.com"}},
}
LOG_POSITION = {
    "connector": "postgresql",
    "snapshot": "false",
    "ts_ms": 1_767_323_045_678,
    "table": "people",
    "lsn": 24_023_128,
    "txId": 555,
}
"""Part of Debezium's `source` that a table on PostgreSQL has."""

AVRO_ENVELOPE: dict[str, Any] = {
    "type": "record",
    "name": "t.Envelope",
    "fields": [
        {"name": "after", "type": ["null", AVRO]},
        {
            "name": "source",
            "type": {
                "type": "record",
                "name": "t.Source",
                "fields": [
                    {"name": name, "type": "string" if type(value) is str else "long"}
                    for name, value in LOG_POSITION.items()
                ],
            },
        },
        {"name": "op", "type": "string"},
    ],
}
CONNECT_TYPES = {str: "string", bool: "boolean", int: "int64", float: "double"}
URL = "http://127.0.0.1:9"


class LocalRegistry:
    """Registry without a network: schemas 1 and 4 are Avro's, 2 is Protobuf's."""

    def __init__(self) -> None:
        avro = SchemaDocument(schema_type="AVRO", text=orjson.dumps(AVRO).decode())
        proto = SchemaDocument(schema_type="PROTOBUF", text=PROTO)
        text = orjson.dumps(AVRO_ENVELOPE).decode()
        envelope = SchemaDocument(schema_type="AVRO", text=text)
        documents = {1: avro, 2: proto, 4: envelope}
        self._schemas = {id_: compile_schema(doc) for id_, doc in documents.items()}

    def fetch(self, registry: Registry, name: SchemaName) -> CompiledSchema:
        """Return a schema by its number."""
        del registry
        return self._schemas[int(name.value)]


class ForgetfulProducer(FakeProducer):
    """Producer that keeps nothing."""

    async def send(self, messages: Any) -> Any:  # noqa: ANN401 - as the producer has it
        """Count the records as durable."""
        return [None for _ in messages]


def _source(topic: str, **options: object) -> dict[str, object]:
    return {"topic": topic, "key": "id", "user_id": "id", "email": "email", **options}


def _framed(
    topic: str, *, wire_format: str = "", **options: object
) -> dict[str, object]:
    framed = {"format": "rows", "wire_format": wire_format or topic}
    return _source(topic, **framed | options, registry={"url": URL})


SOURCES = {
    "rows": _source("rows", format="rows"),
    **{name: _framed(name) for name in ("avro", "protobuf", "json-schema")},
    **{
        name: _source(name, format="debezium")
        for name in ("debezium", "debezium-flat", "debezium-schema")
    },
    "debezium-avro": _framed("debezium-avro", wire_format="avro", format="debezium"),
    "cloudevents": {"topic": "cloudevents", "format": "cloudevents"},
}


def _values() -> Mapping[str, bytes]:
    row = ROW | {"spent": Decimal("1234.50"), "born": date(1992, 1, 1)}
    change = {"after": ROW, "source": LOG_POSITION, "op": "u"}
    return {
        "segment": orjson.dumps(EVENT),
        "rows": orjson.dumps(ROW),
        "avro": b"\x00\x00\x00\x00\x01" + _avro(AVRO, row),
        "protobuf": b"\x00\x00\x00\x00\x02\x00" + _protobuf(),
        "json-schema": b"\x00\x00\x00\x00\x03" + orjson.dumps(ROW),
        "debezium": orjson.dumps({"before": None, **change}),
        "debezium-flat": orjson.dumps({**ROW, "__op": "u", "__lsn": 24_023_128}),
        "debezium-schema": orjson.dumps(_with_schema(change)),
        "debezium-avro": b"\x00\x00\x00\x00\x04"
        + _avro(AVRO_ENVELOPE, change | {"after": row}),
        "cloudevents": orjson.dumps(
            {
                "specversion": "1.0",
                "id": "0123456789abcdef",
                "source": "shop",
                "type": "row.changed",
                "data": EVENT,
            }
        ),
    }


def _avro(schema: dict[str, Any], value: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    schemaless_writer(stream, schema, value)
    return stream.getvalue()


def _with_schema(change: dict[str, Any]) -> dict[str, Any]:
    """Return a change behind its schema, as Connect's JSON converter writes it."""
    rows = [
        {"field": name, **_connect_type(value), "optional": True}
        for name, value in ROW.items()
    ]
    position = [
        {"field": name, **_connect_type(value)} for name, value in LOG_POSITION.items()
    ]
    fields = [
        {"field": "before", "type": "struct", "fields": rows, "optional": True},
        {"field": "after", "type": "struct", "fields": rows, "optional": True},
        {"field": "source", "type": "struct", "fields": position},
        {"field": "op", "type": "string"},
    ]
    return {"schema": {"type": "struct", "fields": fields}, "payload": change}


def _connect_type(value: object) -> dict[str, object]:
    if isinstance(value, list):
        return {"type": "array", "items": {"type": "string"}}
    return {"type": CONNECT_TYPES[type(value)]}


def _protobuf() -> bytes:
    from google.protobuf import (  # noqa: PLC0415 - of an extra
        descriptor_pb2,
        descriptor_pool,
        message_factory,
    )

    from agents.shared.registry.protoc import compile_proto  # noqa: PLC0415 - as above

    document = SchemaDocument(schema_type="PROTOBUF", text=PROTO)
    descriptors, file_name = compile_proto(document)
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(descriptors).file:
        pool.Add(file)
    descriptor = pool.FindFileByName(file_name).message_types_by_name["Row"]
    raw: bytes = message_factory.GetMessageClass(descriptor)(**ROW).SerializeToString()
    return raw


async def _measure(services: Context, records: list[Record]) -> float:
    """Return the CPU of a record in the best run, microseconds."""
    costs_us = []
    for _ in range(RUNS):
        began_s = time.process_time()
        for start in range(0, len(records), FETCH_RECORDS):
            await process_records(services, records[start : start + FETCH_RECORDS])
        costs_us.append((time.process_time() - began_s) / len(records) * 1e6)
    return min(costs_us)


async def _measure_all(count: int) -> dict[str, float]:
    destination = compile_destination({"sources": SOURCES})
    store = SchemaStore(LocalRegistry())
    services = context(ForgetfulProducer(), destination=destination, schemas=store)
    names = (SchemaName("id", number) for number in (1, 2, 4))  # type: ignore[arg-type] # a kind is text
    registry = Registry(url=URL)
    await store.resolve({(registry, name) for name in names}, timeout_s=10)
    return {
        topic: await _measure(
            services,
            [record(value, topic=topic, offset=offset) for offset in range(count)],
        )
        for topic, value in _values().items()
    }


@click.command()
@click.option("--records", default=20_000, show_default=True, type=int)
def main(*, records: int) -> None:
    """Print what intake takes for a record of each format; nothing is asserted."""
    gc.freeze()  # as in a worker
    gc.set_threshold(GC_ALLOCATIONS, 20, 50)
    costs_us = asyncio.run(_measure_all(records))
    click.echo(f"{'format':16}{'us a record':>12}{'to segment':>12}")
    for name, cost_us in costs_us.items():
        click.echo(f"{name:16}{cost_us:12.1f}{cost_us / costs_us['segment']:12.2f}")


if __name__ == "__main__":
    main()
