"""Tests that a user's row survives encoding, and that versions of a row merge."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.events.canonical_event import Origin
from streams.state.last_write import LastWrite, merge_message_ids
from streams.state.user_row import (
    COMMANDS_MAX,
    EMPTY_ROW,
    CommandKey,
    Matter,
    UserRow,
    decode_row,
    encode_row,
    entries_of,
    merge_rows,
    row_of,
)

# Few of each: most pairs are equal in time, and many in origin too.
ORIGINS = st.builds(
    Origin, topic=st.just("t"), partition=st.just(0), offset=st.integers(0, 1)
)
WRITES = st.builds(
    LastWrite,
    inside=st.booleans(),
    time_ms=st.integers(0, 1),
    origin=ORIGINS,
    message_ids=st.frozensets(st.text("abcdefghijklmnopqrstuvw", min_size=1)).map(
        lambda ids: merge_message_ids(*ids)
    ),
    list_id=st.sampled_from(["", "L1"]),
)
ROWS = st.builds(
    UserRow,
    memberships=st.dictionaries(st.sampled_from(["vip", "Zoë"]), WRITES),
    commands=st.dictionaries(
        st.builds(CommandKey, st.sampled_from(Matter), st.sampled_from(["", "L1"])),
        WRITES,
        max_size=2,
    ),
    attributes=st.dictionaries(
        st.sampled_from([("email",), ("email", "title")]), WRITES
    ),
)

T5 = LastWrite(inside=True, time_ms=5, origin=Origin(topic="t", partition=0, offset=7))


def vip(write: LastWrite) -> UserRow:
    """Return a row with a single membership."""
    return UserRow(memberships={"vip": write})


@given(ROWS)
def test_a_row_survives_its_encoding(row: UserRow) -> None:
    """The changelog restores the row that the table held."""
    assert decode_row(encode_row(row)) == row


@given(ROWS)
def test_a_row_survives_its_entries(row: UserRow) -> None:
    """Formats with a line per entry restore the row, too."""
    assert row_of(entries_of(row)) == row


def test_a_row_is_readable_json() -> None:
    """An entry holds state, time, origin, message ids, list and revision."""
    row = UserRow(
        memberships={
            "vip": msgspec.structs.replace(T5, message_ids=("m",), list_id="L1")
        },
        commands={CommandKey(Matter.LIST, "L2", subject="email=a@b.co"): T5},
        attributes={("email", "title"): T5},
    )

    assert encode_row(row) == (
        b'{"memberships":{"vip":[true,5,["t",0,7],["m"],"L1",0]},'
        b'"commands":[[["list","L2","","email=a@b.co"],[true,5,["t",0,7],[],"",0]]],'
        b'"attributes":[[["email","title"],[true,5,["t",0,7],[],"",0]]]}'
    )


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b'{"memberships":{"vip":[true]}}', id="short-entry"),
        pytest.param(b'{"vip":[true,5,["t",0,7],[],"",0]}', id="unknown-field"),
        pytest.param(b"[]", id="not-an-object"),
    ],
)
def test_a_damaged_row_is_not_read_as_an_empty_row(raw: bytes) -> None:
    """A table that cannot be read must stop the worker."""
    with pytest.raises(msgspec.MsgspecError):
        decode_row(raw)


def test_commands_and_memberships_of_equal_names_stay_apart() -> None:
    """An audience may have any key, even the name of a matter."""
    row = UserRow(memberships={"list": T5}, commands={CommandKey(Matter.LIST): T5})

    assert decode_row(encode_row(row)) == row


def test_a_row_keeps_the_newest_commands() -> None:
    """The limit bounds the row of a device that a crowd uses."""
    commands = {
        CommandKey(Matter.LIST, f"L{time_ms}"): msgspec.structs.replace(
            T5, time_ms=time_ms
        )
        for time_ms in range(COMMANDS_MAX + 1)
    }

    row = EMPTY_ROW.with_commands(commands)

    assert commands.keys() - row.commands.keys() == {CommandKey(Matter.LIST, "L0")}


def test_a_late_write_undoes_nothing() -> None:
    """A worker that should be dead writes an older state after the new state."""
    newer = msgspec.structs.replace(T5, time_ms=6, inside=False)

    assert merge_rows(vip(newer), vip(T5)) == vip(newer)


@pytest.mark.parametrize(
    ("time_ms", "message_ids"),
    [
        pytest.param(5, ("a", "b"), id="same-time-both"),
        pytest.param(6, ("b",), id="newer-time-only-its-own"),
    ],
)
def test_a_merged_write_has_the_message_ids_of_its_time(
    time_ms: int, message_ids: tuple[str, ...]
) -> None:
    """A producer's duplicate is recognized by whichever worker saw the event."""
    row = vip(msgspec.structs.replace(T5, message_ids=("a",)))
    other = vip(msgspec.structs.replace(T5, time_ms=time_ms, message_ids=("b",)))

    assert merge_rows(row, other).memberships["vip"].message_ids == message_ids


def test_an_entry_that_only_one_version_has_is_kept() -> None:
    """The two workers may have seen different audiences."""
    other = UserRow(memberships={"new": T5})

    assert merge_rows(vip(T5), other).memberships == {"vip": T5, "new": T5}


@given(ROWS, ROWS)
def test_merging_is_commutative(row: UserRow, other: UserRow) -> None:
    """The order of the changelog makes no difference."""
    assert merge_rows(row, other) == merge_rows(other, row)


@given(ROWS, ROWS, ROWS)
def test_merging_is_associative(row: UserRow, other: UserRow, third: UserRow) -> None:
    """Compaction of the changelog makes no difference."""
    assert merge_rows(merge_rows(row, other), third) == merge_rows(
        row, merge_rows(other, third)
    )


@given(ROWS, ROWS)
def test_merging_is_idempotent(row: UserRow, other: UserRow) -> None:
    """A changelog record that is read twice makes no difference."""
    merged = merge_rows(row, other)

    assert merge_rows(merged, other) == merged == merge_rows(merged, merged)
