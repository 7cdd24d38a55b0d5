"""Wire format Protobuf: descriptors compiled to decoders of payloads.

A field without a value is absent where its presence is known (messages, `optional`,
`oneof`, proto2), and else has its default. Names are those of the .proto file.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from streams.errors import PoisonRecord
from streams.events.columns import decoders
from streams.events.columns.decoders import UnfitValue
from streams.events.wire_formats.logical_types import bytes_value

Descriptor: TypeAlias = Any
"""Descriptor of google.protobuf, which ships no types."""

ProtoMessage: TypeAlias = Any
ToJson: TypeAlias = Callable[[Any], Any]

_NANOS: Final = 1_000_000_000
_TIMESTAMP: Final = decoders.timestamp("nanos", has_zone=True)
_TYPE_MESSAGE: Final = 11
_TYPE_GROUP: Final = 10
_TYPE_BYTES: Final = 12
_TYPE_ENUM: Final = 14
"""Numbers of google/protobuf/descriptor.proto, FieldDescriptorProto.Type."""

_FLOATS: Final = (1, 2)
"""`TYPE_DOUBLE` and `TYPE_FLOAT` there."""


def compile_protobuf(
    descriptors: bytes, file_name: str
) -> Callable[[bytes, Sequence[int]], Any]:
    """Compile a schema to a decoder of the payloads written with the schema.

    Args:
        descriptors: A FileDescriptorSet with the file and all files that it imports.
        file_name: Name of the file in the set.

    Raises:
        PoisonRecord: `unsupported-schema`, with the fault.
    """
    from google.protobuf import descriptor_pb2, descriptor_pool  # noqa: PLC0415 - of an extra

    pool = descriptor_pool.DescriptorPool()
    try:
        for file in descriptor_pb2.FileDescriptorSet.FromString(descriptors).file:
            pool.Add(file)
        schema = pool.FindFileByName(file_name)
    except Exception as fault:  # noqa: BLE001 - upb raises what Python does
        wording = f"the Protobuf schema cannot be used: {type(fault).__name__}"
        raise PoisonRecord("unsupported-schema", wording) from None
    return _Messages(schema).decode


class _Messages:
    """Messages of a schema file; each kind is compiled at the first message."""

    def __init__(self, schema: Descriptor) -> None:
        self._schema = schema
        self._decoders: dict[tuple[int, ...], tuple[ToJson, ToJson]] = {}
        self._converters: dict[str, ToJson] = {}

    def decode(self, payload: bytes, indexes: Sequence[int]) -> Any:  # noqa: ANN401 - any JSON
        path = tuple(indexes)
        decoder = self._decoders.get(path)
        if decoder is None:
            decoder = self._decoders[path] = self._compile(path)
        parse, to_json = decoder
        try:
            message = parse(payload)
        except Exception as fault:  # noqa: BLE001 - DecodeError is of an extra
            wording = f"the payload is not of its schema ({type(fault).__name__})"
            raise PoisonRecord("bad-protobuf", wording) from None
        try:
            return to_json(message)
        except UnfitValue as unfit:
            wording = f"a value of the payload is {unfit}"
            raise PoisonRecord("bad-protobuf", wording) from None

    def _compile(self, path: tuple[int, ...]) -> tuple[ToJson, ToJson]:
        from google.protobuf import message_factory  # noqa: PLC0415 - of an extra

        descriptor = self._find(path)
        parse = message_factory.GetMessageClass(descriptor).FromString
        return parse, self._message_converter(descriptor)

    def _find(self, path: tuple[int, ...]) -> Descriptor:
        messages = list(self._schema.message_types_by_name.values())
        descriptor: Descriptor = None
        for index in path:
            if index >= len(messages):
                wording = f"the schema has no message at index {list(path)}"
                raise PoisonRecord("bad-frame", wording)
            descriptor = messages[index]
            messages = descriptor.nested_types
        return descriptor

    def _message_converter(self, descriptor: Descriptor) -> ToJson:
        name = descriptor.full_name
        if name in _WELL_KNOWN:
            return _WELL_KNOWN[name]
        if name not in self._converters:
            fields: list[tuple[str, bool, ToJson | None]] = []
            self._converters[name] = _fields_converter(fields)
            fields += (
                (field.name, field.has_presence, self._field_converter(field))
                for field in descriptor.fields
            )
        return self._converters[name]

    def _field_converter(self, field: Descriptor) -> ToJson | None:
        if _is_map(field):
            return _map_converter(
                self._value_converter(field.message_type.fields_by_name["value"])
            )
        convert = self._value_converter(field)
        if not field.is_repeated:
            return convert
        return list if convert is None else _list_converter(convert)

    def _value_converter(self, field: Descriptor) -> ToJson | None:
        if field.type in (_TYPE_MESSAGE, _TYPE_GROUP):
            return self._message_converter(field.message_type)
        if field.type == _TYPE_BYTES:
            return bytes_value
        if field.type == _TYPE_ENUM:
            return _enum_converter(field.enum_type)
        return _finite if field.type in _FLOATS else None


def _is_map(field: Descriptor) -> bool:
    message = field.message_type
    return message is not None and message.GetOptions().map_entry


def _fields_converter(fields: Sequence[tuple[str, bool, ToJson | None]]) -> ToJson:
    def convert(message: ProtoMessage) -> dict[str, Any]:
        body = {}
        for name, has_presence, to_json in fields:
            if has_presence and not message.HasField(name):
                continue
            value = getattr(message, name)
            body[name] = value if to_json is None else to_json(value)
        return body

    return convert


def _list_converter(convert: ToJson) -> ToJson:
    return lambda values: [convert(value) for value in values]


def _map_converter(convert: ToJson | None) -> ToJson:
    def to_json(values: Mapping[Any, Any]) -> dict[str, Any]:
        return {
            _key_text(key): values[key] if convert is None else convert(values[key])
            for key in values
        }

    return to_json


def _key_text(key: object) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)


def _enum_converter(enum: Descriptor) -> ToJson:
    """Return a converter of numbers to member names; unknown numbers stay numbers."""
    names = {number: member.name for number, member in enum.values_by_number.items()}
    return lambda number: names.get(number, number)


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _read_timestamp(message: ProtoMessage) -> str:
    text: str = _TIMESTAMP(message.seconds * _NANOS + message.nanos)
    return text


def _read_duration(message: ProtoMessage) -> str:
    total = message.seconds * _NANOS + message.nanos
    seconds, nanos = divmod(abs(total), _NANOS)
    fraction = f".{nanos:09d}".rstrip("0").rstrip(".")
    return f"{'-' if total < 0 else ''}{seconds}{fraction}s"


def _read_struct(message: ProtoMessage) -> dict[str, Any]:
    return {name: _read_value(message.fields[name]) for name in message.fields}


def _read_list(message: ProtoMessage) -> list[Any]:
    return [_read_value(value) for value in message.values]


def _read_value(message: ProtoMessage) -> Any:  # noqa: ANN401 - any JSON
    kind = message.WhichOneof("kind")
    match kind:
        case None | "null_value":
            return None
        case "struct_value":
            return _read_struct(message.struct_value)
        case "list_value":
            return _read_list(message.list_value)
        case "number_value":
            number = message.number_value
            return int(number) if number.is_integer() else _finite(number)
        case _:
            return getattr(message, kind)


def _read_wrapper(message: ProtoMessage) -> Any:  # noqa: ANN401 - any JSON
    value = message.value
    return bytes_value(value) if isinstance(value, bytes) else value


def _read_any(message: ProtoMessage) -> dict[str, str]:
    return {"@type": message.type_url, "value": bytes_value(message.value)}


def _read_decimal(message: ProtoMessage) -> float | str:
    return decoders.scaled_number(message.value, message.scale)


_WRAPPERS: Final = (
    "BoolValue",
    "BytesValue",
    "DoubleValue",
    "FloatValue",
    "Int32Value",
    "Int64Value",
    "StringValue",
    "UInt32Value",
    "UInt64Value",
)

_WELL_KNOWN: Final[Mapping[str, ToJson]] = {
    "google.protobuf.Timestamp": _read_timestamp,
    "google.protobuf.Duration": _read_duration,
    "google.protobuf.Struct": _read_struct,
    "google.protobuf.ListValue": _read_list,
    "google.protobuf.Value": _read_value,
    "google.protobuf.Any": _read_any,
    "confluent.type.Decimal": _read_decimal,
    **{f"google.protobuf.{name}": _read_wrapper for name in _WRAPPERS},
}
"""JSON of messages that mean a value, mostly as Protobuf's own JSON mapping has it."""
