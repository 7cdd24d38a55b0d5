"""State of a user: entries read from the table on demand, and changes on top."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, Protocol, TypeVar

import msgspec

from streams.state.entries import (
    ERASED,
    AttributeNames,
    CommandKey,
    EntryGroup,
    EntryKind,
    LastWrite,
    attributes_key,
    command_key,
    decode_command_key,
    decode_identity,
    decode_last_write,
    decode_names,
    encode_entry,
    group_key,
    identity_key,
    is_deletion,
    membership_key,
    parse_name,
)
from streams.state.identity import UNKNOWN, Identity
from streams.state.user_entries import NO_ENTRIES, Memberships


class EntryReader(Protocol):
    """Entries of a user before an event."""

    def membership(self, audience: str) -> LastWrite | None:
        """Return the last write on a membership."""
        ...

    def command(self, key: CommandKey) -> LastWrite | None:
        """Return the last write of a command."""
        ...

    @property
    def memberships(self) -> Mapping[str, LastWrite]:
        """Last write on every membership."""
        ...

    @property
    def commands(self) -> Mapping[CommandKey, LastWrite]:
        """Last write of every command."""
        ...

    @property
    def attributes(self) -> Mapping[AttributeNames, LastWrite]:
        """Last write on every set of attributes."""
        ...

    @property
    def identity(self) -> Identity:
        """Identifiers of the person."""
        ...

    @property
    def has_deletions(self) -> bool:
        """True if the user, or a person behind the key, was ever deleted."""
        ...


class UserState(msgspec.Struct, frozen=True, kw_only=True):
    """State of a user after some events.

    States are values: a change makes a new state, and an unchanged state is the same
    object. Only changes are written to the table.

    Attributes:
        stored: Entries in the table.
        membership_changes: Changed memberships; None removes one.
        command_changes: Changed commands; None removes one.
        attribute_changes: Changed sets of attributes; None removes one.
        identity_change: The identity, if it changed; `UNKNOWN` removes it.
    """

    stored: EntryReader = NO_ENTRIES
    membership_changes: Mapping[str, LastWrite | None] = {}
    command_changes: Mapping[CommandKey, LastWrite | None] = {}
    attribute_changes: Mapping[AttributeNames, LastWrite | None] = {}
    identity_change: Identity | None = None

    def membership(self, audience: str) -> LastWrite | None:
        """Return the last write on a membership."""
        if audience in self.membership_changes:
            return self.membership_changes[audience]
        return self.stored.membership(audience)

    def command(self, key: CommandKey) -> LastWrite | None:
        """Return the last write of a command."""
        if key in self.command_changes:
            return self.command_changes[key]
        return self.stored.command(key)

    @property
    def memberships(self) -> Memberships:
        """Last write on every membership; the cost grows with their number."""
        return _apply(self.stored.memberships, self.membership_changes)

    @property
    def commands(self) -> dict[CommandKey, LastWrite]:
        """Last write of every command; the cost grows with their number."""
        return _apply(self.stored.commands, self.command_changes)

    @property
    def attributes(self) -> Mapping[AttributeNames, LastWrite]:
        """Last write on every set of attributes."""
        if not self.attribute_changes:
            return self.stored.attributes
        return _apply(self.stored.attributes, self.attribute_changes)

    @property
    def identity(self) -> Identity:
        """Identifiers of the person."""
        if self.identity_change is not None:
            return self.identity_change
        return self.stored.identity

    @property
    def has_deletions(self) -> bool:
        """True if the user, or a person behind the key, was ever deleted."""
        changes = self.command_changes
        return self.stored.has_deletions or any(map(is_deletion, changes))

    def last_writes(self) -> Iterator[LastWrite]:
        """Yield the last write of every entry."""
        yield from self.memberships.values()
        yield from self.commands.values()
        yield from self.attributes.values()

    def with_membership(self, audience: str, write: LastWrite | None) -> "UserState":
        """Return the state with another last write on a membership."""
        changes = {**self.membership_changes, audience: write}
        return msgspec.structs.replace(self, membership_changes=changes)

    def with_command(self, key: CommandKey, write: LastWrite | None) -> "UserState":
        """Return the state with another last write of a command."""
        changes = {**self.command_changes, key: write}
        return msgspec.structs.replace(self, command_changes=changes)

    def with_attributes(
        self, changes: Mapping[AttributeNames, LastWrite | None]
    ) -> "UserState":
        """Return the state with other sets of attributes."""
        changes = {**self.attribute_changes, **changes}
        return msgspec.structs.replace(self, attribute_changes=changes)

    def with_identity(self, identity: Identity) -> "UserState":
        """Return the state with another identity."""
        return msgspec.structs.replace(self, identity_change=identity)

    def without_entries_before(self, deletion: LastWrite) -> "UserState":
        """Return the state without the entries that a deletion erases.

        Only deletions stay: an older event must not create the person again.
        """
        commands = {
            key: None
            for key, write in self.commands.items()
            if write.rank < deletion.rank and not is_deletion(key)
        }
        return UserState(
            stored=self.stored,
            membership_changes={
                **self.membership_changes,
                **_removals(self.memberships, deletion),
            },
            command_changes={**self.command_changes, **commands},
            attribute_changes={
                **self.attribute_changes,
                **_removals(self.attributes, deletion),
            },
            identity_change=self.identity.after(deletion.time_ms),
        )


EMPTY_STATE: Final = UserState()

KeyT = TypeVar("KeyT", bound=str | CommandKey | AttributeNames)


def _apply(
    stored: Mapping[KeyT, LastWrite], changes: Mapping[KeyT, LastWrite | None]
) -> dict[KeyT, LastWrite]:
    changed = {**stored, **changes}
    return {key: write for key, write in changed.items() if write is not None}


def _removals(
    writes: Mapping[KeyT, LastWrite], deletion: LastWrite
) -> dict[KeyT, LastWrite | None]:
    return {key: None for key, write in writes.items() if write.rank < deletion.rank}


class TableEntries:
    """Entries of a user in the table, read when they are needed and at most once.

    An entry older than the user's deletion counts as absent: a worker that should have
    been dead may have written it late.

    Args:
        user: The user key.
        get: Returns the entry of a key.
        scan: Returns the entries of a group, by name.
    """

    def __init__(
        self,
        user: bytes,
        *,
        get: Callable[[bytes], bytes | None],
        scan: Callable[[bytes], Mapping[bytes, bytes]],
    ) -> None:
        self._user = user
        self._get = get
        self._scan = scan
        self._read_entries: dict[bytes, LastWrite | None] = {}
        self._attributes: dict[AttributeNames, LastWrite] = {}
        self._deletions: dict[CommandKey, LastWrite] = {}
        self._identity = UNKNOWN
        self._is_profile_read = False

    def membership(self, audience: str) -> LastWrite | None:
        """Implement `EntryReader.membership` with the table."""
        return self._read(membership_key(self._user, audience))

    def command(self, key: CommandKey) -> LastWrite | None:
        """Implement `EntryReader.command` with the table."""
        if is_deletion(key):
            self._read_profile()
            return self._deletions.get(key)
        return self._read(command_key(self._user, key))

    @property
    def memberships(self) -> Memberships:
        """Implement `EntryReader.memberships` with the table."""
        entries = self._scan(group_key(self._user, EntryGroup.MEMBERSHIP))
        memberships = {n.decode(): decode_last_write(e) for n, e in entries.items()}
        return {k: write for k, write in memberships.items() if self._is_live(write)}

    @property
    def commands(self) -> dict[CommandKey, LastWrite]:
        """Implement `EntryReader.commands` with the table."""
        entries = self._scan(group_key(self._user, EntryGroup.COMMAND))
        commands = {
            decode_command_key(name): decode_last_write(entry)
            for name, entry in entries.items()
        }
        live = {k: write for k, write in commands.items() if self._is_live(write)}
        return live | self._deletions

    @property
    def attributes(self) -> dict[AttributeNames, LastWrite]:
        """Implement `EntryReader.attributes` with the table."""
        self._read_profile()
        return self._attributes

    @property
    def identity(self) -> Identity:
        """Implement `EntryReader.identity` with the table."""
        self._read_profile()
        return self._identity

    @property
    def has_deletions(self) -> bool:
        """Implement `EntryReader.has_deletions` with the table."""
        self._read_profile()
        return bool(self._deletions)

    def _read(self, key: bytes) -> LastWrite | None:
        if key not in self._read_entries:
            raw = self._get(key)
            write = decode_last_write(raw) if raw is not None else None
            is_live = write is not None and self._is_live(write)
            self._read_entries[key] = write if is_live else None
        return self._read_entries[key]

    def _is_live(self, write: LastWrite) -> bool:
        self._read_profile()
        deletion = self._deletions.get(ERASED)
        return deletion is None or write.rank >= deletion.rank

    def _read_profile(self) -> None:
        if self._is_profile_read:
            return
        self._is_profile_read = True
        entries = self._scan(group_key(self._user, EntryGroup.PROFILE))
        for raw_name, entry in entries.items():
            kind, text = parse_name(EntryGroup.PROFILE, raw_name.decode())
            match kind:
                case EntryKind.IDENTITY:
                    self._identity = decode_identity(entry)
                case EntryKind.COMMAND:
                    key = decode_command_key(text)
                    self._deletions[key] = decode_last_write(entry)
                case _:
                    write = decode_last_write(entry)
                    self._attributes[decode_names(text)] = write
        if deletion := self._deletions.get(ERASED):
            self._identity = self._identity.after(deletion.time_ms)
            self._attributes = {
                names: write
                for names, write in self._attributes.items()
                if self._is_live(write)
            }


def encode_changes(user: bytes, state: UserState) -> dict[bytes, bytes | None]:
    """Return the records that write the changes of a state to the table.

    Deletions are the last: if a worker is killed in between, the redelivered deletion
    is applied again, and removes the entries that are left.

    Args:
        user: The user key.
        state: The state after all events.
    """
    identity = state.identity_change
    changes: dict[bytes, LastWrite | Identity | None] = {
        membership_key(user, audience): write
        for audience, write in state.membership_changes.items()
    }
    for names, write in state.attribute_changes.items():
        changes[attributes_key(user, names)] = write
    if identity is not None:
        changes[identity_key(user)] = None if identity == UNKNOWN else identity
    by_matter = sorted(state.command_changes.items(), key=lambda i: is_deletion(i[0]))
    for key, write in by_matter:
        changes[command_key(user, key)] = write
    return {
        key: None if entry is None else encode_entry(entry)
        for key, entry in changes.items()
    }
