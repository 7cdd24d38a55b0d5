"""Inspection of a topic: names and types, and a source that reads it."""

from typing import Any

import orjson
import pytest

from streams.destination.loader import read_destination
from streams.events.formats.source_record import SourceRecord
from streams.events.inspection.block import source_block, source_name
from streams.events.inspection.inspect import Inspection, inspect_records
from tests.cases.malformed import GOOD as SEGMENT_EVENT
from tests.cases.sources import canal, cloudevents, connect_jdbc, maxwell, rudderstack
from tests.cases.sources.case import Good
from tests.cases.sources.formats import NOW_MS, source_record

TOPIC = "pg.public.people"
DEBEZIUM = {
    "before": None,
    "after": {"id": 7, "email": "ada@example.com", "vip": True},
    "source": {"table": "people", "ts_ms": NOW_MS, "snapshot": "false"},
    "op": "c",
    "ts_ms": NOW_MS,
}
SCHEMA = {
    "type": "struct",
    "fields": [
        {"field": "id", "type": "int32"},
        {"field": "vip", "type": "boolean"},
    ],
}


def _record(value: Any, key: Any = None, **headers: bytes) -> SourceRecord:  # noqa: ANN401 - any JSON
    case = Good(id="", value=value, key=key, headers=tuple(headers.items()))
    return source_record(case)


def _inspected(*records: SourceRecord) -> Inspection:
    return inspect_records(TOPIC, records, now_ms=NOW_MS)


CASES = [
    pytest.param(_record(SEGMENT_EVENT), {"format": "segment"}, "userId", id="segment"),
    pytest.param(
        _record(rudderstack.IDENTIFY),
        {"format": "rudderstack"},
        "rudderId",
        id="rudder",
    ),
    pytest.param(
        _record(cloudevents.DATA, **dict(cloudevents.BINARY)),
        {"format": "cloudevents"},
        "event",
        id="cloudevents",
    ),
    pytest.param(
        _record(maxwell.INSERT, maxwell.KEY),
        {"format": "rows", "tool": "maxwell", "email": "mail"},
        "vip",
        id="maxwell",
    ),
    pytest.param(
        _record(canal.MESSAGE),
        {"format": "rows", "tool": "canal", "email": "mail"},
        "score",
        id="canal",
    ),
    pytest.param(
        _record(connect_jdbc.ROW),
        {"format": "rows", "tool": "connect-jdbc", "key": "id", "email": "mail"},
        "vip",
        id="connect-jdbc",
    ),
    pytest.param(
        _record(DEBEZIUM, {"id": 7}),
        {"format": "debezium", "email": "email"},
        "vip",
        id="debezium",
    ),
    pytest.param(
        _record({"schema": SCHEMA, "payload": {"id": 7, "vip": True}}, {"id": 7}),
        {"format": "rows", "tool": "connect-jdbc"},
        "vip",
        id="connect-schema",
    ),
    pytest.param(
        _record(b"\x00\x00\x00\x00\x07" + orjson.dumps(connect_jdbc.ROW), {"id": 7}),
        {"format": "rows", "wire_format": "json-schema", "email": "mail"},
        "vip",
        id="json-schema",
    ),
    pytest.param(_record({"a": {"b": 1}}), {"format": "custom"}, "a", id="custom"),
]


@pytest.mark.parametrize(("record", "expected", "column"), CASES)
def test_the_source_block_reads_the_topic(
    record: SourceRecord, expected: dict[str, str], column: str
) -> None:
    """`check` accepts the block, and a source of it makes events of the records."""
    inspection = _inspected(record)

    block = source_block(source_name(TOPIC), inspection.source)
    [source] = read_destination(block).sources
    assert (source.name, source.topics) == ("people", (TOPIC,))
    assert expected.items() <= inspection.source.items()
    assert column in {each.name for each in inspection.columns}
    assert inspection.results in ({"event": 1}, {})


def test_framed_values_need_the_address_of_a_registry() -> None:
    """The block names the place where it goes; `check` accepts it."""
    inspection = _inspected(_record(b"\x00\x00\x00\x00\x07\x02a"))

    [source] = read_destination(source_block("s", inspection.source)).sources
    assert source.registry is not None
    assert inspection.wire_format == "avro or protobuf"


ROW = {
    "id": 7,
    "mail": "ada@example.com",
    "balance": "BNI=",
    "note": "Secret-Note",
    "ada@example.com": "Secret-Note",
}


def test_no_value_is_printed() -> None:
    """Names are, unless they are values themselves."""
    inspection = _inspected(_record(ROW, {"ada@example.com": 1}))
    text = f"{inspection}{source_block('s', inspection.source)}"

    assert "Secret" not in text
    assert "ada@" not in text
    assert "BNI" not in text
    assert {(c.name, c.types) for c in inspection.columns} == {
        ("id", ("number",)),
        ("mail", ("e-mail address",)),
        ("balance", ("text",)),
        ("note", ("text",)),
        ("(masked)", ("text",)),
    }


WARNINGS = [
    pytest.param([], "the topic has no records", id="empty"),
    pytest.param([_record(ROW)], "no record has a key", id="no-key"),
    pytest.param([_record(ROW, 1)], "column balance looks like base64", id="base64"),
    pytest.param([_record({"a": 1}, 1)], "no column names a person", id="nobody"),
    pytest.param([_record(b"\x00\x00\x00\x00\x07\x02a")], "registry", id="framed"),
    pytest.param([_record(b"\x03\x00" + b"g" * 20)], "AWS Glue", id="glue"),
    pytest.param([_record(b"a,b,c")], "the values are not JSON", id="csv"),
    pytest.param(
        [_record(ROW, 1), _record(ROW, 1), _record(maxwell.INSERT, 1)],
        "1 records look otherwise",
        id="two-formats",
    ),
    pytest.param(
        [_record(ROW, 1), _record({"id": 1}, 1), _record({"id": 1}, {})],
        "1 records would make no event: no-row-key",
        id="dead-letters",
    ),
]


@pytest.mark.parametrize(("records", "warning"), WARNINGS)
def test_warnings(records: list[SourceRecord], warning: str) -> None:
    """Each names something to look at first."""
    assert any(warning in line for line in _inspected(*records).warnings)


@pytest.mark.parametrize(
    ("topic", "name"),
    [("a.b.people", "people"), ("x y", "x-y"), ("...", "s"), ("t_1", "t_1")],
)
def test_a_source_has_the_last_part_of_the_topics_name(topic: str, name: str) -> None:
    """A name that needs no quotes in YAML."""
    assert source_name(topic) == name
