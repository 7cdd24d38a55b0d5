"""Row of the user-state table: memberships, commands and attributes of a user."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final, NamedTuple, TypeVar

import msgspec

from streams.state.last_write import LastWrite

COMMANDS_MAX: Final = 128
"""Ours: commands remembered for a user. A device that a crowd uses does not make its
row grow without bound."""


class Matter(StrEnum):
    """Subject matter of a command."""

    LIST = "list"
    CONSENT = "consent"
    SUPPRESSION = "suppressed"
    DELETION = "deleted"


class CommandKey(NamedTuple):
    """Key of a command's last write.

    Attributes:
        matter: Subject matter of the command.
        list_id: Klaviyo list; empty for a command on the account.
        channel: Channel of a consent, such as `email.marketing`.
        subject: Person or address that the command is about; empty for the user.
    """

    matter: Matter
    list_id: str = ""
    channel: str = ""
    subject: str = ""


Memberships = dict[str, LastWrite]
"""Audience key to the last write on the user's membership."""

AttributeNames = tuple[str, ...]
"""Sorted names of the attributes that one event sets together."""


class UserRow(msgspec.Struct, frozen=True, kw_only=True):
    """Last writes on the memberships, commands and attributes of a user.

    Rows are values: a change makes a new row, and an unchanged row is the same object.

    Attributes:
        memberships: Audience key to the last write on the user's membership.
        commands: Last write of each command.
        attributes: Names of attributes that were set together, to the last write on
            them.
    """

    memberships: Memberships = {}
    commands: dict[CommandKey, LastWrite] = {}
    attributes: dict[AttributeNames, LastWrite] = {}

    def last_writes(self) -> Iterator[LastWrite]:
        """Yield every last write of the row."""
        yield from self.memberships.values()
        yield from self.commands.values()
        yield from self.attributes.values()

    def with_memberships(self, memberships: Memberships) -> "UserRow":
        """Return the row with other memberships."""
        return msgspec.structs.replace(self, memberships=memberships)

    def with_commands(self, commands: dict[CommandKey, LastWrite]) -> "UserRow":
        """Return the row with other commands; the oldest over the limit are dropped."""
        if len(commands) > COMMANDS_MAX:
            by_rank = sorted(commands.items(), key=lambda item: item[1].rank)
            newest = {key for key, _ in by_rank[-COMMANDS_MAX:]}
            commands = {k: write for k, write in commands.items() if k in newest}
        return msgspec.structs.replace(self, commands=commands)

    def with_attributes(self, attributes: dict[AttributeNames, LastWrite]) -> "UserRow":
        """Return the row with other attribute writes."""
        return msgspec.structs.replace(self, attributes=attributes)


EMPTY_ROW: Final = UserRow()


class EntryKind(StrEnum):
    """Kind of an entry in a row."""

    MEMBERSHIP = "membership"
    COMMAND = "command"
    ATTRIBUTES = "attributes"


class RowEntry(NamedTuple):
    """Single entry of a row, for formats with a line per entry.

    Attributes:
        kind: Kind of the entry.
        name: Audience key of a membership; else the parts of the key as a JSON list.
        last_write: Last write on the entry.
    """

    kind: EntryKind
    name: str
    last_write: LastWrite


def entries_of(row: UserRow) -> Iterator[RowEntry]:
    """Yield every entry of a row."""
    for audience, write in row.memberships.items():
        yield RowEntry(EntryKind.MEMBERSHIP, audience, write)
    for key, write in row.commands.items():
        yield RowEntry(EntryKind.COMMAND, _encode_text(key), write)
    for names, write in row.attributes.items():
        yield RowEntry(EntryKind.ATTRIBUTES, _encode_text(names), write)


def row_of(entries: Iterable[RowEntry]) -> UserRow:
    """Build a row from entries of every kind.

    Raises:
        msgspec.MsgspecError: The name of an entry is not of its kind.
    """
    memberships: Memberships = {}
    commands: dict[CommandKey, LastWrite] = {}
    attributes: dict[AttributeNames, LastWrite] = {}
    for kind, name, write in entries:
        match kind:
            case EntryKind.MEMBERSHIP:
                memberships[name] = write
            case EntryKind.COMMAND:
                commands[_decode_command_key(name)] = write
            case EntryKind.ATTRIBUTES:
                attributes[_decode_names(name)] = write
    return UserRow(memberships=memberships, commands=commands, attributes=attributes)


class StoredRow(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """Wire form of a row: JSON has no composite keys, so entries are pairs."""

    memberships: Memberships = {}
    commands: tuple[tuple[CommandKey, LastWrite], ...] = ()
    attributes: tuple[tuple[AttributeNames, LastWrite], ...] = ()

    @classmethod
    def of(cls, row: UserRow) -> "StoredRow":
        """Convert a row to the wire form."""
        return cls(
            memberships=row.memberships,
            commands=tuple(row.commands.items()),
            attributes=tuple(row.attributes.items()),
        )

    def to_row(self) -> UserRow:
        """Convert the wire form to a row."""
        return UserRow(
            memberships=self.memberships,
            commands=dict(self.commands),
            attributes=dict(self.attributes),
        )


_ENCODER: Final = msgspec.json.Encoder()
_decode_stored = msgspec.json.Decoder(StoredRow).decode
_decode_command_key = msgspec.json.Decoder(CommandKey).decode
_decode_names = msgspec.json.Decoder(AttributeNames).decode


def _encode_text(key: CommandKey | AttributeNames) -> str:
    return _ENCODER.encode(key).decode()


def encode_row(row: UserRow) -> bytes:
    """Encode a row as JSON, which any Kafka tool can show."""
    return _ENCODER.encode(StoredRow.of(row))


def decode_row(raw: bytes) -> UserRow:
    """Decode a row of the table.

    Raises:
        msgspec.MsgspecError: The bytes are not a row. The table is damaged, which ends
            the worker.
    """
    return _decode_stored(raw).to_row()


def merge_rows(row: UserRow, other: UserRow) -> UserRow:
    """Merge two versions of a user's row; of each entry the later write stays.

    Merging is commutative, associative and idempotent. At recovery a worker that should
    have been dead may have written late, in any order; its writes undo nothing.
    """
    return UserRow(
        memberships=_merge_writes(row.memberships, other.memberships),
        commands=_merge_writes(row.commands, other.commands),
        attributes=_merge_writes(row.attributes, other.attributes),
    )


KeyT = TypeVar("KeyT", bound=str | CommandKey | AttributeNames)


def _merge_writes(
    writes: Mapping[KeyT, LastWrite], others: Mapping[KeyT, LastWrite]
) -> dict[KeyT, LastWrite]:
    merged = dict(writes)
    for key, write in others.items():
        merged[key] = merged.get(key, write).merge(write)
    return merged
