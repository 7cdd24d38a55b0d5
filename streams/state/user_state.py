"""State of a user: entries read from the table on demand, and changes on top."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Protocol, TypeVar

import msgspec

from streams.state.entries import (
    ATTRIBUTES_PREFIX,
    COMMAND_PREFIX,
    DELETION_INFIX,
    ERASED,
    IDENTITY_NAME,
    AttributeNames,
    CommandKey,
    EntryGroup,
    LastWrite,
    Rank,
    attributes_key,
    command_key,
    decode_command_key,
    decode_identity,
    decode_last_write,
    decode_names,
    encode_entry,
    group_key,
    holder_key,
    identity_key,
    is_deletion,
    membership_key,
)
from streams.state.identity import UNKNOWN, Identity
from streams.state.user_entries import NO_ENTRIES, Memberships, ProfileEntries


class EntryReader(Protocol):
    """Entries of a user before an event."""

    def membership(self, audience: str) -> LastWrite | None:
        """Return the last write on a membership."""
        ...

    def command(self, key: CommandKey) -> LastWrite | None:
        """Return the last write of a command."""
        ...

    def holder(self, user: str) -> LastWrite | None:
        """Return the last write of a user on an edge."""
        ...

    @property
    def holders(self) -> Mapping[str, LastWrite]:
        """Last write of every user on an edge."""
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
    def profile(self) -> ProfileEntries:
        """Entries that most events need."""
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
        holder_changes: Of an edge, changed holders; None removes one.
    """

    stored: EntryReader = NO_ENTRIES
    membership_changes: Mapping[str, LastWrite | None] = {}
    command_changes: Mapping[CommandKey, LastWrite | None] = {}
    attribute_changes: Mapping[AttributeNames, LastWrite | None] = {}
    identity_change: Identity | None = None
    holder_changes: Mapping[str, LastWrite | None] = {}

    def holder(self, user: str) -> LastWrite | None:
        """Return the last write of a user on an edge."""
        if user in self.holder_changes:
            return self.holder_changes[user]
        return self.stored.holder(user)

    @property
    def holders(self) -> dict[str, LastWrite]:
        """Last write of every user on an edge."""
        return _apply(self.stored.holders, self.holder_changes)

    def with_holder(self, user: str, write: LastWrite | None) -> "UserState":
        """Return the state of an edge with another last write of a user."""
        changes = {**self.holder_changes, user: write}
        return msgspec.structs.replace(self, holder_changes=changes)

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
        """Last write on every membership; the cost grows with the memberships."""
        return _apply(self.stored.memberships, self.membership_changes)

    @property
    def commands(self) -> dict[CommandKey, LastWrite]:
        """Last write of every command; the cost grows with the number of commands."""
        return _apply(self.stored.commands, self.command_changes)

    @property
    def attributes(self) -> Mapping[AttributeNames, LastWrite]:
        """Last write on every set of attributes."""
        stored, changes = self.stored.profile.attributes, self.attribute_changes
        if not changes:
            return stored
        changed = {**stored, **changes}
        return {names: write for names, write in changed.items() if write is not None}

    @property
    def identity(self) -> Identity:
        """Identifiers of the person."""
        if self.identity_change is not None:
            return self.identity_change
        return self.stored.profile.identity

    def is_erased_after(self, rank: Rank) -> bool:
        """Return True if the user's entries were erased after a write.

        An older event must not create a deleted profile again.
        """
        stored = self.stored.profile.deletions.get(ERASED)
        deletion = self.command_changes.get(ERASED, stored)
        return deletion is not None and rank < deletion.rank

    def with_membership(self, audience: str, write: LastWrite | None) -> "UserState":
        """Return the state with another last write on a membership."""
        changes = {**self.membership_changes, audience: write}
        return msgspec.structs.replace(self, membership_changes=changes)

    def with_memberships(self, writes: Mapping[str, LastWrite]) -> "UserState":
        """Return the state with other last writes on some memberships."""
        changes = {**self.membership_changes, **writes}
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


def _written_since(
    writes: Mapping[KeyT, LastWrite], deletion: LastWrite
) -> dict[KeyT, LastWrite]:
    return {key: write for key, write in writes.items() if write.rank >= deletion.rank}


@dataclass
class TableEntries:
    """Entries of a user in the table, read on demand and at most once.

    An entry older than the user's deletion counts as absent: a worker that should have
    been dead may have written it late.

    Args:
        user: The user key.
        get: Returns the entry of a key.
        scan: Returns the entries of a group, by name.

    Attributes:
        changes: Records that write the changes of all events so far to the table.
    """

    user: bytes
    get: Callable[[bytes], bytes | None]
    scan: Callable[[bytes], Mapping[bytes, bytes]]
    changes: dict[bytes, bytes | None] = field(default_factory=dict)
    _entries: dict[bytes, LastWrite | None] = field(default_factory=dict)

    def membership(self, audience: str) -> LastWrite | None:
        """Implement `EntryReader.membership` with the table."""
        return self._read(membership_key(self.user, audience))

    def command(self, key: CommandKey) -> LastWrite | None:
        """Implement `EntryReader.command` with the table."""
        if is_deletion(key):
            return self.profile.deletions.get(key)
        return self._read(command_key(self.user, key))

    def holder(self, user: str) -> LastWrite | None:
        """Implement `EntryReader.holder` with the table."""
        key = holder_key(self.user, user)
        raw = self.changes[key] if key in self.changes else self.get(key)
        return None if raw is None else decode_last_write(raw)

    @property
    def holders(self) -> dict[str, LastWrite]:
        """Implement `EntryReader.holders` with the table."""
        entries = self._scan_changed(group_key(self.user, EntryGroup.HOLDER))
        return {n.decode(): decode_last_write(e) for n, e in entries.items()}

    @property
    def memberships(self) -> Memberships:
        """Implement `EntryReader.memberships` with the table."""
        entries = self._scan_changed(group_key(self.user, EntryGroup.MEMBERSHIP))
        return self._live(
            {n.decode(): decode_last_write(e) for n, e in entries.items()}
        )

    @property
    def commands(self) -> dict[CommandKey, LastWrite]:
        """Implement `EntryReader.commands` with the table."""
        entries = self._scan_changed(group_key(self.user, EntryGroup.COMMAND))
        commands = {
            decode_command_key(name): decode_last_write(entry)
            for name, entry in entries.items()
        }
        return self._live(commands) | dict(self.profile.deletions)

    @cached_property
    def profile(self) -> ProfileEntries:
        """Implement `EntryReader.profile` with the table."""
        identity, attributes, deletions = UNKNOWN, {}, {}
        entries = self.scan(group_key(self.user, EntryGroup.PROFILE))
        for name, entry in entries.items():
            if name == IDENTITY_NAME:
                identity = decode_identity(entry)
            elif name.startswith(ATTRIBUTES_PREFIX):
                names = decode_names(name.removeprefix(ATTRIBUTES_PREFIX))
                attributes[names] = decode_last_write(entry)
            else:
                key = decode_command_key(name.removeprefix(COMMAND_PREFIX))
                deletions[key] = decode_last_write(entry)
        if deletion := deletions.get(ERASED):
            identity = identity.after(deletion.time_ms)
            attributes = _written_since(attributes, deletion)
        return ProfileEntries(identity, attributes, deletions)

    def update(self, state: UserState) -> None:
        """Add the changes that an event made, for the next event of the user.

        Args:
            state: State on top of these entries, after the event.
        """
        changes = encode_changes(self.user, state)
        if not changes:
            return
        self.changes |= changes
        if state.holder_changes:  # an edge has no other entries
            return
        for audience, write in state.membership_changes.items():
            self._entries[membership_key(self.user, audience)] = write
        deletions = self.profile.deletions
        for key, write in state.command_changes.items():
            if not is_deletion(key):
                self._entries[command_key(self.user, key)] = write
            elif write:
                deletions = {**deletions, key: write}
        self.profile = ProfileEntries(state.identity, state.attributes, deletions)

    def _scan_changed(self, group: bytes) -> dict[bytes, bytes]:
        """Return the entries of a group, by name, with the changes so far."""
        prefix = group + b"\0"
        changed = {
            key.removeprefix(prefix): entry
            for key, entry in self.changes.items()
            if key.startswith(prefix)
        }
        entries = {**self.scan(group), **changed}
        return {name: entry for name, entry in entries.items() if entry is not None}

    def _read(self, key: bytes) -> LastWrite | None:
        if key not in self._entries:
            raw = self.get(key)
            write = None if raw is None else decode_last_write(raw)
            deletion = self.profile.deletions.get(ERASED)
            is_erased = write and deletion and write.rank < deletion.rank
            self._entries[key] = None if is_erased else write
        return self._entries[key]

    def _live(self, writes: dict[KeyT, LastWrite]) -> dict[KeyT, LastWrite]:
        """Return the writes that no deletion has erased."""
        deletion = self.profile.deletions.get(ERASED)
        return writes if deletion is None else _written_since(writes, deletion)


def encode_changes(user: bytes, state: UserState) -> dict[bytes, bytes | None]:
    """Return the records that write the changes of a state to the table.

    Args:
        user: The user key.
        state: The state after an event.
    """
    changes: dict[bytes, LastWrite | Identity | None] = {
        membership_key(user, audience): write
        for audience, write in state.membership_changes.items()
    }
    for names, write in state.attribute_changes.items():
        changes[attributes_key(user, names)] = write
    if (identity := state.identity_change) is not None:
        changes[identity_key(user)] = None if identity == UNKNOWN else identity
    for key, write in state.command_changes.items():
        changes[command_key(user, key)] = write
    for holder, write in state.holder_changes.items():
        changes[holder_key(user, holder)] = write
    return {
        key: None if entry is None else encode_entry(entry)
        for key, entry in changes.items()
    }


def deletions_last(
    changes: Mapping[bytes, bytes | None],
) -> list[tuple[bytes, bytes | None]]:
    """Return the records of a user with deletions at the end.

    If a worker is killed in between, the redelivered deletion is applied again, and
    removes the entries that are left.
    """
    if any(DELETION_INFIX in key for key in changes):
        return sorted(changes.items(), key=lambda change: DELETION_INFIX in change[0])
    return list(changes.items())
