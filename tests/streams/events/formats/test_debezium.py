"""Source format `debezium`: what a change becomes, and what a bad record becomes."""

from typing import Any

import pytest

from tests.streams.events.formats.debezium_harness import (
    KEY,
    ROW,
    SOURCE_FIELDS,
    converted,
    debezium_source,
    envelope,
    event_of,
    source_record,
)

PLACEHOLDER = "__debezium_unavailable_value"
NEW_KEY = {"__debezium.newkey": b'{"id":2}'}
OLD_KEY = {"__debezium.oldkey": b'{"id":2}'}
ADDED = {"__op": b"u", "__source_ts_ms": b"1795784325490", "__source_lsn": b"7"}


def test_a_row_is_an_event_with_the_columns_as_they_are_now() -> None:
    """NULL is null; the time is that of the database; the model is the table."""
    event = event_of(envelope("u", ROW), user_id="id", email="email")

    assert event["event"] == "updated"
    assert event["properties"] == ROW
    assert event["timestamp"] == "2026-11-27T12:58:45.490Z"
    assert event["userId"] == "1"
    assert event["context"] == {
        "row": {"model": "people", "source": "people"},
        "traits": {"email": "ada@example.com"},
    }


@pytest.mark.parametrize(
    ("op", "name"), [("c", "new"), ("r", "new"), ("u", "updated"), ("d", "deleted")]
)
def test_each_operation_has_itsevent_of(op: str, name: str) -> None:
    """The envelope says what happened; a snapshot's rows are new."""
    row = None if op == "d" else ROW

    assert event_of(envelope(op, row))["event"] == name
    assert event_of({**ROW, "__op": op})["event"] == name


BEFORE = {"id": 9, "email": "", "vip": True}
"""What Debezium invents for a deleted row under the default replica identity."""


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(envelope("d", before=BEFORE), id="envelope"),
        pytest.param({**BEFORE, "__deleted": "true"}, id="flat-rewrite"),
        pytest.param({**BEFORE, "__deleted": True, "__op": "d"}, id="flat-boolean"),
    ],
)
def test_a_deletion_has_the_key_of_the_record_alone(value: Any) -> None:  # noqa: ANN401 - any JSON
    """No value of the row before the change is believed."""
    event = event_of(value, user_id="id", email="email")

    assert event["event"] == "deleted"
    assert event["properties"] == KEY
    assert event["userId"] == "1"
    assert "traits" not in event["context"]


def test_a_deletion_without_a_key_takes_the_columns_that_the_source_names() -> None:
    """A table without a primary key has deletions only with a replica identity."""
    deletion = envelope("d", before=BEFORE)

    event = event_of(deletion, record_key=None, key="id")

    assert event["__segment_id"] == "9"
    assert event["properties"] == {"id": 9}


UNAVAILABLE = [
    pytest.param(PLACEHOLDER, id="text"),
    pytest.param([PLACEHOLDER], id="texts"),
    pytest.param("X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==", id="bytes"),
    pytest.param("X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ", id="url-safe"),
    pytest.param(PLACEHOLDER.encode().hex(), id="hex"),
    pytest.param(list(PLACEHOLDER.encode()), id="integers"),
    pytest.param([float(byte) for byte in PLACEHOLDER.encode()], id="doubles"),
    pytest.param({PLACEHOLDER: PLACEHOLDER}, id="hstore"),
    pytest.param(f'{{"{PLACEHOLDER}":"{PLACEHOLDER}"}}', id="hstore-json"),
]


@pytest.mark.parametrize("value", UNAVAILABLE)
def test_a_value_that_the_log_does_not_have_is_an_absent_column(value: Any) -> None:  # noqa: ANN401 - any JSON
    """An absent column keeps what Klaviyo has; the placeholder never gets there."""
    event = event_of(envelope("u", {**ROW, "bio": value}), types={"bio": "date"})

    assert event["properties"] == ROW


@pytest.mark.parametrize(
    "snapshot",
    [
        True,
        "true",
        "first",
        "first_in_data_collection",
        "last_in_data_collection",
        "LAST",
        "incremental",
    ],
)
def test_all_spellings_of_a_snapshot_are_backfill(snapshot: Any) -> None:  # noqa: ANN401 - any JSON
    """Debezium wrote booleans, then text."""
    source = {**SOURCE_FIELDS, "snapshot": snapshot}

    event = event_of(envelope("c", ROW, source=source))

    assert event["context"]["row"]["snapshot"] is True


@pytest.mark.parametrize("snapshot", [None, False, "false"])
def test_a_streamed_change_is_no_snapshot(snapshot: Any) -> None:  # noqa: ANN401 - any JSON
    """`replace.null.with.default=false` makes it null."""
    source = {**SOURCE_FIELDS, "snapshot": snapshot}

    event = event_of(envelope("c", ROW, source=source))

    assert "snapshot" not in event["context"]["row"]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        pytest.param("skip", "skipped: snapshot", id="skip"),
        pytest.param("live", None, id="live"),
        pytest.param("backfill", True, id="backfill"),
    ],
)
def test_the_source_says_what_a_snapshot_means(policy: str, expected: Any) -> None:  # noqa: ANN401 - code or flag
    """A row of the first run is no news, unless somebody wants it to be."""
    result = event_of(envelope("r", ROW), on_snapshot=policy)

    is_event = isinstance(result, dict)
    assert (
        result["context"]["row"].get("snapshot") if is_event else result
    ) == expected


KEY_CHANGES = [
    pytest.param({"user_id": "id"}, "deleted", "new", id="the-key-is-the-person"),
    pytest.param({}, "deleted", "new", id="nothing-else-names-the-person"),
    pytest.param({"email": "email"}, None, "updated", id="email"),
    pytest.param({"user_id": "login"}, None, "updated", id="other-column"),
]


@pytest.mark.parametrize(("options", "deletion", "creation"), KEY_CHANGES)
def test_a_changed_key_removes_nobody_who_is_still_there(
    options: dict[str, Any], deletion: str | None, creation: str
) -> None:
    """Deletion and creation have no order between them, so neither may harm."""
    deleted = event_of(envelope("d", before=ROW), headers=NEW_KEY, **options)
    created = event_of(envelope("c", {**ROW, "login": "a"}), headers=OLD_KEY, **options)

    if deletion is None:
        assert deleted == "skipped: key-change"
    else:
        assert deleted["event"] == deletion
    assert created["event"] == creation


def test_a_changed_key_with_the_same_person_in_it_is_an_update() -> None:
    """Of a key of two columns the other one changed."""
    headers = {"__debezium.newkey": b'{"id":1,"shop":"b"}'}
    deletion = source_record(envelope("d"), key={"id": 1, "shop": "a"}, headers=headers)

    assert converted(deletion, debezium_source(user_id="id")) == "skipped: key-change"


SKIPPED = [
    pytest.param(None, {}, "tombstone", id="tombstone"),
    pytest.param({"schema": None, "payload": None}, {}, "tombstone", id="with-schema"),
    pytest.param(envelope("t"), {"record_key": None}, "truncate", id="truncate"),
    pytest.param(
        {"op": "m", "source": SOURCE_FIELDS, "message": {"prefix": "p"}},
        {"record_key": {"prefix": "p"}},
        "logical-message",
        id="logical-message",
    ),
    pytest.param(
        {"ts_ms": 1}, {"record_key": {"serverName": "db"}}, "heartbeat", id="heartbeat"
    ),
    pytest.param(
        {"ts_ms": 1}, {"topic": "__debezium-heartbeat.db"}, "heartbeat", id="its-topic"
    ),
    pytest.param(
        {"status": "END", "id": "1", "event_count": 1, "data_collections": []},
        {"record_key": {"id": "1"}},
        "transaction",
        id="transaction",
    ),
    pytest.param(
        {"databaseName": "shop", "ddl": "ALTER …", "tableChanges": []},
        {"record_key": {"databaseName": "shop"}},
        "schema-change",
        id="schema-change",
    ),
]


@pytest.mark.parametrize(("value", "parts", "code"), SKIPPED)
def test_what_is_no_row_is_skipped_with_its_reason(
    value: Any,  # noqa: ANN401 - any JSON
    parts: dict[str, Any],
    code: str,
) -> None:
    """The outcome of the record names the reason."""
    assert event_of(value, **parts) == f"skipped: {code}"


def test_a_truncate_is_a_dead_letter_where_the_source_says_so() -> None:
    """Then somebody decides what becomes of the people."""
    result = event_of(envelope("t"), record_key=None, on_truncate="dead-letter")

    assert result == "dead-letter: truncated"


def test_a_lone_tombstone_is_a_deletion_where_the_source_says_so() -> None:
    """`ExtractNewRecordState` writes no other deletion by default."""
    event = event_of(None, on_tombstone="delete", user_id="id")

    assert (event["event"], event["userId"]) == ("deleted", "1")
    assert event["properties"] == KEY


def test_a_tombstone_of_a_changed_key_removes_nobody() -> None:
    """The tombstone has the headers of the deletion."""
    result = event_of(None, on_tombstone="delete", email="email", headers=NEW_KEY)

    assert result == "skipped: key-change"


def test_headers_tell_a_flat_row_as_columns_do() -> None:
    """`add.headers` instead of `add.fields`."""
    event = event_of(ROW, headers=ADDED)

    assert event["event"] == "updated"
    assert event["timestamp"] == "2026-11-27T12:58:45.490Z"
    assert event["properties"] == ROW


def test_added_fields_are_no_columns_of_the_row() -> None:
    """A column of the table that begins with two underscores is."""
    added = {"__op": "u", "__lsn": 7, "__table": "t", "__source_ts_ms": 1795784325490}

    event = event_of({**ROW, **added, "__rank": 3})

    assert event["properties"] == {**ROW, "__rank": 3}
    assert event["context"]["row"]["model"] == "t"


def _ids(*values: Any, **parts: Any) -> set[str]:  # noqa: ANN401 - any JSON
    records = [
        source_record(value, key=KEY, offset=offset, **parts)
        for offset, value in enumerate(values)
    ]
    source = debezium_source()
    return {converted(record, source)["messageId"] for record in records}  # type: ignore[index]


def test_a_change_that_is_sent_again_has_the_same_message_id() -> None:
    """A restart of Connect repeats changes, with another clock and last commit."""
    again = {**SOURCE_FIELDS, "sequence": '["9","7"]', "ts_us": 1}

    assert len(_ids(envelope("u", ROW), envelope("u", ROW, source=again, ts_ms=5))) == 1
    assert len(_ids(ROW, ROW, headers=ADDED)) == 1


def test_another_change_has_another_message_id() -> None:
    """A row that goes from A to B and back to A has three changes."""
    later = {**SOURCE_FIELDS, "lsn": 8}

    assert len(_ids(envelope("u", ROW), envelope("u", ROW, source=later))) == 2
    assert len(_ids(ROW, {**ROW, "vip": True}, ROW)) == 3


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"txId": 3}, id="postgresql"),
        pytest.param({"gtid": "a:1-5"}, id="mysql"),
        pytest.param({"commit_lsn": "0:1"}, id="sql-server"),
        pytest.param({"scn": "7"}, id="oracle"),
        pytest.param({"ord": 1}, id="mongodb"),
    ],
)
def test_the_place_of_a_transaction_is_not_that_of_a_change(
    fields: dict[str, Any],
) -> None:
    """A transaction may change a row twice; the last change must not be a duplicate."""
    source = {"ts_ms": SOURCE_FIELDS["ts_ms"], **fields}
    flat = {f"__{name}": value for name, value in fields.items()}

    assert len(_ids(*[envelope("u", ROW, source=source)] * 2)) == 2
    assert len(_ids(*[{**ROW, **flat}] * 2)) == 2
    assert len(_ids(*[envelope("r", ROW, source=source)] * 2)) == 1


def test_a_table_with_the_key_of_a_heartbeat_is_a_table() -> None:
    """Rows of such a table are events, and its deletions too."""
    key = {"serverName": "a"}

    added = event_of(envelope("c", {**key, "vip": True}), record_key=key)
    deleted = event_of(envelope("d"), record_key=key)

    assert added["__segment_id"] == deleted["__segment_id"] == "a"


def test_a_flat_table_may_have_columns_named_as_an_envelope() -> None:
    """The source of an envelope is an object."""
    row = {"id": 1, "op": "x", "source": "web"}

    event = event_of(row)

    assert event["properties"] == row
