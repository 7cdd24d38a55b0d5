"""Intake of one worker in this process, with schemas of a real registry."""

import asyncio
from typing import Any

import orjson

from agents.engine.kafka import Record
from agents.engine.partition import Partition
from agents.intake import process_records
from agents.shared.registry.client import RegistryClients
from agents.shared.registry.store import SchemaStore
from agents.shared.schema_wait import SchemaWait
from streams.destination.loader import compile_destination
from streams.destination.model import Destination
from tests.support.worker_fakes import (
    FakeProducer,
    context,
    partition,
    record,
    settings,
    track_records,
)

TOPICS = settings().topics
UNKNOWN_S = 0.2

PERSON = {
    "type": "record",
    "name": "t.Person",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "mail", "type": ["null", "string"]},
        {"name": "joined", "type": {"type": "int", "logicalType": "date"}},
    ],
}
PERSON_V2 = {
    **PERSON,
    "fields": [
        *PERSON["fields"],
        {"name": "vip", "type": "boolean", "default": False},
    ],
}
ADA = {"id": "7", "mail": "ada@example.com", "joined": 20_454}
ADA_COLUMNS = ADA | {"joined": "2026-01-01"}
PROTO = """
syntax = "proto3";
package t;
message Person { string id = 1; int64 points = 2; }
message Deleted { string id = 1; }
"""


def destination(url: str, *, wire_format: str = "avro", **options: Any) -> Destination:  # noqa: ANN401 - options of a source
    """Compile a destination with one source of rows in `t.people`."""
    registry = {
        "url": url,
        "unknown_schema_s": UNKNOWN_S,
        **options.pop("registry", {}),
    }
    source = {
        "topic": "t.people",
        "format": "rows",
        "wire_format": wire_format,
        "registry": registry,
        "key": "id",
        "user_id": "id",
    }
    return compile_destination({"sources": {"people": source | options}})


class Worker:
    """Intake of one worker, with schemas of a registry.

    Args:
        compiled: The destination.
        environ: Variables with secrets of the registry.

    Attributes:
        producer: What it has written.
    """

    def __init__(
        self, compiled: Destination, environ: dict[str, str] | None = None
    ) -> None:
        self.producer = FakeProducer()
        store = SchemaStore(RegistryClients(environ or {}))
        services = context(self.producer, destination=compiled, schemas=store)

        async def process(records: Any) -> None:  # noqa: ANN401 - as SchemaWait calls it
            await process_records(services, records)

        self.waiting = SchemaWait(services, process=process)

    async def take(self, *records: Record, part: Partition | None = None) -> Partition:
        """Hand a batch of one partition to intake; do not wait for schemas."""
        part = part or partition("t.people")
        await self.waiting.process_batch([(part, track_records(part, *records))])
        return part

    async def finish(self, *records: Record) -> Partition:
        """Hand a batch to intake, and wait until it is done."""
        part = await self.take(*records)
        await until(lambda: part.unfinished_count == 0)
        return part

    def bodies(self) -> list[dict[str, Any]]:
        """Return the events written so far."""
        return [orjson.loads(m.value or b"") for m in self.producer.to(TOPICS.events)]

    def columns(self) -> list[dict[str, Any]]:
        """Return the columns of the row events written so far."""
        return [body["properties"] for body in self.bodies()]


async def until(is_reached: Any) -> None:  # noqa: ANN401 - a condition without parameters
    """Wait for a condition; the test's own time-out bounds the wait."""
    while not is_reached():  # noqa: ASYNC110 - conditions of several kinds
        await asyncio.sleep(0.01)


def rows(*values: bytes | None, **fields: Any) -> list[Record]:  # noqa: ANN401 - fields of a record
    """Build records of the source topic."""
    return [
        record(value, topic="t.people", offset=offset, **fields)
        for offset, value in enumerate(values)
    ]
