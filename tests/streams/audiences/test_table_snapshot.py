"""Tests that a table snapshot survives encoding, and merges without loss."""

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.audiences.list_mapping import ListMapping
from streams.audiences.table_snapshot import (
    PROBLEMS_MAX,
    TableSnapshot,
    missing_from,
    read_lines,
    write_lines,
)
from streams.errors import ConfigError
from streams.events.canonical_event import Origin
from streams.state.last_write import LastWrite, merge_message_ids
from streams.state.user_row import EMPTY_ROW, CommandKey, Matter, UserRow, merge_rows

AT = "2026-11-01T10:00:00+00:00"
TEXT = st.text(max_size=6)
ORIGINS = st.builds(
    Origin, topic=TEXT, partition=st.integers(0, 99), offset=st.integers(0, 2**63 - 1)
)
WRITES = st.builds(
    LastWrite,
    inside=st.booleans(),
    time_ms=st.integers(0, 2**41),
    origin=ORIGINS,
    message_ids=st.lists(TEXT, max_size=2).map(lambda ids: merge_message_ids(*ids)),
    list_id=TEXT,
    revision=st.integers(0, 3),
)
COMMAND_KEYS = st.builds(CommandKey, st.sampled_from(Matter), TEXT, TEXT, TEXT)
ROWS = st.builds(
    UserRow,
    memberships=st.dictionaries(TEXT, WRITES, max_size=2),
    commands=st.dictionaries(COMMAND_KEYS, WRITES, max_size=2),
    attributes=st.dictionaries(st.tuples(TEXT, TEXT), WRITES, max_size=2),
)
SNAPSHOTS = st.builds(
    TableSnapshot,
    st.dictionaries(TEXT, ROWS, max_size=4),
    st.dictionaries(
        TEXT,
        st.builds(
            ListMapping, list_id=TEXT, created=st.booleans(), refusal_reason=TEXT
        ),
    ),
)

IN = LastWrite(inside=True, time_ms=5, origin=Origin(topic="t", partition=0, offset=7))
OUT = msgspec.structs.replace(IN, inside=False, time_ms=6)
ROW = UserRow(memberships={"vip": IN}, commands={CommandKey(Matter.LIST, "L1"): OUT})
SNAPSHOT = TableSnapshot({"u": ROW}, {"vip": ListMapping(list_id="L2")})
LINES = [*write_lines(SNAPSHOT, exported_at=AT)]
HINT = "export it again with klaviyo-streams audiences export"


@given(SNAPSHOTS)
def test_a_snapshot_survives_its_lines(snapshot: TableSnapshot) -> None:
    """Rows come back with their commands, and no line holds a line end."""
    lines = [*write_lines(snapshot, exported_at=AT)]

    assert not any(b"\n" in line for line in lines)
    assert read_lines(lines) == snapshot


def test_a_snapshot_counts_its_contents() -> None:
    """Commands are not counted as audiences."""
    assert SNAPSHOT.summary() == "1 rows, 1 audiences, 1 members, 1 list mappings"


def test_lines_are_readable_json() -> None:
    """A header announces the lines, each of which is a JSON object."""
    header, row, list_mapping = LINES

    assert header == (
        b'{"format":"klaviyo-streams.memberships","version":1,'
        b'"exported_at":"2026-11-01T10:00:00+00:00","rows":1,"list_mappings":1}'
    )
    assert row == (
        b'{"user":"u","row":{"memberships":{"vip":[true,5,["t",0,7],[],"",0]},'
        b'"commands":[[["list","L1","",""],[false,6,["t",0,7],[],"",0]]]}}'
    )
    assert list_mapping == (
        b'{"audience":"vip","list_mapping":{"list_id":"L2","created":false,'
        b'"refusal_reason":""}}'
    )


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        pytest.param([], f"line 1: is not the header of an export; {HINT}", id="empty"),
        pytest.param(
            LINES[1:], "line 1: is not the header of an export", id="no-header"
        ),
        pytest.param([b"\xff"], "line 1: is not the header of an export", id="binary"),
        pytest.param(
            [LINES[0].replace(b"memberships", b"others")],
            "line 1: is not of the format klaviyo-streams.memberships",
            id="another-format",
        ),
        pytest.param(
            [LINES[0].replace(b'"version":1', b'"version":2')],
            "line 1: is of version 2, but this program reads 1; install",
            id="newer-version",
        ),
        pytest.param(
            [*LINES[:2], b"nope"], "line 3: not valid JSON; export", id="not-json"
        ),
        pytest.param(
            [*LINES[:2], b"\xff"], "line 3: not valid JSON; export", id="not-utf8"
        ),
        pytest.param(
            [*LINES, LINES[0]], "line 4: object contains unknown field", id="two-files"
        ),
        pytest.param(
            [*LINES[:2], b'{"user":"u"}'],
            "line 3: neither a row nor a list mapping",
            id="half-a-line",
        ),
        pytest.param(
            [*LINES[:2], b'{"user":"u","row":{"memberships":{"vip":[1]}}}'],
            "line 3: expected `bool`, got `int`; export",
            id="damaged-row",
        ),
        pytest.param(
            LINES[:2],
            "line 2: the last line, 1 after the header, which announces 1 rows and 1 "
            f"list mappings; {HINT}",
            id="cut",
        ),
    ],
)
def test_other_input_than_an_export_is_refused(
    lines: list[bytes], problem: str
) -> None:
    """The error names the line, the reason and the fix."""
    with pytest.raises(ConfigError, match=re.escape(problem)) as error:
        read_lines(lines)

    assert len(error.value.problems) == 1
    assert "export" in str(error.value) or "install" in str(error.value)


def test_the_number_of_reported_problems_is_bounded() -> None:
    """A log file given by accident does not scroll the terminal away."""
    with pytest.raises(ConfigError) as error:
        read_lines([LINES[0], *[b"nope"] * 1_000])

    assert len(error.value.problems) == PROBLEMS_MAX + 1


def test_a_problem_shows_no_personal_data() -> None:
    """The error holds neither the user nor a value of the invalid line."""
    line = b'{"user":"ada@b.co","row":{"memberships":{"vip":["ada@b.co",1,2]}}}'
    with pytest.raises(ConfigError) as error:
        read_lines([LINES[0], line])

    assert "ada" not in str(error.value)


@given(SNAPSHOTS, SNAPSHOTS)
def test_an_import_brings_everything_and_undoes_nothing(
    snapshot: TableSnapshot, target: TableSnapshot
) -> None:
    """Each user's row ends as the merge of both, whichever is newer."""
    changes = missing_from(snapshot, target)
    after = {**target.rows, **changes.rows}

    assert {user: after.get(user, EMPTY_ROW) for user in snapshot.rows} == {
        user: merge_rows(target.rows.get(user, EMPTY_ROW), row)
        for user, row in snapshot.rows.items()
    }
    assert changes.rows.keys() <= snapshot.rows.keys()
    assert missing_from(
        snapshot,
        TableSnapshot(after, {**target.list_mappings, **changes.list_mappings}),
    ) == TableSnapshot({}, {})


def test_an_import_keeps_the_target_s_list_of_an_audience() -> None:
    """A list replaces a refusal or an absent list; a refusal replaces nothing."""
    mapped = ListMapping(list_id="L1")
    refused = ListMapping(list_id="", refusal_reason="name")
    snapshot = TableSnapshot({}, {"a": mapped, "b": mapped, "c": mapped, "d": refused})
    target = TableSnapshot({}, {"a": ListMapping(list_id="L9"), "b": refused})

    assert missing_from(snapshot, target).list_mappings == {"b": mapped, "c": mapped}
