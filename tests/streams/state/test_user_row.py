"""A user's row survives its bytes, and two versions of it join without loss."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.events.origin import Origin
from streams.state.last_write import LastWrite, merge_message_ids
from streams.state.user_row import UserRow, decode_row, encode_row, merge_rows

# Few of each: most pairs are equal in time, and many in origin too.
ORIGINS = st.builds(
    Origin, topic=st.just("t"), partition=st.just(0), offset=st.integers(0, 1)
)
MEMBERSHIPS = st.builds(
    LastWrite,
    inside=st.booleans(),
    time_ms=st.integers(0, 1),
    origin=ORIGINS,
    message_ids=st.frozensets(st.text("abcdefghijklmnopqrstuvw", min_size=1)).map(
        lambda ids: merge_message_ids(*ids)
    ),
    list_id=st.sampled_from(["", "L1"]),
)
ROWS = st.dictionaries(st.sampled_from(["vip", "Zoë"]), MEMBERSHIPS)

T5 = LastWrite(inside=True, time_ms=5, origin=Origin(topic="t", partition=0, offset=7))


@given(ROWS)
def test_a_row_survives_its_bytes(row: UserRow) -> None:
    """What the changelog holds is what the table held."""
    assert decode_row(encode_row(row)) == row


def test_a_row_can_be_read_by_eye() -> None:
    """JSON, short enough for a changelog: state, time, origin, ids, list, revision."""
    row = {"vip": msgspec.structs.replace(T5, message_ids=("m",), list_id="L1")}

    assert encode_row(row) == b'{"vip":[true,5,["t",0,7],["m"],"L1",0]}'


def test_a_damaged_row_is_not_taken_for_an_empty_one() -> None:
    """A table that cannot be read must stop the worker."""
    with pytest.raises(msgspec.MsgspecError):
        decode_row(b'{"vip":[true]}')


def test_a_late_write_undoes_nothing() -> None:
    """A worker that should have been dead writes an older state after the new one."""
    newer = msgspec.structs.replace(T5, time_ms=6, inside=False)

    assert merge_rows({"vip": newer}, {"vip": T5}) == {"vip": newer}


@pytest.mark.parametrize(
    ("time_ms", "message_ids"),
    [
        pytest.param(5, ("a", "b"), id="same-time-all-heard"),
        pytest.param(6, ("b",), id="newer-time-its-own"),
    ],
)
def test_a_merged_membership_has_heard_what_was_said_at_its_time(
    time_ms: int, message_ids: tuple[str, ...]
) -> None:
    """A producer's repeat is known by whichever worker heard the event."""
    one = msgspec.structs.replace(T5, message_ids=("a",))
    other = msgspec.structs.replace(T5, time_ms=time_ms, message_ids=("b",))

    assert merge_rows({"vip": one}, {"vip": other})["vip"].message_ids == message_ids


def test_an_audience_only_one_version_knows_is_kept() -> None:
    """The two workers may have seen different audiences."""
    assert merge_rows({"vip": T5}, {"new": T5}) == {"vip": T5, "new": T5}


@given(ROWS, ROWS)
def test_merge_is_commutative(one: UserRow, other: UserRow) -> None:
    """The order of the changelog makes no difference."""
    assert merge_rows(one, other) == merge_rows(other, one)


@given(ROWS, ROWS, ROWS)
def test_merge_is_associative(one: UserRow, other: UserRow, third: UserRow) -> None:
    """Nor does what was compacted before."""
    assert merge_rows(merge_rows(one, other), third) == merge_rows(
        one, merge_rows(other, third)
    )


@given(ROWS, ROWS)
def test_merge_is_idempotent(one: UserRow, other: UserRow) -> None:
    """Nor does reading a record twice."""
    merged = merge_rows(one, other)

    assert merge_rows(merged, other) == merged == merge_rows(merged, merged)
