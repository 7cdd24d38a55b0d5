"""Cases of the format `rows` with the tool `maxwell`."""

from typing import Any

from tests.cases.sources.case import NOT_JSON, Bad, Good

TOOL: dict[str, Any] = {"format": "rows", "tool": "maxwell"}
PERSON: dict[str, Any] = {"id": 1, "mail": "ada@example.com", "vip": None}
KEY: dict[str, Any] = {"database": "shop", "table": "people", "pk.id": 1}
INSERT: dict[str, Any] = {
    "database": "shop",
    "table": "people",
    "type": "insert",
    "ts": 1_770_091_506,
    "xid": 940752,
    "commit": True,
    "data": PERSON,
}
MODEL: dict[str, Any] = {"model": "people"}
ROW_ONE: dict[str, Any] = {"__segment_id": "1", "context": {"row": MODEL}}


def change(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """Return a record of a changed row, with other members."""
    return {**INSERT, "type": "update", "old": {"vip": True}, **changes}


def _without(name: str) -> dict[str, Any]:
    return {k: v for k, v in INSERT.items() if k != name}


GOOD = (
    Good(
        id="types",
        value={**INSERT, "data": {**PERSON, "vip": 1}},
        key=KEY,
        options={"types": {"id": "text", "vip": "boolean"}},
        events=({"__segment_id": "1", "properties": {"id": "1", "vip": True}},),
    ),
    Good(
        id="insert",
        value=INSERT,
        key=KEY,
        events=(
            {
                **ROW_ONE,
                "event": "new",
                "properties": PERSON,
                "timestamp": "2026-02-03T04:05:06.000Z",
            },
        ),
    ),
    Good(
        id="update",
        value=change(),
        key=KEY,
        events=(
            {
                "event": "updated",
                "context": {"row": {"model": "people", "changed": ["vip"]}},
            },
        ),
    ),
    Good(
        id="delete",
        value={**INSERT, "type": "delete"},
        key=KEY,
        options={"email": "mail"},
        events=(
            {
                **ROW_ONE,
                "event": "deleted",
                "context": {"traits": {"email": "ada@example.com"}},
            },
        ),
    ),
    Good(
        id="key-change",
        value=change(old={"id": 7}),
        key=KEY,
        events=(
            {"event": "deleted", "__segment_id": "7", "properties": {"id": 7}},
            {"event": "new", "__segment_id": "1", "properties": {"id": 1}},
        ),
    ),
    Good(
        id="key-change-of-the-same-person",
        value=change(old={"id": 7}),
        key=KEY,
        options={"email": "mail"},
        events=({"event": "updated", "__segment_id": "1"},),
    ),
    Good(
        id="key-change-to-another-person",
        value=change(old={"id": 7, "mail": "old@example.com"}),
        key=KEY,
        options={"email": "mail"},
        events=(
            {"event": "deleted", "context": {"traits": {"email": "old@example.com"}}},
            {"event": "new", "context": {"traits": {"email": "ada@example.com"}}},
        ),
    ),
    Good(
        id="key-change-of-the-key-that-names-the-person",
        value=change(old={"id": 7}),
        key=KEY,
        options={"user_id": "id"},
        events=(
            {"event": "deleted", "userId": "7"},
            {"event": "new", "userId": "1"},
        ),
    ),
    Good(
        id="old-key-of-the-same-value",
        value=change(old={"id": 1, "vip": True}),
        key=KEY,
        events=({"event": "updated", "__segment_id": "1"},),
    ),
    Good(
        id="change-of-the-users-key",
        value=change(old={"mail": "old@example.com"}),
        key=KEY,
        options={"key": "mail"},
        events=(
            {"event": "deleted", "__segment_id": "old@example.com"},
            {"event": "new", "__segment_id": "ada@example.com"},
        ),
    ),
    Good(
        id="bootstrap",
        value={**INSERT, "type": "bootstrap-insert"},
        key=KEY,
        events=({"event": "new", "context": {"row": {"snapshot": True}}},),
    ),
    Good(
        id="bootstrap-live",
        value={**INSERT, "type": "bootstrap-insert"},
        key=KEY,
        options={"on_snapshot": "live"},
        events=({"event": "new", "context": {"row": {"snapshot": None}}},),
    ),
    Good(
        id="bootstrap-skipped",
        value={**INSERT, "type": "bootstrap-insert"},
        key=KEY,
        options={"on_snapshot": "skip"},
        skipped="snapshot",
    ),
    Good(
        id="bootstrap-start",
        value={**INSERT, "type": "bootstrap-start", "data": {}},
        skipped="no-row",
    ),
    Good(
        id="bootstrap-complete",
        value={**INSERT, "type": "bootstrap-complete", "data": {}},
        skipped="no-row",
    ),
    Good(
        id="alter",
        value={"type": "table-alter", "database": "shop", "table": "people", "def": {}},
        skipped="no-row",
    ),
    Good(
        id="create",
        value={"type": "database-create", "database": "d"},
        skipped="no-row",
    ),
    Good(
        id="drop",
        value={"type": "table-drop", "database": "shop", "table": "people"},
        skipped="table-emptied",
    ),
    Good(id="null", value=None, key=KEY, skipped="tombstone"),
    Good(
        id="names-of-key-columns",
        value={**INSERT, "primary_key_columns": ["mail", "id"]},
        events=({"__segment_id": '["ada@example.com","1"]'},),
    ),
    Good(
        id="key-in-capitals",
        value=INSERT,
        key={"database": "shop", "table": "people", "pk.ID": 1},
        events=({"__segment_id": "1"},),
    ),
    Good(
        id="no-time",
        value=_without("ts"),
        key=KEY,
        events=({"timestamp": "2026-03-01T10:00:00.000Z"},),
    ),
    Good(
        id="user-and-audience",
        value=change(type="delete"),
        key=KEY,
        options={"user_id": "id", "audience": "vips", "model": "members"},
        events=(
            {
                "userId": "1",
                "properties": {"vips": False},
                "context": {"row": {"model": "members"}},
            },
        ),
    ),
)

BAD = (
    *NOT_JSON,
    Bad(
        id="column-type",
        value={**INSERT, "data": {**PERSON, "vip": "x"}},
        key=KEY,
        options={"types": {"vip": "boolean"}},
        code="bad-column",
    ),
    Bad(id="number", value=7, code="not-a-row"),
    Bad(id="list", value=[INSERT], code="not-a-row"),
    Bad(id="empty", value={}, code="not-a-row"),
    Bad(id="flat-row", value=PERSON, code="not-a-row"),
    Bad(id="no-type", value=_without("type"), key=KEY, code="not-a-row"),
    Bad(id="type-number", value=change(type=1), key=KEY, code="not-a-row"),
    Bad(id="type", value=change(type="upsert"), key=KEY, code="bad-change"),
    Bad(id="type-capitals", value=change(type="UPDATE"), key=KEY, code="bad-change"),
    Bad(id="no-table", value=_without("table"), key=KEY, code="not-a-row"),
    Bad(id="table-number", value=change(table=7), key=KEY, code="not-a-row"),
    Bad(id="no-data", value=_without("data"), key=KEY, code="no-columns"),
    Bad(id="null-data", value=change(data=None), key=KEY, code="no-columns"),
    Bad(id="empty-data", value=change(data={}), key=KEY, code="no-columns"),
    Bad(id="data-list", value=change(data=[PERSON]), key=KEY, code="not-a-row"),
    Bad(id="data-text", value=change(data="x"), key=KEY, code="not-a-row"),
    Bad(id="old-list", value=change(old=[]), key=KEY, code="not-a-row"),
    Bad(id="no-key", value=INSERT, code="no-row-key"),
    Bad(id="key-without-pk", value=INSERT, key={"_uuid": "u"}, code="no-row-key"),
    Bad(id="key-text", value=INSERT, key="1", code="no-row-key"),
    Bad(
        id="null-key-column",
        value=change(data={**PERSON, "id": None}),
        key=KEY,
        code="no-row-key",
    ),
    Bad(
        id="key-column-object",
        value=change(data={**PERSON, "id": {}}),
        key=KEY,
        code="bad-row-key",
    ),
    Bad(
        id="key-column-absent", value=change(data={"x": 1}), key=KEY, code="no-row-key"
    ),
    Bad(id="null-old-key", value=change(old={"id": None}), key=KEY, code="no-row-key"),
    Bad(
        id="key-names",
        value={**INSERT, "primary_key_columns": [7]},
        code="no-row-key",
    ),
    Bad(
        id="users-key",
        value=INSERT,
        key=KEY,
        options={"key": "pk"},
        code="no-row-key",
    ),
    Bad(id="time-text", value=change(ts="now"), key=KEY, code="bad-time"),
    Bad(id="time-boolean", value=change(ts=True), key=KEY, code="bad-time"),
    Bad(id="time-zero", value=change(ts=0), key=KEY, code="bad-time"),
    Bad(id="time-huge", value=change(ts=10**15), key=KEY, code="bad-time"),
    Bad(id="time-ahead", value=change(ts=9 * 10**9), key=KEY, code="time-out-of-range"),
    Bad(
        id="drop-as-dead-letter",
        value={"type": "table-drop", "database": "shop", "table": "people"},
        options={"on_truncate": "dead-letter"},
        code="table-emptied",
    ),
)
