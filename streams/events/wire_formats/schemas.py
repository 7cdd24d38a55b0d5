"""Schemas of frames: names, documents and compiled decoders."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, TypeAlias

from streams.errors import PoisonRecord
from streams.events.sources import WireFormat
from streams.events.wire_formats.registry import Registry


class SchemaKind(StrEnum):
    """Kind of name that a frame gives to a schema."""

    ID = "id"
    """Number of Confluent's registry, or a content id of Apicurio's."""

    GLOBAL_ID = "global id"
    """Number that only Apicurio's own API knows."""

    GUID = "GUID"
    """Globally unique id of Confluent's registry."""

    GLUE = "Glue version"
    """Version id of AWS Glue's registry."""


class SchemaName(NamedTuple):
    """Name of a schema in a frame: a number, or a UUID in lower case."""

    kind: SchemaKind
    value: int | str

    def __str__(self) -> str:
        return f"schema {self.kind} {self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaDocument:
    """Schema in a registry's answer, with the schemas that the schema refers to.

    Attributes:
        schema_type: `AVRO`, `JSON` or `PROTOBUF`.
        text: The schema.
        references: Name to text of the schemas it refers to, each after those that it
            refers to itself. For Protobuf the name is the path of the import.
    """

    schema_type: str
    text: str
    references: Mapping[str, str] = field(default_factory=dict)


PayloadDecoder: TypeAlias = Callable[[bytes, Sequence[int]], Any]
"""Decodes a payload to JSON; the numbers are Protobuf's message indexes.

Raises PoisonRecord for a payload that is not of the schema.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledSchema:
    """Schema that payloads are decoded with.

    Attributes:
        wire_format: Wire format of its payloads.
        decode: Decodes a payload.
    """

    wire_format: WireFormat
    decode: PayloadDecoder


SchemaLookup: TypeAlias = Callable[[Registry | None, SchemaName], CompiledSchema]
"""Returns a schema, or raises PoisonRecord if there is none."""


def no_schemas(registry: Registry | None, name: SchemaName) -> CompiledSchema:
    """Refuse a schema: the lookup of a process without registries.

    Raises:
        PoisonRecord: Always.
    """
    del registry
    raise PoisonRecord("unknown-schema", f"{name}: no schema registry was asked")
