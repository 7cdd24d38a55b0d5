"""Schemas of Kafka Connect, as the JSON converter embeds a schema in keys and values.

`schemas.enable` makes each key and value `{"schema": …, "payload": …}`: Apache Kafka
4.1, `org.apache.kafka.connect.json.JsonSchema`. The names are those of Connect's and
Debezium's logical types: `org.apache.kafka.connect.data` and, in Debezium 3.6,
`io.debezium.data` and `io.debezium.time`.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from streams.errors import PoisonRecord
from streams.events.columns import decoders
from streams.events.columns.decoders import Decoder

Schema = Mapping[str, Any]
"""Schema of a value or of a field: `type`, `name`, `optional`, `default`, `fields`."""

_CONNECT: Final = "org.apache.kafka.connect.data."
_DATA: Final = "io.debezium.data."
_TIME: Final = "io.debezium.time."

DECIMAL_NAME: Final = f"{_CONNECT}Decimal"

LOGICAL_TYPES: Final[Mapping[str, Decoder]] = {
    f"{_CONNECT}Date": decoders.day,
    f"{_CONNECT}Time": decoders.time_of_day("millis"),
    # Connect's own type is a point in time, which is in UTC.
    f"{_CONNECT}Timestamp": decoders.timestamp("millis", has_zone=True),
    f"{_DATA}VariableScaleDecimal": decoders.variable_decimal,
    f"{_DATA}Json": decoders.json_value,
    f"{_TIME}Date": decoders.day,
    f"{_TIME}IsoDate": decoders.day,
    f"{_TIME}Timestamp": decoders.timestamp("millis"),
    f"{_TIME}MicroTimestamp": decoders.timestamp("micros"),
    f"{_TIME}NanoTimestamp": decoders.timestamp("nanos"),
    f"{_TIME}IsoTimestamp": decoders.timestamp("micros"),
    f"{_TIME}ZonedTimestamp": decoders.zoned_timestamp,
    f"{_TIME}Time": decoders.time_of_day("millis"),
    f"{_TIME}MicroTime": decoders.time_of_day("micros"),
    f"{_TIME}NanoTime": decoders.time_of_day("nanos"),
    f"{_TIME}IsoTime": decoders.time_of_day("micros"),
    f"{_TIME}MicroDuration": decoders.duration,
}
"""Logical types that need a conversion, but for the decimal, which has a scale.

Texts such as `Uuid`, `Enum`, `Xml` and `ZonedTime` stay as they are.
"""


class ConnectValue(msgspec.Struct, frozen=True, kw_only=True):
    """Payload of a key or value, with the embedded schema if there is a schema.

    Attributes:
        payload: Value without its schema; None for a tombstone.
        schema: The schema; None if it is not in the record.
    """

    payload: Any
    schema: Schema | None


def read_connect_value(value: Any) -> ConnectValue:  # noqa: ANN401 - any JSON
    """Separate a key or value from an embedded schema, if there is a schema."""
    if isinstance(value, dict) and value.keys() == {"schema", "payload"}:
        schema = value["schema"]
        if schema is None or isinstance(schema, dict):
            return ConnectValue(payload=value["payload"], schema=schema)
    return ConnectValue(payload=value, schema=None)


def fields_of(schema: Schema | None) -> Mapping[str, Schema]:
    """Return the schemas of a struct's fields, by name; empty without a schema.

    Raises:
        PoisonRecord: `bad-schema`, if the fields cannot be read.
    """
    fields = schema.get("fields") if schema else None
    if fields is None:
        return {}
    try:
        return {field["field"]: field for field in fields}
    except (TypeError, KeyError):
        raise PoisonRecord(
            "bad-schema", "the embedded schema has a field without a name"
        ) from None


def is_bytes(schema: Schema) -> bool:
    """Return True for plain bytes, which stay base64."""
    return schema.get("type") == "bytes" and schema.get("name") != DECIMAL_NAME


def logical_decoder(schema: Schema) -> Decoder | None:
    """Return the decoder that a schema asks for; None for values that need none.

    Args:
        schema: Schema of a field, or of an array's items.
    """
    name = schema.get("name")
    if isinstance(name, str):
        if name == DECIMAL_NAME:
            return decoders.decimal(_scale_of(schema))
        if (decode := LOGICAL_TYPES.get(name)) is not None:
            return decode
    items = schema.get("items") if schema.get("type") == "array" else None
    decode_item = logical_decoder(items) if isinstance(items, dict) else None
    return decoders.each(decode_item) if decode_item else None


def _scale_of(schema: Schema) -> int:
    try:
        return int(schema["parameters"]["scale"])
    except (KeyError, TypeError, ValueError):
        raise PoisonRecord(
            "bad-schema", "the embedded schema has a decimal without a scale"
        ) from None
