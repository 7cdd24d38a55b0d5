"""Wire format Avro: schemas compiled to decoders of payloads.

fastavro reads the bytes; the logical types are converted here, because its own
conversion costs more than twice the reading, and gives values that JSON has no form
for. Unions are bare: the value of a branch stands without the branch's name.
"""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import orjson

from streams.errors import PoisonRecord
from streams.events.columns.decoders import UnfitValue
from streams.events.wire_formats.logical_types import (
    Convert,
    find_conversion,
    plain_conversion,
)
from streams.events.wire_formats.schemas import SchemaDocument

AvroSchema: TypeAlias = Any
"""Avro schema as fastavro parses it: text, list or object."""

_ROOT: Final = "klaviyo_streams.Root"
_VALUE: Final = "value"
_LOGICAL: Final = "klaviyo_streams.logicalType"
"""Name under which a logical type goes past fastavro, which would convert it."""

_MAX_SCHEMA_DEPTH: Final = 100
"""Ours: fastavro parses a schema by recursion in C, and a deep one ends the process."""

_PYTHON_TYPES: Final[Mapping[str, type]] = {
    "boolean": bool,
    "int": int,
    "long": int,
    "float": float,
    "double": float,
    "string": str,
    "enum": str,
    "bytes": bytes,
    "fixed": bytes,
    "array": list,
    "map": dict,
    "record": dict,
}


def compile_avro(document: SchemaDocument) -> Callable[[bytes, Sequence[int]], Any]:
    """Compile a schema to a decoder of the payloads written with the schema.

    Raises:
        PoisonRecord: `unsupported-schema`, with the fault.
    """
    named: dict[str, AvroSchema] = {}
    for text in document.references.values():
        _parse(_read_schema(text), named)
    # A record round the schema has the same bytes, and carries the named schemas.
    fields = [{"name": _VALUE, "type": _read_schema(document.text)}]
    root = _parse({"type": "record", "name": _ROOT, "fields": fields}, named)
    compiler = _Compiler(named)
    try:
        convert = compiler.conversion_of(root["fields"][0]["type"])
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as fault:
        raise _unsupported(type(fault).__name__) from None
    return _decoder(root, convert, is_recursive=compiler.is_recursive)


def _decoder(
    root: AvroSchema, convert: Convert | None, *, is_recursive: bool
) -> Callable[[bytes, Sequence[int]], Any]:
    read = _reader(is_recursive=is_recursive)

    def decode(payload: bytes, _: Sequence[int]) -> Any:  # noqa: ANN401 - any JSON
        stream = io.BytesIO(payload)
        try:
            value = read(stream, root, None)[_VALUE]
            converted = value if convert is None else convert(value)
        except RecursionError:
            raise PoisonRecord(
                "too-deep", "the Avro value is nested too deep"
            ) from None
        except UnfitValue as unfit:
            raise PoisonRecord(
                "bad-avro", f"a value of the payload is {unfit}"
            ) from None
        except Exception as fault:  # noqa: BLE001 - fastavro raises what Python does
            wording = f"the payload is not of its schema ({type(fault).__name__})"
            raise PoisonRecord("bad-avro", wording) from None
        if stream.tell() != len(payload):
            unread = len(payload) - stream.tell()
            wording = f"{unread} bytes behind the value: another schema wrote it"
            raise PoisonRecord("bad-avro", wording)
        return converted

    return decode


def _reader(*, is_recursive: bool) -> Callable[..., Any]:
    """Return fastavro's reader, in pure Python for types that contain themselves.

    The one in C recurses without a limit: deep nesting would end the process.
    """
    if is_recursive:
        from fastavro._read_py import schemaless_reader as read_in_python  # noqa: PLC0415 - of an extra

        return read_in_python
    from fastavro import schemaless_reader  # noqa: PLC0415 - of an extra

    return schemaless_reader


def _read_schema(text: str) -> AvroSchema:
    try:
        return _without_logical_types(orjson.loads(text), _MAX_SCHEMA_DEPTH)
    except orjson.JSONDecodeError:
        # Registries give a primitive type as JSON text; some give the bare word.
        if text.isidentifier():
            return text
        raise _unsupported("it is not JSON") from None


def _without_logical_types(schema: AvroSchema, depth: int) -> AvroSchema:
    if depth == 0:
        raise _unsupported(f"nested over {_MAX_SCHEMA_DEPTH} levels")
    if isinstance(schema, list):
        return [_without_logical_types(member, depth - 1) for member in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        _LOGICAL if name == "logicalType" else name: (
            member if name == "default" else _without_logical_types(member, depth - 1)
        )
        for name, member in schema.items()
    }


def _parse(schema: AvroSchema, named: dict[str, AvroSchema]) -> AvroSchema:
    from fastavro import parse_schema  # noqa: PLC0415 - of an extra

    try:
        return parse_schema(schema, named)
    except Exception as fault:  # noqa: BLE001 - fastavro raises what Python does
        raise _unsupported(f"{type(fault).__name__}: {fault}") from None


def _unsupported(reason: str) -> PoisonRecord:
    return PoisonRecord(
        "unsupported-schema", f"the Avro schema cannot be used: {reason}"
    )


class _Compiler:
    """Compiler of conversions, with a conversion for each named type.

    Attributes:
        is_recursive: True once a type was met that contains itself.
    """

    def __init__(self, named: Mapping[str, AvroSchema]) -> None:
        self._named = named
        self._conversions: dict[str, Convert | None] = {}
        self._open: set[str] = set()
        self.is_recursive = False

    def conversion_of(self, schema: AvroSchema) -> Convert | None:
        """Return the conversion of a schema's values; None for values that are JSON."""
        if isinstance(schema, list):
            return self._union(schema)
        if isinstance(schema, str):
            if schema in self._named:
                return self._named_type(schema)
            return plain_conversion(schema)
        return self._complex(schema)

    def _complex(self, schema: AvroSchema) -> Convert | None:
        match schema["type"]:
            case "record" | "error":
                return self._named_type(schema["name"])
            case "array":
                self._check_items(schema["items"])
                return _each_item(self.conversion_of(schema["items"]))
            case "map":
                return _each_value(self.conversion_of(schema["values"]))
            case str() as base_type if base_type not in self._named:
                return _simple(schema, base_type)
            case inner:
                return self.conversion_of(inner)

    def _named_type(self, name: str) -> Convert | None:
        if name in self._conversions:
            return self._conversions[name]
        schema = self._named[name]
        if schema["type"] not in ("record", "error"):
            return _simple(schema, schema["type"])
        if name in self._open:
            self.is_recursive = True
            return lambda value: _apply(self._conversions[name], value)
        self._open.add(name)
        self._conversions[name] = self._record(schema)
        return self._conversions[name]

    def _record(self, schema: AvroSchema) -> Convert | None:
        fields = [
            (field["name"], convert)
            for field in schema["fields"]
            if (convert := self.conversion_of(field["type"])) is not None
        ]
        whole = find_conversion(schema.get("connect.name", ""), "record")
        if whole is not None:
            return whole
        return _each_field(fields) if fields else None

    def _union(self, branches: Sequence[AvroSchema]) -> Convert | None:
        """Return the conversion of a union, chosen by the type of the value."""
        conversions = [
            (self._python_type(branch), self.conversion_of(branch))
            for branch in branches
            if branch != "null"
        ]
        if all(convert is None for _, convert in conversions):
            return None
        if len(conversions) == 1:
            return _unless_null(conversions[0][1])
        records = {
            frozenset(self._field_names(branch)): self.conversion_of(branch)
            for branch in branches
            if self._type_name(branch) == "record"
        }
        by_type: dict[type, Convert | None] = {}
        for python_type, convert in conversions:
            if python_type is dict and records:
                by_type[dict] = _choose_record(records)
            elif by_type.setdefault(python_type, convert) is not convert:
                wording = "a union has two branches that look alike"
                raise _unsupported(f"{wording}, of which one must be converted")
        return lambda value: _apply(by_type.get(type(value)), value)

    def _python_type(self, branch: AvroSchema) -> type:
        return _PYTHON_TYPES[self._type_name(branch)]

    def _field_names(self, branch: AvroSchema) -> Iterable[str]:
        schema = branch
        while isinstance(schema, str) or "fields" not in schema:
            schema = self._named[schema] if isinstance(schema, str) else schema["type"]
        return (field["name"] for field in schema["fields"])

    def _type_name(self, schema: AvroSchema) -> str:
        while not isinstance(schema, str) or schema in self._named:
            schema = self._named[schema] if isinstance(schema, str) else schema
            schema = schema["type"]
        return "record" if schema == "error" else schema

    def _check_items(self, items: AvroSchema) -> None:
        """Refuse arrays of items without bytes: eight bytes could mean 10^18 items."""
        if self._is_empty(items, frozenset()):
            raise _unsupported("an array has items that take no bytes")

    def _is_empty(self, schema: AvroSchema, inside: frozenset[str]) -> bool:
        if isinstance(schema, list):
            return False
        if isinstance(schema, str):
            if schema not in self._named:
                return schema == "null"
            if schema in inside:
                return False
            inside |= {schema}
            schema = self._named[schema]
        if schema["type"] in ("record", "error"):
            return all(self._is_empty(f["type"], inside) for f in schema["fields"])
        if schema["type"] == "fixed":
            return bool(schema["size"] == 0)
        return bool(schema["type"] == "null")


def _simple(schema: AvroSchema, base_type: str) -> Convert | None:
    parameters = schema.get("connect.parameters", {})
    scale = schema.get("scale", parameters.get("scale", 0))
    size = schema.get("size", 0)
    for name in (schema.get("connect.name", ""), schema.get(_LOGICAL, "")):
        if isinstance(name, str) and name:
            convert = find_conversion(name, base_type, scale=int(scale), size=size)
            if convert is not None:
                return convert
    return plain_conversion(base_type)


def _apply(convert: Convert | None, value: Any) -> Any:  # noqa: ANN401 - any JSON
    return value if convert is None else convert(value)


def _choose_record(records: Mapping[frozenset[str], Convert | None]) -> Convert:
    """Return a conversion that finds a record's type by the names of the fields."""
    return lambda value: _apply(records.get(frozenset(value)), value)


def _unless_null(convert: Convert | None) -> Convert | None:
    return lambda value: None if value is None else _apply(convert, value)


def _each_item(convert: Convert | None) -> Convert | None:
    if convert is None:
        return None
    return lambda values: [convert(value) for value in values]


def _each_value(convert: Convert | None) -> Convert | None:
    if convert is None:
        return None
    return lambda values: {name: convert(value) for name, value in values.items()}


def _each_field(fields: Sequence[tuple[str, Convert]]) -> Convert:
    def convert_fields(record: dict[str, Any]) -> dict[str, Any]:
        for name, convert in fields:
            record[name] = convert(record[name])
        return record

    return convert_fields
