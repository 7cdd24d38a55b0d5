"""Tests of the part `syncs`: every problem at once, each with its path."""

import pytest

from streams.destination.loader import read_destination
from streams.destination.syncs.model import Guards, Schedule, Sync, SyncMode
from streams.destination.syncs.reader import read_syncs_of_file
from streams.errors import ConfigError

VALID = "connection_env: URL, sql: SELECT 1 AS id, key: id"


def test_a_sync_has_defaults() -> None:
    """A connection, a query and a key are enough."""
    assert read_syncs_of_file(f"syncs: {{people: {{{VALID}}}}}") == {
        "people": Sync(
            name="people",
            connection_env="URL",
            sql="SELECT 1 AS id",
            key=("id",),
            model="people",
        )
    }


def test_every_field_is_read() -> None:
    """Nested parts too; a destination file has the same syncs."""
    text = """
    syncs:
      people:
        connection_file: /run/secrets/url
        dbt: {manifest: target/manifest.json, model: people}
        key: [tenant, id]
        columns: [plan]
        user_id: user
        email: address
        model: person
        topic: rows
        mode: cursor
        cursor: seen_at
        cursor_lag_s: 60
        initial: baseline
        column_timezone: Europe/Stockholm
        schedule: {cron: "0 3 * * 1-5", timezone: Asia/Tokyo}
        guards: {max_deleted_share: 0.2, max_deleted_rows: 5, allow_empty: true}
    """

    sync = read_syncs_of_file(text)["people"]

    assert sync.key == ("tenant", "id")
    assert sync.mode is SyncMode.CURSOR
    assert sync.schedule == Schedule(cron="0 3 * * 1-5", timezone="Asia/Tokyo")
    assert sync.guards == Guards(
        max_deleted_share=0.2, max_deleted_rows=5, allow_empty=True
    )
    assert read_destination(text).syncs == {"people": sync}


@pytest.mark.parametrize(
    ("part", "path"),
    [
        pytest.param("", "syncs.people", id="empty"),
        pytest.param(
            "sql: SELECT 1, key: id", "syncs.people.connection_env", id="no-connection"
        ),
        pytest.param(
            f"{VALID}, connection_file: x",
            "syncs.people.connection_env",
            id="two-connections",
        ),
        pytest.param(
            "connection_env: 'postgresql://a:b@c', sql: SELECT 1, key: id",
            "syncs.people.connection_env",
            id="secret-in-the-file",
        ),
        pytest.param("connection_env: URL, key: id", "syncs.people.sql", id="no-sql"),
        pytest.param(
            f"{VALID}, dbt: {{manifest: a, model: b}}", "syncs.people.dbt", id="both"
        ),
        pytest.param(
            "connection_env: URL, key: id, dbt: {model: b}",
            "syncs.people.dbt.manifest",
            id="no-manifest",
        ),
        pytest.param(
            "connection_env: URL, sql: SELECT 1", "syncs.people.key", id="no-key"
        ),
        pytest.param(
            "connection_env: URL, sql: SELECT 1, key: []", "syncs.people.key", id="keys"
        ),
        pytest.param(f"{VALID}, columns: [a, a]", "syncs.people.columns", id="twice"),
        pytest.param(f"{VALID}, colums: [a]", "syncs.people.colums", id="misspelt"),
        pytest.param(f"{VALID}, mode: sync", "syncs.people.mode", id="mode"),
        pytest.param(f"{VALID}, mode: cursor", "syncs.people.cursor", id="no-cursor"),
        pytest.param(f"{VALID}, cursor: at", "syncs.people.cursor", id="no-mode"),
        pytest.param(
            f"{VALID}, cursor_lag_s: 5", "syncs.people.cursor_lag_s", id="lag"
        ),
        pytest.param(
            f"{VALID}, audience: vip, mode: append",
            "syncs.people.audience",
            id="audience-without-exits",
        ),
        pytest.param(
            f"{VALID}, column_timezone: Mars/One",
            "syncs.people.column_timezone",
            id="zone",
        ),
        pytest.param(
            f"{VALID}, schedule: {{cron: hourly}}",
            "syncs.people.schedule.cron",
            id="cron",
        ),
        pytest.param(
            f"{VALID}, schedule: {{cron: '* * * * *', timezone: X}}",
            "syncs.people.schedule.timezone",
            id="schedule-zone",
        ),
        pytest.param(
            f"{VALID}, guards: {{max_deleted_share: 10}}",
            "syncs.people.guards.max_deleted_share",
            id="share",
        ),
        pytest.param(
            f"{VALID}, guards: {{max_rows: 10}}",
            "syncs.people.guards.max_rows",
            id="guard",
        ),
    ],
)
def test_a_problem_has_its_path(part: str, path: str) -> None:
    """The path alone: the rest of the sync is valid, or missing with it."""
    with pytest.raises(ConfigError) as error:
        read_syncs_of_file(f"syncs: {{people: {{{part}}}}}")

    assert [line.partition(": ")[0] for line in error.value.problems] == [path]


def test_every_problem_is_reported_at_once() -> None:
    """Several syncs have problems, one of them a name that no file can have."""
    text = f"syncs: {{a/b: {{{VALID}}}, c: {{{VALID}, mode: x, initial: y}}}}"

    with pytest.raises(ConfigError) as error:
        read_destination(text)

    paths = [line.partition(": ")[0] for line in error.value.problems]
    assert paths == ["syncs.a/b", "syncs.c.mode", "syncs.c.initial"]
