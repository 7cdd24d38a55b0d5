"""Cases of the format `rows` with the tool `canal`."""

from typing import Any

from tests.cases.sources.case import NOT_JSON, Bad, Good

TOOL: dict[str, Any] = {"format": "rows", "tool": "canal"}
MESSAGE: dict[str, Any] = {
    "data": [
        {"id": "1", "mail": "ada@example.com", "score": "1.5", "balance": "2.50"},
        {"id": "2", "mail": None, "score": None, "balance": "0.10"},
    ],
    "database": "shop",
    "table": "people",
    "type": "INSERT",
    "es": 1_770_091_506_000,
    "ts": 1_770_091_506_789,
    "id": 12,
    "isDdl": False,
    "mysqlType": {
        "id": "bigint(20) unsigned",
        "mail": "varchar(255)",
        "score": "double",
        "balance": "decimal(10,2)",
    },
    "old": None,
    "pkNames": ["id"],
    "sql": "",
    "sqlType": {"id": -5, "mail": 12, "score": 8, "balance": 3},
}
ROW: dict[str, Any] = {"id": "1", "mail": "ada@example.com"}


def message(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """Return a message with one changed row, and other members."""
    old = [{"mail": "old@example.com"}]
    return {**MESSAGE, "type": "UPDATE", "data": [ROW], "old": old, **changes}


def _without(name: str) -> dict[str, Any]:
    return {k: v for k, v in message().items() if k != name}


GOOD = (
    Good(
        id="types",
        value={**MESSAGE, "data": MESSAGE["data"][:1]},
        options={"types": {"balance": "number"}},
        events=({"properties": {"id": 1, "balance": 2.5}},),
    ),
    Good(
        id="inserted-rows",
        value=MESSAGE,
        events=(
            {
                "event": "new",
                "__segment_id": "1",
                "timestamp": "2026-02-03T04:05:06.000Z",
                "properties": {"id": 1, "score": 1.5, "balance": "2.50"},
                "context": {"row": {"model": "people"}},
            },
            {"event": "new", "__segment_id": "2", "properties": {"id": 2}},
        ),
    ),
    Good(
        id="updated-row",
        value=message(),
        options={"email": "mail"},
        events=(
            {
                "event": "updated",
                "context": {
                    "traits": {"email": "ada@example.com"},
                    "row": {"changed": ["mail"]},
                },
            },
        ),
    ),
    Good(
        id="deleted-rows",
        value={**MESSAGE, "type": "DELETE"},
        options={"user_id": "id"},
        events=(
            {"event": "deleted", "userId": "1"},
            {"event": "deleted", "userId": "2"},
        ),
    ),
    Good(
        id="key-change",
        value=message(old=[{"id": "9"}]),
        events=(
            {"event": "deleted", "__segment_id": "9"},
            {"event": "new", "__segment_id": "1"},
        ),
    ),
    Good(
        id="key-change-in-the-second-row",
        value=message(data=[ROW, {"id": "3"}], old=[{"mail": "x"}, {"id": "2"}]),
        events=(
            {"event": "updated", "__segment_id": "1"},
            {"event": "deleted", "__segment_id": "2"},
            {"event": "new", "__segment_id": "3"},
        ),
    ),
    Good(
        id="users-key",
        value=message(pkNames=None),
        options={"key": "id"},
        events=({"__segment_id": "1"},),
    ),
    Good(id="no-types", value=_without("mysqlType"), events=({"event": "updated"},)),
    Good(
        id="no-integer",
        value=message(mysqlType={"mail": "int"}),
        events=({"properties": {"mail": "ada@example.com"}},),
    ),
    Good(
        id="ddl",
        value={**MESSAGE, "type": "ALTER", "isDdl": True, "data": None},
        skipped="no-row",
    ),
    Good(
        id="query",
        value={**MESSAGE, "type": "QUERY", "isDdl": True, "data": None},
        skipped="no-row",
    ),
    Good(
        id="truncate",
        value={**MESSAGE, "type": "TRUNCATE", "isDdl": True, "data": None},
        skipped="table-emptied",
    ),
    Good(
        id="drop",
        value={**MESSAGE, "type": "ERASE", "isDdl": True, "data": None},
        skipped="table-emptied",
    ),
    Good(id="null", value=None, key={"id": 1}, skipped="tombstone"),
    Good(
        id="no-time",
        value=_without("es"),
        events=({"timestamp": "2026-03-01T10:00:00.000Z"},),
    ),
)

BAD = (
    *NOT_JSON,
    Bad(
        id="column-type",
        value=message(data=[{"id": "1", "mail": "m"}]),
        options={"types": {"mail": "number"}},
        code="bad-column",
    ),
    Bad(id="number", value=7, code="not-a-row"),
    Bad(id="list", value=[MESSAGE], code="not-a-row"),
    Bad(id="empty", value={}, code="not-a-row"),
    Bad(id="flat-row", value=ROW, code="not-a-row"),
    Bad(id="no-type", value=_without("type"), code="not-a-row"),
    Bad(id="type-number", value=message(type=2), code="not-a-row"),
    Bad(id="type", value=message(type="UPSERT"), code="bad-change"),
    Bad(id="ddl-as-text", value=message(type="ALTER", isDdl="true"), code="bad-change"),
    Bad(id="no-table", value=_without("table"), code="not-a-row"),
    Bad(id="no-data", value=_without("data"), code="bad-rows"),
    Bad(id="null-data", value=message(data=None), code="bad-rows"),
    Bad(id="empty-data", value=message(data=[], old=None), code="no-columns"),
    Bad(id="data-object", value=message(data=ROW), code="bad-rows"),
    Bad(id="data-text-row", value=message(data=["x"]), code="bad-rows"),
    Bad(id="null-row", value=message(data=[None]), code="bad-rows"),
    Bad(id="old-object", value=message(old={"id": "2"}), code="bad-rows"),
    Bad(id="old-text-row", value=message(old=["x"]), code="bad-rows"),
    Bad(id="fewer-old", value=message(data=[ROW, ROW]), code="bad-rows"),
    Bad(id="more-old", value=message(old=[{}, {}]), code="bad-rows"),
    Bad(id="types-list", value=message(mysqlType=[]), code="not-a-row"),
    Bad(id="types-text", value=message(mysqlType="int"), code="not-a-row"),
    Bad(id="key-names-text", value=message(pkNames="id"), code="bad-key-names"),
    Bad(id="key-names-numbers", value=message(pkNames=[1]), code="bad-key-names"),
    Bad(id="no-key", value=message(pkNames=None), code="no-row-key"),
    Bad(id="empty-key", value=message(pkNames=[]), code="no-row-key"),
    Bad(id="null-key", value=message(data=[{"id": None}]), code="no-row-key"),
    Bad(id="absent-key", value=message(data=[{"mail": "x"}]), code="no-row-key"),
    Bad(id="blank-key", value=message(data=[{"id": " "}]), code="no-row-key"),
    Bad(id="object-key", value=message(data=[{"id": {}}]), code="bad-row-key"),
    Bad(id="null-old-key", value=message(old=[{"id": None}]), code="no-row-key"),
    Bad(
        id="second-row-without-key",
        value={**MESSAGE, "data": [ROW, {"id": None}]},
        code="no-row-key",
    ),
    Bad(id="time-text", value=message(es="soon"), code="bad-time"),
    Bad(id="time-seconds", value=message(es=1_770_091_506), code="bad-time"),
    Bad(id="time-ahead", value=message(es=9 * 10**12), code="time-out-of-range"),
    Bad(
        id="truncate-as-dead-letter",
        value={**MESSAGE, "type": "TRUNCATE", "isDdl": True, "data": None},
        options={"on_truncate": "dead-letter"},
        code="table-emptied",
    ),
)
