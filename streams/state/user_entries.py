"""All entries of a user, in memory: for commands that read the whole table."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple, TypeVar

import msgspec

from streams.state.entries import (
    AttributeNames,
    CommandKey,
    EntryKind,
    EntryName,
    LastWrite,
    attributes_key,
    command_key,
    decode_command_key,
    decode_identity,
    decode_last_write,
    decode_names,
    encode_entry,
    holder_key,
    identity_key,
    is_deletion,
    membership_key,
    parse_key,
)
from streams.state.identity import UNKNOWN, Identity

Memberships = dict[str, LastWrite]
"""Audience key to the last write on the user's membership."""


class ProfileEntries(NamedTuple):
    """Entries of a user that most events need: few entries, read together.

    Attributes:
        identity: Identifiers of the person.
        attributes: Last write on every set of attributes.
        deletions: Last deletions of the user, and of persons behind the key.
    """

    identity: Identity
    attributes: Mapping[AttributeNames, LastWrite]
    deletions: Mapping[CommandKey, LastWrite]


class UserEntries(msgspec.Struct, frozen=True, kw_only=True):
    """Last writes on the memberships, commands and attributes of a user; the identity.

    Attributes:
        memberships: Audience key to the last write on the user's membership.
        commands: Last write of each command.
        attributes: Names of attributes that were set together, to the last write on
            them.
        identity: Identifiers of the person.
        holders: Of an edge, user key to the user's last write on the edge.
    """

    memberships: Memberships = {}
    commands: dict[CommandKey, LastWrite] = {}
    attributes: dict[AttributeNames, LastWrite] = {}
    identity: Identity = UNKNOWN
    holders: dict[str, LastWrite] = {}

    def holder(self, user: str) -> LastWrite | None:
        """Return the last write of a user on an edge."""
        return self.holders.get(user)

    def membership(self, audience: str) -> LastWrite | None:
        """Return the last write on a membership."""
        return self.memberships.get(audience)

    def command(self, key: CommandKey) -> LastWrite | None:
        """Return the last write of a command."""
        return self.commands.get(key)

    @property
    def profile(self) -> ProfileEntries:
        """Entries that most events need."""
        deletions = {k: write for k, write in self.commands.items() if is_deletion(k)}
        return ProfileEntries(self.identity, self.attributes, deletions)

    def merge(self, other: "UserEntries") -> "UserEntries":
        """Merge two versions; of each entry the later write stays.

        Merging is commutative, associative and idempotent.
        """
        return UserEntries(
            memberships=_merge_writes(self.memberships, other.memberships),
            commands=_merge_writes(self.commands, other.commands),
            attributes=_merge_writes(self.attributes, other.attributes),
            identity=self.identity.merge(other.identity),
            holders=_merge_writes(self.holders, other.holders),
        )

    def without(self, other: "UserEntries") -> "UserEntries":
        """Return the entries that the other version does not have in the same form."""
        is_same_person = self.identity == other.identity
        return UserEntries(
            memberships=_difference(self.memberships, other.memberships),
            commands=_difference(self.commands, other.commands),
            attributes=_difference(self.attributes, other.attributes),
            identity=UNKNOWN if is_same_person else self.identity,
            holders=_difference(self.holders, other.holders),
        )


NO_ENTRIES: Final = UserEntries()

KeyT = TypeVar("KeyT", bound=str | CommandKey | AttributeNames)


def _merge_writes(
    writes: Mapping[KeyT, LastWrite], others: Mapping[KeyT, LastWrite]
) -> dict[KeyT, LastWrite]:
    merged = dict(writes)
    for key, write in others.items():
        _add(merged, key, write)
    return merged


def _difference(
    writes: Mapping[KeyT, LastWrite], others: Mapping[KeyT, LastWrite]
) -> dict[KeyT, LastWrite]:
    return {key: write for key, write in writes.items() if others.get(key) != write}


def _add(writes: dict[KeyT, LastWrite], key: KeyT, write: LastWrite) -> None:
    writes[key] = writes.get(key, write).merge(write)


class NamedEntry(NamedTuple):
    """Single entry with the entry's name, for formats with a line per entry.

    Attributes:
        name: Name of the entry.
        entry: Its value.
    """

    name: EntryName
    entry: LastWrite | Identity


def named_entries(entries: UserEntries) -> Iterator[NamedEntry]:
    """Yield every entry of a user with the name of the entry."""
    for audience, write in entries.memberships.items():
        yield NamedEntry(EntryName(EntryKind.MEMBERSHIP, audience), write)
    for key, write in entries.commands.items():
        name = EntryName(EntryKind.COMMAND, encode_entry(key).decode())
        yield NamedEntry(name, write)
    for names, write in entries.attributes.items():
        name = EntryName(EntryKind.ATTRIBUTES, encode_entry(names).decode())
        yield NamedEntry(name, write)
    if entries.identity != UNKNOWN:
        yield NamedEntry(EntryName(EntryKind.IDENTITY, ""), entries.identity)
    for user, write in entries.holders.items():
        yield NamedEntry(EntryName(EntryKind.HOLDER, user), write)


def collect_entries(named: Iterable[NamedEntry]) -> UserEntries:
    """Build the entries of a user from entries with names; equal names are merged.

    Raises:
        msgspec.MsgspecError: The name of an entry is not of its kind.
    """
    entries = UserEntries(memberships={}, commands={}, attributes={}, holders={})
    for name, entry in named:
        match name.kind, entry:
            case EntryKind.MEMBERSHIP, LastWrite():
                _add(entries.memberships, name.text, entry)
            case EntryKind.COMMAND, LastWrite():
                _add(entries.commands, decode_command_key(name.text), entry)
            case EntryKind.HOLDER, LastWrite():
                _add(entries.holders, name.text, entry)
            case EntryKind.ATTRIBUTES, LastWrite():
                _add(entries.attributes, decode_names(name.text), entry)
            case EntryKind.IDENTITY, Identity():
                identity = entries.identity.merge(entry)
                entries = msgspec.structs.replace(entries, identity=identity)
            case _:
                raise msgspec.ValidationError("an entry's value is not of its kind")
    return entries


def encode_entries(user: str, entries: UserEntries) -> Iterator[tuple[bytes, bytes]]:
    """Yield the table's key and value of every entry of a user."""
    user_key = user.encode()
    for audience, write in entries.memberships.items():
        yield membership_key(user_key, audience), encode_entry(write)
    for key, write in entries.commands.items():
        yield command_key(user_key, key), encode_entry(write)
    for names, write in entries.attributes.items():
        yield attributes_key(user_key, names), encode_entry(write)
    if entries.identity != UNKNOWN:
        yield identity_key(user_key), encode_entry(entries.identity)
    for holder, write in entries.holders.items():
        yield holder_key(user_key, holder), encode_entry(write)


def decode_table(records: Mapping[bytes, bytes]) -> dict[str, UserEntries]:
    """Return the entries of each user among the records of the table.

    Raises:
        ValueError: A key or a value is not of the table.
    """
    by_user: dict[str, list[NamedEntry]] = {}
    for key, value in records.items():
        user, name = parse_key(key)
        is_identity = name.kind is EntryKind.IDENTITY
        decode = decode_identity if is_identity else decode_last_write
        by_user.setdefault(user, []).append(NamedEntry(name, decode(value)))
    return {user: collect_entries(named) for user, named in by_user.items()}
