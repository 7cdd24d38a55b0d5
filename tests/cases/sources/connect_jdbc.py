"""Cases of the format `rows` with the tool `connect-jdbc`."""

from typing import Any

from tests.cases.sources.case import NOT_JSON, Bad, Good

TOOL: dict[str, Any] = {"format": "rows", "tool": "connect-jdbc"}
ROW: dict[str, Any] = {"id": 7, "mail": "ada@example.com", "vip": None}
BY_ID: dict[str, Any] = {"key": "id"}
SCHEMA: dict[str, Any] = {
    "type": "struct",
    "fields": [
        {"field": "id", "type": "int64"},
        {
            "field": "ltv",
            "type": "bytes",
            "name": "org.apache.kafka.connect.data.Decimal",
            "parameters": {"scale": "2"},
        },
    ],
}

GOOD = (
    Good(
        id="row",
        value=ROW,
        options=BY_ID,
        events=({"event": "updated", "__segment_id": "7", "properties": ROW},),
    ),
    Good(id="key-object", value=ROW, key={"id": 7}, events=({"__segment_id": "7"},)),
    Good(id="key-number", value=ROW, key=7, events=({"__segment_id": "7"},)),
    Good(id="key-text", value=ROW, key="a", events=({"__segment_id": "a"},)),
    Good(id="key-plain", value=ROW, key=b"u-1", events=({"__segment_id": "u-1"},)),
    Good(id="key-zeros", value=ROW, key=b"007", events=({"__segment_id": "007"},)),
    Good(
        id="schema",
        value={"schema": SCHEMA, "payload": {"id": 7, "ltv": "BNI="}},
        key={"schema": {"type": "int64"}, "payload": 7},
        events=({"__segment_id": "7", "properties": {"id": 7, "ltv": 12.34}},),
    ),
    Good(
        id="schema-deleted",
        value={"schema": None, "payload": None},
        key=7,
        events=({"event": "deleted", "__segment_id": "7"},),
    ),
    Good(
        id="types",
        value={"id": 7, "ltv": "BNI=", "vip": 1},
        options={**BY_ID, "types": {"ltv": "decimal(2)", "vip": "boolean"}},
        events=({"properties": {"ltv": 12.34, "vip": True}},),
    ),
    Good(
        id="key-of-two",
        value=ROW,
        options={"key": ["mail", "id"]},
        events=({"__segment_id": '["ada@example.com","7"]'},),
    ),
    Good(
        id="deleted",
        value=None,
        key={"id": 7},
        options={"user_id": "id"},
        events=({"event": "deleted", "__segment_id": "7", "userId": "7"},),
    ),
    Good(
        id="deleted-by-the-users-key",
        value=None,
        key={"id": 7, "shop": 2},
        options=BY_ID,
        events=({"event": "deleted", "__segment_id": "7"},),
    ),
    Good(
        id="nested",
        value={"id": 1, "a": {"b": 1}},
        key=1,
        events=({"event": "updated"},),
    ),
    Good(
        id="user-id-of-a-floating-column",
        value={"id": 7.0},
        options={**BY_ID, "user_id": "id"},
        events=({"__segment_id": "7", "userId": "7"},),
    ),
    Good(
        id="email",
        value=ROW,
        options={**BY_ID, "email": "mail"},
        events=({"context": {"traits": {"email": "ada@example.com"}}},),
    ),
    Good(
        id="null-email",
        value={"id": 7, "mail": None},
        options={**BY_ID, "email": "mail"},
        events=({"context": {"traits": None}},),
    ),
)

BAD = (
    *NOT_JSON,
    Bad(
        id="type",
        value={"id": 7, "vip": "maybe"},
        options={**BY_ID, "types": {"vip": "boolean"}},
        code="bad-column",
    ),
    Bad(
        id="schema-list",
        value={"schema": {"type": "struct", "fields": [1]}, "payload": {"id": 7}},
        key=7,
        code="bad-schema",
    ),
    Bad(id="number", value=7, key=7, code="not-a-row"),
    Bad(id="a-text", value="x", key=7, code="not-a-row"),
    Bad(id="boolean", value=True, key=7, code="not-a-row"),
    Bad(id="list", value=[ROW], key=7, code="not-a-row"),
    Bad(id="null-json", value=b"nul", key=7, code="not-json"),
    Bad(id="no-key", value=ROW, code="no-row-key"),
    Bad(id="no-key-deleted", value=None, code="no-row-key"),
    Bad(id="null-column", value={"id": None}, options=BY_ID, code="no-row-key"),
    Bad(id="absent-column", value={"x": 1}, options=BY_ID, code="no-row-key"),
    Bad(id="blank-column", value={"id": ""}, options=BY_ID, code="no-row-key"),
    Bad(id="object-column", value={"id": {}}, options=BY_ID, code="bad-row-key"),
    Bad(id="list-column", value={"id": [1]}, options=BY_ID, code="bad-row-key"),
    Bad(id="empty-key", value=ROW, key={}, code="no-row-key"),
    Bad(id="null-in-key", value=ROW, key={"id": None}, code="no-row-key"),
    Bad(id="object-in-key", value=ROW, key={"id": {}}, code="bad-row-key"),
    Bad(id="list-key", value=ROW, key=[1], code="bad-row-key"),
    Bad(
        id="key-of-lost-digits",
        value=None,
        key=b'{"id":12345678901234567890123}',
        code="bad-row-key",
    ),
    Bad(id="blank-key", value=ROW, key=" ", code="no-row-key"),
    Bad(
        id="one-of-two",
        value={"id": 7, "shop": None},
        options={"key": ["id", "shop"]},
        code="no-row-key",
    ),
    Bad(
        id="long-user-id",
        value={"id": "i" * 2_000},
        options={**BY_ID, "user_id": "id"},
        code="id-too-long",
    ),
    Bad(
        id="boolean-key-column", value={"id": [True]}, options=BY_ID, code="bad-row-key"
    ),
    Bad(
        id="deleted-without-column",
        value=None,
        key={"shop": 2},
        options=BY_ID,
        code="no-row-key",
    ),
    Bad(id="deleted-by-list", value=None, key=[7], code="bad-row-key"),
    Bad(id="deleted-by-blank", value=None, key="", code="no-row-key"),
    Bad(id="deleted-by-null", value=None, key={"id": None}, code="no-row-key"),
    Bad(id="long-key", value=ROW, key=b"k" * 1_000_001, code="too-large"),
)
