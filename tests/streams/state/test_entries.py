"""Tests that entries survive the table, and that versions of an entry merge."""

from functools import reduce
from typing import TypeAlias

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.engine.store import MemoryStore
from streams.events.canonical_event import Origin
from streams.state.entries import (
    DELETED,
    ERASED,
    CommandKey,
    EntryKind,
    LastWrite,
    Matter,
    encode_entry,
    merge_entry,
    merge_message_ids,
    parse_key,
)
from streams.state.identity import Identity, KnownIdentifier
from streams.state.user_entries import (
    NO_ENTRIES,
    UserEntries,
    collect_entries,
    decode_table,
    encode_entries,
    named_entries,
)
from streams.state.user_state import (
    TableEntries,
    UserState,
    deletions_last,
    encode_changes,
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
IDENTITIES = st.builds(
    Identity,
    external_id=st.sampled_from(["", "u1"]),
    emails=st.sampled_from(["a@b.co", "Zoë@b.co"]).flatmap(
        lambda value: st.lists(
            st.builds(
                KnownIdentifier,
                value=st.just(value),
                times_ms=st.tuples(st.integers(0, 9)),
                identified=st.just(value=True),
            ),
            max_size=1,
        ).map(tuple)
    ),
)
ENTRIES = st.builds(
    UserEntries,
    memberships=st.dictionaries(st.sampled_from(["vip", "Zoë"]), WRITES),
    commands=st.dictionaries(
        st.builds(CommandKey, st.sampled_from(Matter), st.sampled_from(["", "L1"])),
        WRITES,
        max_size=2,
    ),
    attributes=st.dictionaries(
        st.sampled_from([("email",), ("email", "title")]), WRITES
    ),
    identity=IDENTITIES,
    holders=st.dictionaries(st.sampled_from(["ada", "Zoë [x]"]), WRITES),
)
T5 = LastWrite(inside=True, time_ms=5, origin=Origin(topic="t", partition=0, offset=7))
T6 = msgspec.structs.replace(T5, time_ms=6, inside=False)

Stored: TypeAlias = dict[bytes, bytes | None]


def _read(user: bytes, *records: Stored) -> TableEntries:
    """Return the entries of a user as a worker reads them from these records."""
    store = MemoryStore()
    for written in records:
        store.write(written, next_offset=0)
    return TableEntries(user, get=store.get, scan=store.scan)


def _all_of(reader: TableEntries) -> UserEntries:
    return UserEntries(
        memberships=reader.memberships,
        commands=reader.commands,
        attributes=dict(reader.profile.attributes),
        identity=reader.profile.identity,
        holders=dict(reader.holders),
    )


@given(st.dictionaries(st.sampled_from(["ada", "ad", "Zoë [x]"]), ENTRIES))
def test_entries_survive_the_table(users: dict[str, UserEntries]) -> None:
    """Workers and commands read what was written, user by user."""
    records = {
        key: entry
        for user, entries in users.items()
        for key, entry in encode_entries(user, entries)
    }

    assert decode_table(records) == {
        user: entries for user, entries in users.items() if entries != NO_ENTRIES
    }


@given(ENTRIES)
def test_entries_survive_their_names(entries: UserEntries) -> None:
    """Formats with a line per entry restore the entries, too."""
    assert collect_entries(named_entries(entries)) == entries


def test_keys_and_entries_are_readable() -> None:
    """Any Kafka tool can show what is known of a user."""
    entries = UserEntries(
        memberships={
            "vip": msgspec.structs.replace(T5, message_ids=("m",), list_id="L1")
        },
        commands={CommandKey(Matter.LIST, "L2", subject="3f"): T5, DELETED: T5},
        attributes={("email", "title"): T5},
        identity=Identity(
            external_id="ada",
            emails=(KnownIdentifier(value="a@b.co", times_ms=(5,), identified=True),),
        ),
    )

    assert dict(encode_entries("ada", entries)) == {
        b"ada\0membership\0vip": b'[true,5,["t",0,7,0],["m"],"L1",0,[]]',
        b'ada\0command\0["list","L2","","3f"]': b'[true,5,["t",0,7,0],[],"",0,[]]',
        b'ada\0profile\0command["deleted","","",""]': (
            b'[true,5,["t",0,7,0],[],"",0,[]]'
        ),
        b'ada\0profile\0attributes["email","title"]': (
            b'[true,5,["t",0,7,0],[],"",0,[]]'
        ),
        b"ada\0profile\0identity": (
            b'{"external_id":"ada","emails":[["a@b.co",[5],true]]}'
        ),
    }


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(b"ada", id="no-group"),
        pytest.param(b"ada\0other\0vip", id="unknown-group"),
        pytest.param(b"ada\0profile\0other[]", id="unknown-kind"),
        pytest.param(b"ada\0membership\0vip\0", id="one-part-too-many"),
        pytest.param(b"\xff\0membership\0vip", id="not-utf8"),
    ],
)
def test_a_key_of_another_topic_is_refused(key: bytes) -> None:
    """A changelog that holds something else must stop the command."""
    with pytest.raises(ValueError, match=r".+"):
        parse_key(key)


@pytest.mark.parametrize(
    "entry", [b"[true]", b"{}", b"nope"], ids=["short", "another-kind", "not-json"]
)
def test_a_damaged_entry_is_not_read_as_absent(entry: bytes) -> None:
    """A table that cannot be read must stop the worker."""
    stored = _read(b"ada", {b"ada\0membership\0vip": entry})

    with pytest.raises(msgspec.MsgspecError):
        stored.membership("vip")


def test_a_late_write_undoes_nothing() -> None:
    """A worker that should be dead writes an older entry after the new one."""
    newer, older = encode_entry(T6), encode_entry(T5)

    assert merge_entry(b"u\0membership\0vip", newer, older) == newer
    assert merge_entry(b"u\0membership\0vip", older, newer) == newer


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
    write = msgspec.structs.replace(T5, message_ids=("a",))
    other = msgspec.structs.replace(T5, time_ms=time_ms, message_ids=("b",))

    assert write.merge(other).message_ids == message_ids


@pytest.mark.parametrize(
    ("entry", "changed", "merged"),
    [
        pytest.param(None, b"x", b"x", id="new"),
        pytest.param(b"x", None, None, id="removed"),
        pytest.param(None, None, None, id="removed-before"),
    ],
)
def test_removals_in_the_changelog(
    entry: bytes | None, changed: bytes | None, merged: bytes | None
) -> None:
    """A removal removes; what comes behind it counts."""
    assert merge_entry(b"u\0membership\0vip", entry, changed) == merged


@given(ENTRIES, ENTRIES)
def test_merging_is_commutative(entries: UserEntries, other: UserEntries) -> None:
    """The order of the changelog makes no difference."""
    assert entries.merge(other) == other.merge(entries)


@given(ENTRIES, ENTRIES, ENTRIES)
def test_merging_is_associative(
    entries: UserEntries, other: UserEntries, third: UserEntries
) -> None:
    """Compaction of the changelog makes no difference."""
    merged = entries.merge(other).merge(third)

    assert merged == entries.merge(other.merge(third))


@given(st.lists(ENTRIES, min_size=1, max_size=3))
def test_records_merge_as_entries_do(versions: list[UserEntries]) -> None:
    """A recovery record by record ends as a merge of whole users."""
    records: Stored = {}
    for version in versions:
        for key, entry in encode_entries("ada", version):
            records[key] = merge_entry(key, records.get(key), entry)

    merged = reduce(UserEntries.merge, versions)

    assert dict(encode_entries("ada", merged)) == records


def test_changes_are_on_top_of_stored_entries() -> None:
    """Only what changed is written, and a removal is a record without a value."""
    before = UserEntries(memberships={"vip": T5, "old": T5}, attributes={("a",): T5})
    records: Stored = dict(encode_entries("ada", before))
    state = UserState(stored=_read(b"ada", records))

    state = state.with_membership("vip", T6).with_membership("old", None)
    changes = encode_changes(b"ada", state)

    assert state.membership("vip") == T6
    assert state.membership("old") is None
    assert state.memberships == {"vip": T6}
    assert state.attributes == {("a",): T5}
    assert changes == {
        b"ada\0membership\0vip": encode_entry(T6),
        b"ada\0membership\0old": None,
    }


def test_a_deletion_is_written_last() -> None:
    """A worker that is killed in between applies the whole deletion again."""
    entries = UserEntries(
        memberships={"vip": T5},
        commands={CommandKey(Matter.LIST, "L1"): T5},
        attributes={("title",): T5},
        identity=Identity(emails=(KnownIdentifier(value="a@b.co", times_ms=(5,)),)),
    )
    state = UserState(stored=entries).with_command(DELETED, T6)

    changes = encode_changes(b"ada", state.without_entries_before(T6))

    *erased, (key, marker) = deletions_last(changes)
    assert all(entry is None for _, entry in erased)
    assert len(erased) == 4
    assert parse_key(key)[1].kind is EntryKind.COMMAND
    assert marker == encode_entry(T6)


def test_the_next_event_reads_what_the_last_one_changed() -> None:
    """Changes of several events add up, and are read before they are in the table."""
    stored = UserEntries(
        memberships={"vip": T5, "old": T5}, commands={CommandKey(Matter.LIST, "L1"): T5}
    )
    entries = _read(b"ada", dict(encode_entries("ada", stored)))
    known = Identity(emails=(KnownIdentifier(value="a@b.co", times_ms=(5,)),))

    entries.update(UserState(stored=entries).with_membership("vip", T6))
    entries.update(UserState(stored=entries).with_membership("new", T6))
    entries.update(UserState(stored=entries).with_attributes({("title",): T6}))
    entries.update(UserState(stored=entries).with_identity(known))
    entries.update(UserState(stored=entries).with_command(CommandKey(Matter.LIST), T6))

    expected = UserEntries(
        memberships={"vip": T6, "old": T5, "new": T6},
        commands={CommandKey(Matter.LIST, "L1"): T5, CommandKey(Matter.LIST): T6},
        attributes={("title",): T6},
        identity=known,
    )
    assert _all_of(entries) == expected
    assert entries.membership("new") == T6
    assert entries.command(CommandKey(Matter.LIST)) == T6
    written = dict(encode_entries("ada", stored)) | entries.changes
    assert _all_of(_read(b"ada", written)) == expected


def test_the_next_user_of_an_edge_reads_what_the_last_one_changed() -> None:
    """Before it is in the table, and from the table."""
    stored = UserEntries(holders={"ada": T5, "eve": T5})
    entries = _read(b"edge:1", dict(encode_entries("edge:1", stored)))

    entries.update(UserState(stored=entries).with_holder("bob", T6))
    state = UserState(stored=entries).with_holder("ada", None)

    assert state.holders == {"bob": T6, "eve": T5}
    assert (state.holder("ada"), state.holder("bob")) == (None, T6)
    entries.update(state)
    written = dict(encode_entries("edge:1", stored)) | entries.changes
    assert _read(b"edge:1", written).holders == {"bob": T6, "eve": T5}


def test_the_event_after_a_deletion_reads_nothing_of_before() -> None:
    """The entries that a deletion erased are absent, also if others changed before."""
    stored = UserEntries(memberships={"old": T5}, attributes={("title",): T5})
    entries = _read(b"ada", dict(encode_entries("ada", stored)))

    entries.update(UserState(stored=entries).with_membership("vip", T5))
    state = UserState(stored=entries).with_command(ERASED, T6)
    entries.update(state.without_entries_before(T6))

    assert _all_of(entries) == UserEntries(commands={ERASED: T6})
    assert entries.membership("vip") is None
    assert UserState(stored=entries).is_erased_after(T5.rank)


def test_what_a_dead_worker_writes_after_a_deletion_is_absent() -> None:
    """Entries older than the deletion were erased; a late copy changes nothing."""
    late = UserEntries(
        memberships={"vip": T5},
        commands={CommandKey(Matter.LIST, "L1"): T5, ERASED: T6},
        attributes={("title",): T5},
        identity=Identity(emails=(KnownIdentifier(value="a@b.co", times_ms=(5,)),)),
    )
    records: Stored = dict(encode_entries("ada", late))
    stored = _read(b"ada", records)

    assert stored.membership("vip") is None
    assert stored.command(CommandKey(Matter.LIST, "L1")) is None
    assert _all_of(stored) == UserEntries(commands={ERASED: T6})
