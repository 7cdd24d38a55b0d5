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
from streams.state.entries import CommandKey, LastWrite, Matter, merge_message_ids
from streams.state.identity import Identity, KnownIdentifier
from streams.state.user_entries import NO_ENTRIES, UserEntries

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
IDENTITIES = st.builds(
    Identity,
    external_id=TEXT,
    emails=st.lists(
        st.builds(
            KnownIdentifier,
            value=TEXT,
            times_ms=st.tuples(st.integers(0, 9)),
            identified=st.just(value=True),
        ),
        max_size=1,
    ).map(tuple),
)
ENTRIES = st.builds(
    UserEntries,
    memberships=st.dictionaries(TEXT, WRITES, max_size=2),
    commands=st.dictionaries(COMMAND_KEYS, WRITES, max_size=2),
    attributes=st.dictionaries(st.tuples(TEXT, TEXT), WRITES, max_size=2),
    identity=IDENTITIES,
).filter(lambda entries: entries != NO_ENTRIES)
SNAPSHOTS = st.builds(
    TableSnapshot,
    st.dictionaries(TEXT, ENTRIES, max_size=4),
    st.dictionaries(
        TEXT,
        st.builds(
            ListMapping, list_id=TEXT, created=st.booleans(), refusal_reason=TEXT
        ),
    ),
)

IN = LastWrite(inside=True, time_ms=5, origin=Origin(topic="t", partition=0, offset=7))
OUT = msgspec.structs.replace(IN, inside=False, time_ms=6)
OF_USER = UserEntries(
    memberships={"vip": IN}, commands={CommandKey(Matter.LIST, "L1"): OUT}
)
SNAPSHOT = TableSnapshot({"u": OF_USER}, {"vip": ListMapping(list_id="L2")})
EDGE = UserEntries(holders={"u": IN})
LINES = [*write_lines(SNAPSHOT, exported_at=AT)]
HINT = "export it again with klaviyo-streams audiences export"


@given(SNAPSHOTS)
def test_a_snapshot_survives_its_lines(snapshot: TableSnapshot) -> None:
    """Entries come back with their kinds, and no line holds a line end."""
    lines = [*write_lines(snapshot, exported_at=AT)]

    assert not any(b"\n" in line for line in lines)
    assert read_lines(lines) == snapshot


def test_a_snapshot_counts_its_contents() -> None:
    """Commands are not counted as audiences, nor edges as users."""
    snapshot = SNAPSHOT._replace(users={"u": OF_USER, "edge:1": EDGE})

    assert snapshot.summary() == "1 users, 1 audiences, 1 members, 1 list mappings"


def test_lines_are_readable_json() -> None:
    """A header announces the lines, each of which is a JSON object."""
    header, membership, command, list_mapping = LINES

    assert header == (
        b'{"format":"klaviyo-streams.memberships","version":1,'
        b'"exported_at":"2026-11-01T10:00:00+00:00","entries":2,"list_mappings":1}'
    )
    assert membership == (
        b'{"user":"u","kind":"membership","name":"vip",'
        b'"last_write":[true,5,["t",0,7,0],[],"",0,[]]}'
    )
    assert command == (
        b'{"user":"u","kind":"command","name":"[\\"list\\",\\"L1\\",\\"\\",\\"\\"]",'
        b'"last_write":[false,6,["t",0,7,0],[],"",0,[]]}'
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
            [*LINES, LINES[0]], "line 5: object contains unknown field", id="two-files"
        ),
        pytest.param(
            [*LINES[:2], b'{"user":"u"}'],
            "line 3: neither an entry nor a list mapping",
            id="half-a-line",
        ),
        pytest.param(
            [*LINES[:2], b'{"user":"u","kind":"membership","last_write":[1]}'],
            "line 3: expected `bool`, got `int`; export",
            id="damaged-entry",
        ),
        pytest.param(
            [*LINES[:2], b'{"user":"u","kind":"membership","name":"vip"}'],
            "line 3: an entry without a value",
            id="an-entry-without-a-value",
        ),
        pytest.param(
            [*LINES[:2], LINES[1].replace(b"membership", b"identity")],
            "line 3: an entry's value is not of its kind",
            id="a-value-of-another-kind",
        ),
        pytest.param(
            LINES[:2],
            "line 2: the last line, 1 after the header, which announces 2 entries and "
            f"1 list mappings; {HINT}",
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
    line = b'{"user":"ada@b.co","kind":"membership","last_write":["ada@b.co",1,2]}'
    with pytest.raises(ConfigError) as error:
        read_lines([LINES[0], line])

    assert "ada" not in str(error.value)


@given(SNAPSHOTS, SNAPSHOTS)
def test_an_import_brings_everything_and_undoes_nothing(
    snapshot: TableSnapshot, target: TableSnapshot
) -> None:
    """Each user's entries end as the merge of both, whichever is newer."""
    changes = missing_from(snapshot, target)
    after = {
        user: target.users.get(user, NO_ENTRIES).merge(
            changes.users.get(user, NO_ENTRIES)
        )
        for user in target.users.keys() | changes.users
    }

    assert {user: after.get(user) for user in snapshot.users} == {
        user: target.users.get(user, NO_ENTRIES).merge(entries)
        for user, entries in snapshot.users.items()
    }
    assert changes.users.keys() <= snapshot.users.keys()
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
