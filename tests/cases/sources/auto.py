"""Cases of the format `auto`: values without a format, and bad ones of each format."""

from typing import Any

import orjson

from tests.cases.sources.case import NOT_JSON, Bad

OPTIONS: dict[str, Any] = {"format": "auto", "key": "id"}
_EVENT = {"type": "track", "event": "x", "messageId": "m", "userId": "u"}
_CLOUD = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}
_ENVELOPE = {"op": "c", "after": {"id": 1}, "source": {"table": "t"}}
_MAXWELL = {"database": "d", "table": "t", "type": "insert", "ts": 1, "data": {"id": 1}}
_CANAL = {**_MAXWELL, "type": "INSERT", "es": 1, "isDdl": False, "pkNames": ["id"]}


def _without(value: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: part for name, part in value.items() if name not in names}


def _binary(**attributes: bytes) -> tuple[tuple[str, bytes], ...]:
    return tuple((f"ce_{name}", value) for name, value in attributes.items())


BAD = (
    *NOT_JSON,
    Bad(id="array", value=[], code="unknown-format"),
    Bad(id="array-of-events", value=[_EVENT], code="unknown-format"),
    Bad(id="number", value=7, code="unknown-format"),
    Bad(id="text-value", value=orjson.dumps("hi"), code="unknown-format"),
    Bad(id="boolean", value=True, code="unknown-format"),
    Bad(id="empty-object", value={}, code="unknown-format"),
    Bad(id="nested-object", value={"a": {"b": 1}}, code="unknown-format"),
    Bad(id="row-without-key", value={"a": 1}, code="no-row-key"),
    Bad(id="type-of-no-format", value={"type": "page-view"}, code="no-row-key"),
    Bad(id="event-without-user", value=_without(_EVENT, "userId"), code="no-user"),
    Bad(id="event-without-name", value=_without(_EVENT, "event"), code="no-event-name"),
    Bad(id="user-object", value=_EVENT | {"userId": {}}, code="bad-user-id"),
    Bad(id="two-way-time", value=_EVENT | {"timestamp": "01/02/03"}, code="bad-time"),
    Bad(
        id="rudder-record",
        value={"type": "record", "action": "insert", "channel": "sources"},
        code="no-row-key",
    ),
    Bad(id="cloud-without-type", value=_without(_CLOUD, "type"), code="bad-attribute"),
    Bad(
        id="cloud-version",
        value=_CLOUD | {"specversion": "0.1"},
        code="bad-spec-version",
    ),
    Bad(id="cloud-data-text", value=_CLOUD | {"data": "x"}, code="not-an-object"),
    Bad(
        id="cloud-binary-without-id",
        value={},
        headers=_binary(specversion=b"1.0", type=b"t", source=b"/s"),
        code="bad-attribute",
    ),
    Bad(
        id="cloud-binary-latin-1",
        value={},
        headers=_binary(specversion=b"1.0", type=b"\xff", source=b"/s", id=b"1"),
        code="bad-attribute",
    ),
    Bad(id="debezium-op", value=_ENVELOPE | {"op": "x"}, code="unknown-op"),
    Bad(
        id="debezium-without-row", value=_without(_ENVELOPE, "after"), code="not-a-row"
    ),
    Bad(id="debezium-row-text", value=_ENVELOPE | {"after": "x"}, code="not-a-row"),
    Bad(
        id="debezium-schema",
        value={"schema": {"type": "struct", "fields": 7}, "payload": _ENVELOPE},
        code="bad-schema",
    ),
    Bad(id="maxwell-type", value=_MAXWELL | {"type": "explode"}, code="unknown-format"),
    Bad(id="maxwell-data", value=_MAXWELL | {"data": [1]}, code="not-a-row"),
    Bad(id="canal-time", value=_CANAL | {"data": [{"id": 1}]}, code="bad-time"),
)
