"""Tests of runs: what they send, when they pause, and what a kill leaves."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import pytest

from agents.engine.producer import Message
from streams.errors import ConfigError
from streams.events.canonical_event import ORIGIN_HEADER
from streams.mapping.values import Json
from tests.agents.admin.warehouse.sync_case import (
    DEADLETTERS,
    SyncCase,
    apply_events,
    row_events,
)

KILLS = 8
"""Runs that are killed in the test of kills, each at a random record."""


class RunKilled(BaseException):
    """End of a run in the middle of its sending."""


def changes(events: Sequence[Mapping[str, Any]]) -> Counter[str]:
    """Count row events by their change."""
    return Counter(event["event"] for event in events)


def test_the_first_run_sends_every_row_as_a_snapshot(case: SyncCase) -> None:
    """The rows are new, and nobody shall hear of them as news."""
    case.insert(3)

    status, events = case.run(email="email")

    assert changes(events) == {"new": 3}
    assert status.phase == "idle"
    assert all(event["context"]["row"]["snapshot"] for event in events)
    assert {m.key for m in case.producer.sent} == {
        b"people/0",
        b"people/1",
        b"people/2",
    }


def test_a_baseline_sends_nothing_and_remembers_every_row(case: SyncCase) -> None:
    """Only the changes after it are sent, and none of them is a snapshot."""
    case.insert(3)
    _, first = case.run(initial="baseline")
    case.execute("UPDATE people SET plan = 'pro' WHERE id = 1")

    _, second = case.run(initial="baseline")

    assert first == []
    assert [(e["event"], e["__segment_id"]) for e in second] == [("updated", "1")]
    assert "snapshot" not in second[0]["context"]["row"]


def test_a_run_sends_what_changed_and_deletions_first(case: SyncCase) -> None:
    """One row of each change, with its columns; a deletion has only who it was."""
    case.insert(5)
    case.run(email="email")
    case.execute("DELETE FROM people WHERE id = 0")
    case.execute("UPDATE people SET plan = NULL WHERE id = 1")
    case.insert(1, start=9)

    _, events = case.run(email="email")

    assert events[0]["event"] == "deleted"
    by_key = {event["__segment_id"]: event for event in events}
    assert by_key.keys() == {"0", "1", "9"}
    assert by_key["0"]["properties"] == {}
    assert by_key["0"]["context"]["traits"] == {"email": "p0@example.com"}
    assert by_key["1"]["properties"]["plan"] is None
    assert by_key["9"]["event"] == "new"


def test_a_run_without_a_change_sends_nothing(case: SyncCase) -> None:
    """Also after the rows were stored in another order."""
    case.insert(50)
    case.run()
    case.execute("CREATE OR REPLACE TABLE people AS FROM people ORDER BY id DESC")

    status, events = case.run()

    assert events == []
    assert status.generation == 2


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("NULL", "''", id="null-is-not-empty"),
        pytest.param("'-'", "NULL", id="null-has-no-text"),
        pytest.param("'a'", "'a '", id="white-space-counts"),
    ],
)
def test_values_that_look_alike_differ(case: SyncCase, before: str, after: str) -> None:
    """Each of them makes the row updated."""
    case.execute(f"INSERT INTO people VALUES (1, 'a@example.com', {before})")
    case.run()
    case.execute(f"UPDATE people SET plan = {after}")

    assert changes(case.run()[1]) == {"updated": 1}


def test_the_border_between_columns_counts(case: SyncCase) -> None:
    """Text that moves from one column into the next is a change."""
    case.execute("INSERT INTO people VALUES (1, 'ab', 'c')")
    case.run()
    case.execute("UPDATE people SET email = 'a', plan = 'bc'")

    assert changes(case.run()[1]) == {"updated": 1}


def test_only_columns_that_count_make_a_row_updated(case: SyncCase) -> None:
    """The others are sent with the next change of the row."""
    case.insert(2)
    case.run(columns=["email"])
    case.execute("UPDATE people SET plan = 'pro'")
    assert case.run(columns=["email"])[1] == []
    case.execute("UPDATE people SET email = 'new@example.com' WHERE id = 1")

    _, events = case.run(columns=["email"])

    assert [event["properties"]["plan"] for event in events] == ["pro"]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        pytest.param("mirror", {"new": 1, "updated": 1, "deleted": 1}, id="mirror"),
        pytest.param("upsert", {"new": 1, "updated": 1}, id="upsert"),
        pytest.param("append", {"new": 1}, id="append"),
    ],
)
def test_a_mode_looks_for_its_changes(
    case: SyncCase, mode: str, expected: Mapping[str, int]
) -> None:
    """The same changes of the table, by each mode."""
    case.insert(3)
    case.run(mode=mode)
    case.execute("DELETE FROM people WHERE id = 0")
    case.execute("UPDATE people SET plan = 'pro' WHERE id = 1")
    case.insert(1, start=9)

    assert changes(case.run(mode=mode)[1]) == expected
    assert case.run(mode=mode)[1] == []


def test_a_cursor_reads_only_rows_from_the_last_one_on(case: SyncCase) -> None:
    """Rows with an equal cursor are read again, and sent once."""
    case.execute("ALTER TABLE people ADD COLUMN seen_at TIMESTAMP")
    case.execute("INSERT INTO people VALUES (1, 'a', 'x', '2026-01-01 10:00:00.5')")
    fields: dict[str, Json] = {"mode": "cursor", "cursor": "seen_at"}
    case.run(**fields)
    case.execute("INSERT INTO people VALUES (2, 'b', 'x', '2026-01-01 10:00:00.5')")
    case.execute("INSERT INTO people VALUES (3, 'c', 'x', '2026-01-01 09:00:00')")

    status, events = case.run(**fields)

    assert [event["__segment_id"] for event in events] == ["2"]
    assert status.rows_read == 2
    assert [e["__segment_id"] for e in case.run(**fields, cursor_lag_s=3601)[1]] == [
        "3"
    ]


def test_a_composite_key_is_the_text_of_a_list(case: SyncCase) -> None:
    """As `streams.events.row.row_key_text` writes it."""
    case.execute("INSERT INTO people VALUES (1, 'é\"@example.com', 'x')")

    _, events = case.run(key=["id", "email"])

    assert events[0]["__segment_id"] == orjson.dumps(["1", 'é"@example.com']).decode()


GUARDED = [
    pytest.param("DELETE FROM people", {}, "empty-result", id="empty"),
    pytest.param("DELETE FROM people WHERE id < 300", {}, "deletions", id="deletions"),
    pytest.param("UPDATE people SET plan = 'x'", {}, "changes", id="changes"),
    pytest.param(
        "ALTER TABLE people DROP COLUMN plan", {}, "vanished-column", id="column"
    ),
    pytest.param(
        "INSERT INTO people SELECT NULL, 'x', 'x' FROM range(50)",
        {},
        "empty-keys",
        id="empty-keys",
    ),
    pytest.param(
        "INSERT INTO people SELECT id, 'x', 'x' FROM people WHERE id < 50",
        {},
        "duplicate-keys",
        id="duplicate-keys",
    ),
    pytest.param(
        "DELETE FROM people WHERE id < 60",
        {"guards": {"max_deleted_share": 0.05, "max_deleted_rows": 10}},
        "deletions",
        id="limits-of-the-file",
    ),
]


@pytest.mark.parametrize(("sql", "fields", "code"), GUARDED)
def test_a_guard_pauses_a_run_until_somebody_approves(
    case: SyncCase, sql: str, fields: dict[str, Json], code: str
) -> None:
    """No record before, each change of the plan after, and then all is as before."""
    case.insert(1000)
    rows = apply_events({}, case.run(**fields)[1])
    case.execute(sql)

    status, events = case.run(**fields)
    assert (status.phase, events) == ("paused", [])
    assert status.problems[0].startswith(f"{code}:")
    assert case.run(**fields)[0].phase == "paused"  # nobody else releases it

    case.runner(**fields).approve()
    status, events = case.run(**fields)

    assert status.phase == "idle"
    assert status.plan is not None
    assert len(events) == status.plan.changes
    apply_events(rows, events)
    assert case.run(**fields)[1] == []


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param("DELETE FROM people WHERE id < 100", id="a-hundred-deletions"),
        pytest.param("UPDATE people SET plan = 'x' WHERE id < 500", id="half-changed"),
        pytest.param("INSERT INTO people VALUES (NULL, 'x', 'x')", id="one-null-key"),
    ],
)
def test_changes_within_the_guards_are_sent(case: SyncCase, sql: str) -> None:
    """At the limit a run goes on."""
    case.insert(1000)
    case.run()
    case.execute(sql)

    assert case.run()[0].phase == "idle"


def test_rows_with_bad_keys_become_dead_letters_once(case: SyncCase) -> None:
    """Such a key is neither sent nor deleted; mended, it goes on as before."""
    case.insert(500)
    case.run()
    case.execute("INSERT INTO people VALUES (NULL, 'nobody@example.com', 'x')")
    case.execute("INSERT INTO people VALUES (7, 'twin@example.com', 'x')")

    _, events = case.run()
    dead_letters = case.producer.to(DEADLETTERS)
    codes = {
        dict(m.headers)["__connect.errors.exception.class.name"] for m in dead_letters
    }

    origins = {dict(m.headers)[ORIGIN_HEADER] for m in dead_letters}

    assert events == []
    assert codes == {b"no-row-key", b"duplicate-row-key"}
    assert origins == {b"sync:people/0/1/1", b"sync:people/0/1/2"}
    assert case.run()[1] == []
    assert case.producer.to(DEADLETTERS) == []
    case.execute("DELETE FROM people WHERE id IS NULL OR email = 'twin@example.com'")
    assert case.run()[1] == []


def test_a_forgotten_plan_is_read_again(case: SyncCase) -> None:
    """After the query was mended, without an approval of its broken result."""
    case.insert(10)
    case.run()
    case.execute("DELETE FROM people")
    case.run()
    case.insert(10)

    case.runner().reset(plan_only=True)

    assert case.run()[0].phase == "idle"


def test_after_a_reset_every_row_is_sent_again(case: SyncCase) -> None:
    """As the snapshot of a first run."""
    case.insert(10)
    case.run()

    case.runner().reset(plan_only=False)

    assert changes(case.run()[1]) == {"new": 10}


def test_a_plan_changes_nothing(case: SyncCase) -> None:
    """The next run sends what the plan has counted."""
    case.insert(10)

    status, samples = case.runner().plan(samples=2)

    assert status.plan is not None
    assert status.plan.added == 10
    assert [change for change, _ in samples] == ["new", "new"]
    assert case.producer.sent == []
    assert len(case.run()[1]) == 10


def test_an_error_of_the_query_leaves_the_state(case: SyncCase) -> None:
    """An error in the middle of the rows is no result: nothing is deleted."""
    case.insert(1000)
    case.run()
    broken = "SELECT * REPLACE (CASE WHEN id = 999 THEN error('x') ELSE id END AS id)"

    with pytest.raises(ConfigError, match="warehouse"):
        case.runner(sql=f"{broken} FROM people").run()

    assert case.runner().status().error
    assert case.run()[1] == []


def _kill_after(case: SyncCase, sends: int) -> None:
    remaining = [sends]

    def count(_: Sequence[Message]) -> None:
        remaining[0] -= 1
        if remaining[0] < 0:
            raise RunKilled

    case.producer.on_send = count


def test_a_run_killed_while_sending_is_sent_to_its_end(case: SyncCase) -> None:
    """With the same message ids, though the table has changed in the meantime."""
    case.insert(9000)
    _kill_after(case, 2)
    with pytest.raises(RunKilled):
        case.runner().run()
    killed = row_events(case.producer)
    case.producer.on_send = lambda _: None
    case.execute("DELETE FROM people WHERE id < 50")

    status, events = case.run()

    assert killed
    ids = {event["messageId"] for event in killed}
    assert ids <= {event["messageId"] for event in events}
    assert changes(events) == {"new": 9000, "deleted": 50}
    assert status.generation == 2


def test_runs_killed_anywhere_add_up_to_the_table(case: SyncCase) -> None:
    """Row events of all runs, repeated ones included, leave the rows of the table."""
    numbers = random.Random(12)  # noqa: S311 - the same kills each time
    rows: dict[str, Mapping[str, Json]] = {}
    case.insert(6000)
    case.execute("CREATE TABLE deleted AS FROM people LIMIT 0")
    for number in range(KILLS):
        _kill_after(case, numbers.randrange(4))
        case.producer.sent.clear()
        try:
            case.runner().run()
        except RunKilled:
            apply_events(rows, row_events(case.producer))
        else:
            apply_events(rows, row_events(case.producer))
        case.execute(
            f"""
            UPDATE people SET plan = 'p{number}' WHERE id % 7 = {number % 7};
            INSERT INTO people FROM deleted;  -- as they were before their deletion
            CREATE OR REPLACE TABLE deleted AS FROM people WHERE id % 31 = {number};
            DELETE FROM people WHERE id % 31 = {number};
            """
        )
        case.insert(40, start=10_000 + 100 * number)
    case.producer.on_send = lambda _: None

    apply_events(rows, case.run()[1])

    assert rows == case.rows()
