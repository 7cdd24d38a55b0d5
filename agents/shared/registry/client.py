"""Client of schema registries: fetches a schema with all references of the schema."""

import os
from collections.abc import Mapping
from typing import Any, Final

from agents.shared.registry.credentials import client_options
from agents.shared.registry.protoc import compile_proto
from streams.errors import ConfigError, PoisonRecord, StreamsError
from streams.events.sources import WireFormat
from streams.events.wire_formats.avro import compile_avro
from streams.events.wire_formats.protobuf import compile_protobuf
from streams.events.wire_formats.registry import Registry
from streams.events.wire_formats.schemas import (
    CompiledSchema,
    SchemaDocument,
    SchemaKind,
    SchemaName,
)

_UNKNOWN_CODES: Final = (40401, 40402, 40403)
"""Confluent's error codes for an unknown subject, version and schema."""

_CREDENTIAL_CODES: Final = (401, 403)
_REFERENCES_MAX: Final = 200
"""Ours: schemas that one schema may refer to."""


class RegistryAway(StreamsError):
    """Failed request to a registry; a later request may succeed.

    Args:
        fault: Fault, without any secret.
        fix: Mend for an operator; empty if time alone may do.
    """

    def __init__(self, fault: str, *, fix: str = "") -> None:
        super().__init__(fault)
        self.fault = fault
        self.fix = fix


class SchemaMissing(StreamsError):
    """Schema that the registry does not know."""


class RegistryClients:
    """Clients of registries, a new client for each call; a call blocks the thread.

    Args:
        environ: Variables with the secrets.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ

    def fetch(self, registry: Registry, name: SchemaName) -> CompiledSchema:
        """Fetch and compile a schema.

        Raises:
            RegistryAway: The registry does not answer, or refuses the request.
            SchemaMissing: The registry has no such schema.
            PoisonRecord: The schema cannot be used.
        """
        if name.kind is SchemaKind.GLUE:
            wording = f"{name}: schemas of AWS Glue cannot be fetched"
            raise PoisonRecord("unsupported-registry", wording)
        if name.kind is SchemaKind.GLOBAL_ID and not registry.global_ids:
            fix = "let the producer write content ids, or see registry.global_ids"
            wording = f"{name}: the registry's API knows content ids only; {fix}"
            raise PoisonRecord("unsupported-registry", wording)
        return compile_schema(self._fetch_document(registry, name))

    def _fetch_document(self, registry: Registry, name: SchemaName) -> SchemaDocument:
        from confluent_kafka.schema_registry import SchemaRegistryClient  # noqa: PLC0415 - of an extra
        from confluent_kafka.schema_registry.error import SchemaRegistryError  # noqa: PLC0415 - of an extra

        references: dict[str, str] = {}
        try:
            # Schemas are few: a client for each reads the secrets anew.
            with SchemaRegistryClient(
                client_options(registry, self._environ)
            ) as client:
                schema = _find_schema(client, name)
                _collect_references(client, schema, references, depth=0)
        except ConfigError as error:
            raise RegistryAway(str(error), fix="mend the secret") from None
        except SchemaRegistryError as error:
            raise _translate(name, error) from None
        except PoisonRecord:
            raise
        except Exception as fault:  # noqa: BLE001 - httpx2 is of an extra, and no fault of it may end the worker
            raise RegistryAway(type(fault).__name__) from None
        return SchemaDocument(
            schema_type=schema.schema_type or "AVRO",
            text=schema.schema_str or "",
            references=references,
        )


def _find_schema(client: Any, name: SchemaName) -> Any:  # noqa: ANN401 - of an extra
    if name.kind is SchemaKind.GUID:
        return client.get_schema_by_guid(name.value)
    return client.get_schema(name.value)


def _translate(name: SchemaName, error: Any) -> StreamsError:  # noqa: ANN401 - of an extra
    status = error.http_status_code
    if status in _CREDENTIAL_CODES:
        fix = "check the user name, password or token, and its rights to read"
        return RegistryAway(f"HTTP {status}", fix=fix)
    if error.error_code in _UNKNOWN_CODES:
        return SchemaMissing(str(name))
    if status == 404:
        if name.kind is SchemaKind.GUID:
            return SchemaMissing(str(name))
        return RegistryAway("HTTP 404", fix="check the path in registry.url")
    return RegistryAway(f"HTTP {status}")


def _collect_references(
    client: Any,  # noqa: ANN401 - of an extra
    schema: Any,  # noqa: ANN401 - of an extra
    collected: dict[str, str],
    *,
    depth: int,
) -> None:
    """Add the schemas that a schema refers to, each after all nested references."""
    for reference in schema.references or ():
        if reference.name in collected:
            continue
        if depth > _REFERENCES_MAX or len(collected) > _REFERENCES_MAX:
            wording = f"it refers to more than {_REFERENCES_MAX} schemas"
            raise PoisonRecord("unsupported-schema", wording)
        referenced = client.get_version(reference.subject, reference.version).schema
        _collect_references(client, referenced, collected, depth=depth + 1)
        collected[reference.name] = referenced.schema_str


def compile_schema(document: SchemaDocument) -> CompiledSchema:
    """Compile a schema to a decoder of payloads.

    Raises:
        PoisonRecord: `unsupported-schema`, with the fault.
    """
    match document.schema_type:
        case "AVRO":
            return CompiledSchema(
                wire_format=WireFormat.AVRO, decode=compile_avro(document)
            )
        case "PROTOBUF":
            descriptors, file_name = compile_proto(document)
            return CompiledSchema(
                wire_format=WireFormat.PROTOBUF,
                decode=compile_protobuf(descriptors, file_name),
            )
        case _:
            return CompiledSchema(wire_format=WireFormat.JSON_SCHEMA, decode=_refuse)


def _refuse(payload: bytes, indexes: object) -> None:
    """Refuse a payload: JSON behind a frame is read without a schema."""
    del payload, indexes
    raise PoisonRecord("wrong-schema-type", "the schema is a JSON Schema")
