"""Frames as Confluent's serializers write them, with schemas in a real registry."""

import io
from collections.abc import Sequence
from typing import Any

import orjson
from confluent_kafka.schema_registry import (
    Schema,
    SchemaReference,
    SchemaRegistryClient,
)
from fastavro import schemaless_writer


def register(
    url: str,
    subject: str,
    schema: Any,  # noqa: ANN401 - schema of any kind
    *,
    kind: str = "AVRO",
    references: Sequence[SchemaReference] = (),
) -> int:
    """Register a schema; return its id."""
    text = schema if isinstance(schema, str) else orjson.dumps(schema).decode()
    with SchemaRegistryClient({"url": url}) as client:
        schema_id: int = client.register_schema(
            subject, Schema(text, kind, [*references])
        )
        return schema_id


def frame(schema_id: int, payload: bytes, *, indexes: bytes = b"") -> bytes:
    """Return a frame of Confluent's wire format."""
    return b"\x00" + schema_id.to_bytes(4) + indexes + payload


def avro(schema: Any, value: Any) -> bytes:  # noqa: ANN401 - schemas and values of any kind
    """Encode a value as Avro."""
    stream = io.BytesIO()
    schemaless_writer(stream, schema, value)
    return stream.getvalue()
