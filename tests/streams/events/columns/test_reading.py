"""Columns of rows: what each type of a database becomes, and what is warned of."""

from typing import Any

import pytest

from streams.errors import PoisonRecord
from streams.events.columns.connect_schema import DECIMAL_NAME, fields_of
from streams.events.columns.declared import DECLARED_TYPES, declared_type
from streams.events.columns.reading import read_columns

_CONNECT = "org.apache.kafka.connect.data."
_DATA = "io.debezium.data."
_TIME = "io.debezium.time."


def _read(
    value: Any,  # noqa: ANN401 - any JSON
    *,
    schema: dict[str, Any] | None = None,
    type_name: str = "",
    warnings: list[str] | None = None,
) -> Any:  # noqa: ANN401 - any JSON
    """Read a column `c` by its schema, or by the type that the source names."""
    fields = fields_of({"fields": [{**schema, "field": "c"}]}) if schema else {}
    decoder = declared_type(type_name)
    types = {"c": decoder} if decoder else {}
    warn = (warnings if warnings is not None else []).append
    return read_columns({"c": value}, fields, types, source="s", warn=warn).get("c")


def _decimal(scale: int) -> dict[str, Any]:
    name = f"{_CONNECT}Decimal"
    return {"type": "bytes", "name": name, "parameters": {"scale": str(scale)}}


def _named(name: str, connect_type: str = "int64") -> dict[str, Any]:
    return {"type": connect_type, "name": name}


BY_SCHEMA = [
    pytest.param(_decimal(2), "BNI=", 12.34, id="decimal"),
    pytest.param(_decimal(2), "+y4=", -12.34, id="negative-decimal"),
    pytest.param(_decimal(2), "BLA=", 12, id="whole-decimal"),
    pytest.param(_decimal(0), "BNI=", 1234, id="decimal-without-a-point"),
    pytest.param(_decimal(2), 12.34, 12.34, id="decimal-format-numeric"),
    pytest.param(
        _decimal(3), "DeC2s6dkAAM=", "1000000000000000.003", id="decimal-of-19-digits"
    ),
    pytest.param(
        _named(f"{_DATA}VariableScaleDecimal", "struct"),
        {"scale": 1, "value": "Nw=="},
        5.5,
        id="decimal-with-its-scale",
    ),
    pytest.param({"type": "string"}, "12.34", "12.34", id="decimal-as-text"),
    pytest.param({"type": "double"}, 1.5, 1.5, id="double"),
    pytest.param({"type": "int64"}, 2**60, 2**60, id="bigint"),
    pytest.param({"type": "boolean"}, False, False, id="boolean"),
    pytest.param(_named(f"{_TIME}Date"), 7441, "1990-05-17", id="date"),
    pytest.param(_named(f"{_CONNECT}Date"), -1, "1969-12-31", id="connect-date"),
    pytest.param(_named(f"{_TIME}IsoDate"), "1990-05-17Z", "1990-05-17", id="iso-date"),
    pytest.param(
        _named(f"{_TIME}Timestamp"),
        1767323045678,
        "2026-01-02T03:04:05.678000",
        id="ms",
    ),
    pytest.param(
        _named(f"{_TIME}MicroTimestamp"),
        1767323045678901,
        "2026-01-02T03:04:05.678901",
        id="timestamp",
    ),
    pytest.param(
        _named(f"{_TIME}NanoTimestamp"),
        1767323045678901234,
        "2026-01-02T03:04:05.678901",
        id="nanoseconds",
    ),
    pytest.param(
        _named(f"{_TIME}IsoTimestamp"),
        "2026-01-02T03:04:05.678901Z",
        "2026-01-02T03:04:05.678901",
        id="invented-zone",
    ),
    pytest.param(
        _named(f"{_CONNECT}Timestamp"),
        1767323045000,
        "2026-01-02T03:04:05Z",
        id="connect-timestamp",
    ),
    pytest.param(
        _named(f"{_TIME}ZonedTimestamp"),
        "2026-01-02T03:04:05.5+02:00",
        "2026-01-02T01:04:05.500000Z",
        id="timestamptz",
    ),
    pytest.param(
        _named(f"{_TIME}MicroTime"), 36672500000, "10:11:12.500000", id="time"
    ),
    pytest.param(_named(f"{_TIME}MicroTime"), 86400000000, "24:00:00", id="midnight"),
    pytest.param(_named(f"{_TIME}MicroTime"), -3020399000000, "-838:59:59", id="mysql"),
    pytest.param(_named(f"{_TIME}Time"), 36672000, "10:11:12", id="time-of-ms"),
    pytest.param(
        _named(f"{_TIME}NanoTime"), 36672000000000, "10:11:12", id="time-of-ns"
    ),
    pytest.param(_named(f"{_TIME}IsoTime"), "10:11:12Z", "10:11:12", id="iso-time"),
    pytest.param(_named(f"{_TIME}ZonedTime"), "10:11:12Z", "10:11:12Z", id="timetz"),
    pytest.param(
        _named(f"{_TIME}MicroDuration"), 93600000000, "PT93600S", id="interval"
    ),
    pytest.param(_named(f"{_DATA}Uuid"), "4fd84db1-d464", "4fd84db1-d464", id="uuid"),
    pytest.param(_named(f"{_DATA}Enum"), "gold", "gold", id="enum"),
    pytest.param(_named(f"{_DATA}Json"), '{"n": [1]}', {"n": [1]}, id="json"),
    pytest.param(_named(f"{_DATA}Json"), "null", None, id="json-null"),
    pytest.param({"type": "bytes"}, "AP8=", "AP8=", id="bytes"),
    pytest.param(
        {"type": "array", "items": {"type": "string"}},
        ["a", None],
        ["a", None],
        id="texts",
    ),
    pytest.param(
        {"type": "array", "items": _decimal(2)},
        ["BNI=", None],
        [12.34, None],
        id="array",
    ),
    pytest.param({"type": "int16", "optional": True}, None, None, id="null"),
    pytest.param(_decimal(2), None, None, id="null-decimal"),
]


@pytest.mark.parametrize(("schema", "value", "expected"), BY_SCHEMA)
def test_each_type_of_a_schema_becomes_readable_json(
    schema: dict[str, Any],
    value: Any,  # noqa: ANN401 - any JSON
    expected: Any,  # noqa: ANN401 - any JSON
) -> None:
    """No count of microseconds and no base64 of a number gets to Klaviyo."""
    result = _read(value, schema=schema)

    assert (type(result), result) == (type(expected), expected)


BY_TYPE = [
    pytest.param("decimal(2)", "BNI=", 12.34, id="decimal"),
    pytest.param("decimal(2)", 12.34, 12.34, id="decimal-as-number"),
    pytest.param("number", "12.34", 12.34, id="number-in-text"),
    pytest.param("number", "60.50", 60.5, id="trailing-zero"),
    pytest.param("number", "0.1", 0.1, id="tenth"),
    pytest.param(
        "number", "0.12345678901234567890", "0.12345678901234567890", id="20-digits"
    ),
    pytest.param("number", "9007199254740993", "9007199254740993", id="above-2-to-53"),
    pytest.param("number", "NaN", "NaN", id="not-a-number"),
    pytest.param("number", {"scale": 1, "value": "Nw=="}, 5.5, id="variable-scale"),
    pytest.param("date", 7441, "1990-05-17", id="date"),
    pytest.param("date", "1990-05-17Z", "1990-05-17", id="date-as-text"),
    pytest.param(
        "timestamp-millis", 1767323045678, "2026-01-02T03:04:05.678000", id="ms"
    ),
    pytest.param(
        "timestamp-micros", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05", id="as-text"
    ),
    pytest.param(
        "timestamp-nanos", 1767323045678901234, "2026-01-02T03:04:05.678901", id="ns"
    ),
    pytest.param("date", 2_932_897, "+010000-01-01", id="year-10000"),
    pytest.param("date", -719_529, "-000001-12-31", id="year-before-0"),
    pytest.param(
        "timestamp-micros",
        2**63 - 1,
        "+294247-01-10T04:00:54.775807",
        id="postgresql-infinity",
    ),
    pytest.param("time-millis", 36672000, "10:11:12", id="time-millis"),
    pytest.param("time-micros", 36672500000, "10:11:12.500000", id="time-micros"),
    pytest.param("time-nanos", 36672000000000, "10:11:12", id="time-nanos"),
    pytest.param("boolean", 1, True, id="mysql-true"),
    pytest.param("boolean", 0, False, id="mysql-false"),
    pytest.param("boolean", "AQ==", True, id="mysql-bit"),
    pytest.param("boolean", "false", False, id="text-false"),
    pytest.param("boolean", True, True, id="boolean"),
    pytest.param("json", '{"a": 1}', {"a": 1}, id="json"),
    pytest.param("json", [1], [1], id="json-already"),
    pytest.param("bytes", "AP8=", "AP8=", id="bytes"),
    pytest.param("text", 7, "7", id="number-as-text"),
    pytest.param("text", True, "true", id="boolean-as-text"),
    pytest.param("date", None, None, id="null"),
    pytest.param("", "BNI=", "BNI=", id="no-type"),
]


@pytest.mark.parametrize(("type_name", "value", "expected"), BY_TYPE)
def test_each_type_that_a_source_names_becomes_readable_json(
    type_name: str,
    value: Any,  # noqa: ANN401 - any JSON
    expected: Any,  # noqa: ANN401 - any JSON
) -> None:
    """For records without schemas; without a type a value stays as it is."""
    result = _read(value, type_name=type_name)

    assert (type(result), result) == (type(expected), expected)


def test_a_plain_schema_leaves_the_type_to_the_source() -> None:
    """MySQL's booleans are small integers in a snapshot."""
    assert _read(1, schema={"type": "int16"}, type_name="boolean") is True


def test_a_logical_type_of_the_schema_decides() -> None:
    """The schema comes from the database, the source's types from a person."""
    assert (
        _read(7441, schema=_named(f"{_TIME}Date"), type_name="number") == "1990-05-17"
    )


UNFIT = [
    pytest.param("decimal(2)", "secret!", id="not-base64"),
    pytest.param("decimal(2)", "", id="no-bytes"),
    pytest.param("decimal(2)", True, id="boolean-for-a-decimal"),
    pytest.param("number", "secret", id="text-for-a-number"),
    pytest.param("number", "1e999999999", id="a-number-that-fills-the-memory"),
    pytest.param("number", {"scale": "secret", "value": "Nw=="}, id="scale"),
    pytest.param("number", {"scale": 10**9, "value": "Nw=="}, id="huge-scale"),
    pytest.param("date", "secret", id="text-for-a-date"),
    pytest.param("date", 1.5, id="fraction-of-a-day"),
    pytest.param("timestamp-micros", "secret", id="text-for-a-time"),
    pytest.param("time-micros", [], id="list-for-a-time"),
    pytest.param("boolean", 2, id="two"),
    pytest.param("boolean", "secret", id="text-for-a-boolean"),
    pytest.param("boolean", [], id="list-for-a-boolean"),
    pytest.param("json", "{secret", id="not-json"),
    pytest.param("text", {}, id="object-for-a-text"),
    pytest.param("bytes", 7, id="number-for-bytes"),
]


@pytest.mark.parametrize(("type_name", "value"), UNFIT)
def test_a_value_that_is_not_of_its_type_is_named_without_itself(
    type_name: str,
    value: Any,  # noqa: ANN401 - any JSON
) -> None:
    """The dead letter names the column and where to mend its type."""
    with pytest.raises(PoisonRecord) as caught:
        _read(value, type_name=type_name)

    assert caught.value.code == "bad-column"
    assert "sources.s.types.c" in caught.value.reason
    assert "secret" not in caught.value.reason


_TIER = {"type": "string", "optional": True, "default": "free"}

WARNED = [
    pytest.param(_TIER, "", "free", "replace.null.with.default=false", id="default"),
    pytest.param({"type": "bytes"}, "", "AP8=", "base64", id="bytes"),
    pytest.param(None, "", "BNI=", "base64", id="base64-without-a-type"),
    pytest.param(None, "", {"scale": 1, "value": "Nw=="}, "scale", id="scale"),
    pytest.param(None, "", 1767323045678901, "time", id="microseconds"),
    pytest.param(None, "", 2.0**53, "2^53", id="a-number-of-more-digits"),
    pytest.param(None, "", -1.5e300, "2^53", id="a-huge-number"),
    pytest.param(None, "decimal(2)", 2.0**60, "2^53", id="a-decimal-as-a-number"),
    pytest.param(
        {"type": "bytes", "name": DECIMAL_NAME, "parameters": {"scale": "2"}},
        "",
        2.0**60,
        "2^53",
        id="a-decimal-by-schema-as-a-number",
    ),
]


@pytest.mark.parametrize(("schema", "type_name", "value", "part"), WARNED)
def test_a_doubtful_column_is_warned_of(
    schema: dict[str, Any] | None,
    type_name: str,
    value: Any,  # noqa: ANN401 - any JSON
    part: str,
) -> None:
    """The warning names the column, the source and the remedy, and never the value."""
    warnings: list[str] = []

    _read(value, schema=schema, type_name=type_name, warnings=warnings)

    [warning] = warnings
    assert warning.startswith("column c of source s ")
    assert part in warning
    assert str(value) not in warning.removesuffix("null")


QUIET = [
    pytest.param(_TIER, "", "gold", id="another-value"),
    pytest.param(_TIER, "", None, id="null-comes-as-null"),
    pytest.param({**_TIER, "optional": False}, "", "free", id="never-null"),
    pytest.param({"type": "bytes"}, "bytes", "AP8=", id="bytes-by-type"),
    pytest.param(None, "decimal(2)", "BNI=", id="decimal-by-type"),
    pytest.param(None, "", "Adam", id="four-letters"),
    pytest.param(None, "", "", id="empty"),
    pytest.param(None, "", None, id="null"),
    pytest.param(None, "", 42, id="number"),
    pytest.param(None, "", True, id="boolean"),
    pytest.param(None, "", 1234.5, id="a-number-that-a-double-holds"),
    pytest.param({"type": "double"}, "", 1.5e300, id="a-double-in-the-database"),
]


@pytest.mark.parametrize(("schema", "type_name", "value"), QUIET)
def test_a_column_without_a_doubt_is_not_warned_of(
    schema: dict[str, Any] | None,
    type_name: str,
    value: Any,  # noqa: ANN401 - any JSON
) -> None:
    """Warnings that come for nothing are not read."""
    warnings: list[str] = []

    _read(value, schema=schema, type_name=type_name, warnings=warnings)

    assert warnings == []


@pytest.mark.parametrize(
    "name", ["decimal", "decimal()", "decimal(-1)", "decimal(99999)", "Date", "int", ""]
)
def test_a_type_that_is_none_has_no_decoder(name: str) -> None:
    """`check` names it with the nearest type."""
    assert declared_type(name) is None


@pytest.mark.parametrize("name", [*DECLARED_TYPES, "decimal(0)", "decimal(9999)"])
def test_a_type_has_a_decoder(name: str) -> None:
    """The set of names is closed."""
    assert declared_type(name) is not None
