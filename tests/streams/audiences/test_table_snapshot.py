"""A table survives its lines, and joins another without loss."""

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
from streams.events.origin import Origin
from streams.state.last_write import LastWrite, merge_message_ids
from streams.state.user_row import merge_rows

AT = "2026-11-01T10:00:00+00:00"
TEXT = st.text(max_size=6)
ORIGINS = st.builds(
    Origin, topic=TEXT, partition=st.integers(0, 99), offset=st.integers(0, 2**63 - 1)
)
WORDS = st.builds(
    LastWrite,
    inside=st.booleans(),
    time_ms=st.integers(0, 2**41),
    origin=ORIGINS,
    message_ids=st.lists(TEXT, max_size=2).map(lambda ids: merge_message_ids(*ids)),
    list_id=TEXT,
    revision=st.integers(0, 3),
)
NAMES = TEXT | TEXT.map("\0list\0{}".format)
COPIES = st.builds(
    TableSnapshot,
    st.dictionaries(TEXT, st.dictionaries(NAMES, WORDS, max_size=3), max_size=4),
    st.dictionaries(
        TEXT, st.builds(ListMapping, list_id=TEXT, created=st.booleans(), refused=TEXT)
    ),
)

IN = LastWrite(inside=True, time_ms=5, origin=Origin(topic="t", partition=0, offset=7))
OUT = msgspec.structs.replace(IN, inside=False, time_ms=6)
COPY = TableSnapshot(
    {"u": {"vip": IN, "\0list\0L1": OUT}}, {"vip": ListMapping(list_id="L2")}
)
LINES = [*write_lines(COPY, exported_at=AT)]


@given(COPIES)
def test_a_copy_survives_its_lines(copy: TableSnapshot) -> None:
    """Rows as they are, commands and all; and no line holds a line end."""
    written = [*write_lines(copy, exported_at=AT)]

    assert not any(b"\n" in line for line in written)
    assert read_lines(written) == copy


def test_lines_can_be_read_by_eye() -> None:
    """A header that says what follows, then a JSON object each."""
    header, row, pairing = LINES

    assert header == (
        b'{"format":"klaviyo-streams.memberships","version":1,'
        b'"exported_at":"2026-11-01T10:00:00+00:00","rows":1,"pairings":1}'
    )
    assert row == (
        b'{"user":"u","row":{"vip":[true,5,["t",0,7],[],"",0],'
        b'"\\u0000list\\u0000L1":[false,6,["t",0,7],[],"",0]}}'
    )
    assert pairing == (
        b'{"audience":"vip","pairing":{"list_id":"L2","created":false,"refused":""}}'
    )


@pytest.mark.parametrize(
    ("given_lines", "words"),
    [
        pytest.param([], "line 1: no header of an export", id="empty"),
        pytest.param(LINES[1:], "line 1: no header of an export", id="no-header"),
        pytest.param([b"\xff"], "line 1: no header of an export", id="binary"),
        pytest.param(
            [LINES[0].replace(b"memberships", b"others")],
            "line 1: is no klaviyo-streams.memberships",
            id="another-format",
        ),
        pytest.param(
            [LINES[0].replace(b'"version":1', b'"version":2')],
            "line 1: is of version 2, and this reads 1; install",
            id="newer-version",
        ),
        pytest.param([*LINES[:2], b"nope"], "line 3: no JSON; export", id="no-json"),
        pytest.param([*LINES[:2], b"\xff"], "line 3: no JSON; export", id="not-utf8"),
        pytest.param(
            [*LINES, LINES[0]], "line 4: object contains unknown field", id="two-files"
        ),
        pytest.param(
            [*LINES[:2], b'{"user":"u"}'],
            "line 3: neither a row nor a list mapping",
            id="half-a-line",
        ),
        pytest.param(
            [*LINES[:2], b'{"user":"u","row":{"vip":[1]}}'],
            "line 3: expected `bool`, got `int`; export",
            id="damaged-row",
        ),
        pytest.param(LINES[:2], "line 2: the last one, 1 after the header", id="cut"),
    ],
)
def test_what_is_no_export_is_refused(given_lines: list[bytes], words: str) -> None:
    """With the line, the reason and the mend."""
    with pytest.raises(ConfigError, match=re.escape(words)) as error:
        read_lines(given_lines)

    assert len(error.value.problems) == 1
    assert "export" in str(error.value) or "install" in str(error.value)


def test_only_so_many_mistakes_are_told() -> None:
    """A log file given by accident scrolls nothing away."""
    with pytest.raises(ConfigError) as error:
        read_lines([LINES[0], *[b"nope"] * 1_000])

    assert len(error.value.problems) == PROBLEMS_MAX + 1


def test_a_mistake_shows_nobody() -> None:
    """No user and no value of the line that is wrong."""
    with pytest.raises(ConfigError) as error:
        read_lines([LINES[0], b'{"user":"ada@b.co","row":{"vip":["ada@b.co",1,2]}}'])

    assert "ada" not in str(error.value)


@given(COPIES, COPIES)
def test_what_is_missing_brings_all_and_undoes_nothing(
    copy: TableSnapshot, there: TableSnapshot
) -> None:
    """Each user's row ends as the merge of both, whichever is newer."""
    wanted = missing_from(copy, there)
    after = {**there.rows, **wanted.rows}

    assert {user: after.get(user, {}) for user in copy.rows} == {
        user: merge_rows(there.rows.get(user, {}), row)
        for user, row in copy.rows.items()
    }
    assert wanted.rows.keys() <= copy.rows.keys()
    assert missing_from(
        copy, TableSnapshot(after, {**there.list_mappings, **wanted.list_mappings})
    ) == TableSnapshot({}, {})


def test_a_list_that_an_audience_has_there_is_kept() -> None:
    """And one refused there, or not there at all, is taken; a refusal never is."""
    found, refused = (
        ListMapping(list_id="L1"),
        ListMapping(list_id="", refusal_reason="name"),
    )
    copy = TableSnapshot({}, {"a": found, "b": found, "c": found, "d": refused})
    there = TableSnapshot({}, {"a": ListMapping(list_id="L9"), "b": refused})

    assert missing_from(copy, there).list_mappings == {"b": found, "c": found}


def test_a_copy_is_counted() -> None:
    """Commands are of no audience."""
    assert COPY.summary() == "1 rows, 1 audiences, 1 members, 1 pairings"
