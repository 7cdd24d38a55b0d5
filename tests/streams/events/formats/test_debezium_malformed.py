"""Source format `debezium`: what a bad record becomes."""

from typing import Any

import orjson
import pytest

from tests.streams.events.formats.debezium_harness import (
    KEY,
    ROW,
    envelope,
    event_of,
)

MALFORMED = [
    pytest.param(b"{", KEY, {}, "not-json", id="cut-off"),
    pytest.param(b"", KEY, {"on_tombstone": "delete"}, "not-json", id="empty-bytes"),
    pytest.param(b"\x00\x00\x00\x00\x01abc", KEY, {}, "not-json", id="framed-avro"),
    pytest.param(b'{"id": "\xff"}', KEY, {}, "not-utf8", id="not-utf8"),
    pytest.param(b"[" * 2_000, KEY, {}, "too-deep", id="too-deep"),
    pytest.param([ROW], KEY, {}, "not-a-row", id="list"),
    pytest.param("row", KEY, {}, "not-a-row", id="text"),
    pytest.param(7, KEY, {}, "not-a-row", id="number"),
    pytest.param(envelope("x", ROW), KEY, {}, "unknown-op", id="unknown-op"),
    pytest.param(envelope("", ROW), KEY, {}, "unknown-op", id="empty-op"),
    pytest.param(envelope(None, ROW), KEY, {}, "unknown-op", id="null-op"),
    pytest.param(envelope(["c"], ROW), KEY, {}, "unknown-op", id="list-op"),
    pytest.param({**ROW, "__op": "z"}, KEY, {}, "unknown-op", id="flat-op"),
    pytest.param(envelope("c"), KEY, {}, "not-a-row", id="no-after"),
    pytest.param(envelope("u", [1]), KEY, {}, "not-a-row", id="after-is-a-list"),
    pytest.param(envelope("u", "row"), KEY, {}, "not-a-row", id="after-is-text"),
    pytest.param(
        {"op": "c", "after": ROW}, KEY, {}, "bad-envelope", id="without-source"
    ),
    pytest.param(
        envelope("c", ROW, source="db"), KEY, {}, "bad-envelope", id="source-is-text"
    ),
    pytest.param(
        envelope("c", ROW, source={"ts_ms": "now"}), KEY, {}, "bad-time", id="bad-time"
    ),
    pytest.param(
        envelope("c", ROW, source={"ts_ms": 10**18}), KEY, {}, "bad-time", id="nanos"
    ),
    pytest.param(
        envelope("c", ROW, source={"ts_ms": -(10**18)}), KEY, {}, "bad-time", id="past"
    ),
    pytest.param(envelope("c", ROW), None, {}, "no-row-key", id="no-key"),
    pytest.param(envelope("d"), None, {"key": "id"}, "no-row-key", id="delete-no-key"),
    pytest.param(envelope("c", ROW), {}, {}, "no-row-key", id="empty-key"),
    pytest.param(envelope("c", ROW), {"id": None}, {}, "no-row-key", id="null-key"),
    pytest.param(envelope("c", ROW), {"id": " "}, {}, "no-row-key", id="blank-key"),
    pytest.param(envelope("c", ROW), {"id": {}}, {}, "bad-row-key", id="object-key"),
    pytest.param(envelope("c", ROW), [1], {}, "bad-row-key", id="list-key"),
    pytest.param(
        envelope("c", ROW), KEY, {"key": "vip"}, "no-row-key", id="key-column-is-null"
    ),
    pytest.param(
        envelope("c", ROW),
        KEY,
        {"key": "login"},
        "no-row-key",
        id="key-column-is-absent",
    ),
    pytest.param(
        envelope("c", {**ROW, "ltv": "?"}),
        KEY,
        {"types": {"ltv": "decimal(2)"}},
        "bad-column",
        id="not-base64",
    ),
    pytest.param(
        envelope("c", {**ROW, "born": "soon"}),
        KEY,
        {"types": {"born": "date"}},
        "bad-column",
        id="not-a-date",
    ),
    pytest.param(
        {"schema": {"fields": [{"type": "int32"}]}, "payload": ROW},
        KEY,
        {},
        "bad-schema",
        id="field-without-a-name",
    ),
    pytest.param(
        {"schema": {"fields": 7}, "payload": ROW}, KEY, {}, "bad-schema", id="fields"
    ),
]


@pytest.mark.parametrize(("value", "key", "options", "code"), MALFORMED)
def test_a_malformed_record_is_one_dead_letter(
    value: Any,  # noqa: ANN401 - any JSON
    key: Any,  # noqa: ANN401 - any JSON
    options: dict[str, Any],
    code: str,
) -> None:
    """The code groups the dead letters of one fault."""
    assert event_of(value, record_key=key, **options) == f"dead-letter: {code}"


@pytest.mark.parametrize("header", [b"", b"7", b"Struct{id=2}", b"\xff", b"[2]"])
def test_a_key_header_that_is_no_key_is_a_dead_letter(header: bytes) -> None:
    """A guess could remove somebody who is still there."""
    result = event_of(envelope("d"), headers={"__debezium.newkey": header})

    assert result == "dead-letter: bad-key-header"


def test_keys_and_headers_may_have_schemas() -> None:
    """`schemas.enable` holds for keys, and the JSON converter for headers too."""
    schema = {"type": "struct", "fields": [{"type": "int32", "field": "id"}]}
    header = orjson.dumps({"schema": schema, "payload": {"id": 2}})
    key = {"schema": schema, "payload": KEY}

    event = event_of(
        envelope("d"),
        record_key=key,
        headers={"__debezium.newkey": header},
        user_id="id",
    )

    assert (event["event"], event["__segment_id"]) == ("deleted", "1")
