"""Entries of the user state: keys, last writes, and the form in Kafka.

The table has one record for each entry of each user key: a membership, a command, a set
of attributes, the identity. An event reads and writes only the entries that it touches.
"""

from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple, Self

import msgspec

from streams.events.canonical_event import Origin
from streams.state.identity import Identity

MESSAGE_IDS_MAX = 16
"""Ours: beyond this number, events of one millisecond are no longer distinguished."""

NAMES_CACHED: Final = 1_000
"""Ours: encoded sets of attributes; most users have the same few."""

Rank = tuple[int, Origin]
"""Event time in milliseconds, then origin: the greater rank is the later write."""


class LastWrite(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Value that the event with the greatest rank gave to an entry.

    Attributes:
        inside: Whether the user is in the audience or on the list, is subscribed, or is
            suppressed.
        time_ms: Event time of the write, milliseconds since the epoch.
        origin: The source record of the event.
        message_ids: Ids of all events seen at exactly `time_ms`, sorted, at most
            `MESSAGE_IDS_MAX`: a producer's duplicate changes nothing.
        list_id: The Klaviyo list that the event named; empty if the event named none.
        revision: Number of times a replay has corrected the write.
        addresses: E-mail addresses that entered the audience, in lower case; an exit
            takes all of them off the list.
    """

    inside: bool
    time_ms: int
    origin: Origin
    message_ids: tuple[str, ...] = ()
    list_id: str = ""
    revision: int = 0
    addresses: tuple[str, ...] = ()

    @property
    def rank(self) -> Rank:
        """The order of writes: event time, then origin."""
        return self.time_ms, self.origin

    def merge(self, other: Self) -> Self:
        """Return the later of two writes; at the same time with the ids of both."""
        earlier, later = sorted((self, other), key=_total_order)
        if earlier.time_ms < later.time_ms:
            return later
        message_ids = merge_message_ids(*earlier.message_ids, *later.message_ids)
        return msgspec.structs.replace(later, message_ids=message_ids)


def merge_message_ids(*message_ids: str) -> tuple[str, ...]:
    """Merge message ids to the value of `LastWrite.message_ids`.

    The smallest ids are kept, so that the order of arrival makes no difference.
    """
    return tuple(sorted({*message_ids} - {""})[:MESSAGE_IDS_MAX])


def _total_order(write: LastWrite) -> tuple[object, ...]:
    """Return a sort key: rank, then revision; the other fields make the order total."""
    return (*write.rank, write.revision, write.inside, write.list_id)


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
        subject: Fingerprint of the person or address that the command is about; empty
            for the user.
    """

    matter: Matter
    list_id: str = ""
    channel: str = ""
    subject: str = ""


DELETED: Final = CommandKey(Matter.DELETION)
"""Key of the last deletion of the user."""

ERASED: Final = CommandKey(Matter.DELETION, subject="state")
"""Key of the last deletion that erased the user's entries, of whichever person: several
people may share a device. An older entry counts as absent."""


def is_deletion(key: CommandKey) -> bool:
    """Return True for the key of a deletion."""
    return key.matter is Matter.DELETION


AttributeNames = tuple[str, ...]
"""Sorted names of the attributes that one event sets together."""


class EntryKind(StrEnum):
    """Kind of an entry, as spelled in keys and in exports."""

    MEMBERSHIP = "membership"
    COMMAND = "command"
    ATTRIBUTES = "attributes"
    IDENTITY = "identity"
    HOLDER = "holder"


class EntryGroup(StrEnum):
    """Entries of a user that are read together."""

    PROFILE = "profile"
    """Identity, attributes and deletions: most events need them, and they are few."""

    MEMBERSHIP = "membership"
    COMMAND = "command"

    HOLDER = "holder"
    """Users behind an edge between an audience and an address; by the key of the edge.
    """


class EntryName(NamedTuple):
    """Name of an entry among the entries of the same user.

    Attributes:
        kind: Kind of the entry.
        text: Audience key of a membership; user key of a holder; parts of another key
            as a JSON list; empty for the identity.
    """

    kind: EntryKind
    text: str


_ENCODER: Final = msgspec.json.Encoder()
encode_entry = _ENCODER.encode
_encode_names = lru_cache(maxsize=NAMES_CACHED)(_ENCODER.encode)
decode_last_write = msgspec.json.Decoder(LastWrite).decode
decode_identity = msgspec.json.Decoder(Identity).decode
decode_command_key = msgspec.json.Decoder(CommandKey).decode
decode_names = msgspec.json.Decoder(AttributeNames).decode


def group_key(user: bytes, group: EntryGroup) -> bytes:
    """Return the first part of the table's keys of a group.

    The parts end with NUL bytes: no user key has one, and nor has a name.
    """
    return b"%b\0%b" % (user, group.encode())


def membership_key(user: bytes, audience: str) -> bytes:
    """Return the table's key of a membership."""
    return b"%b\0membership\0%b" % (user, audience.encode())


def holder_key(edge: bytes, user: str) -> bytes:
    """Return the table's key of a user behind an edge."""
    return b"%b\0holder\0%b" % (edge, user.encode())


def command_key(user: bytes, key: CommandKey) -> bytes:
    """Return the table's key of a command."""
    name = _ENCODER.encode(key)
    if key.matter is Matter.DELETION:
        return b"%b\0profile\0command%b" % (user, name)
    return b"%b\0command\0%b" % (user, name)


IDENTITY_NAME: Final = b"identity"
ATTRIBUTES_PREFIX: Final = b"attributes"
COMMAND_PREFIX: Final = b"command"
"""Names in the group `EntryGroup.PROFILE`, or the beginnings of names."""

DELETION_INFIX: Final = b"\0profile\0command"
"""Part that only the table's keys of deletions have."""


def attributes_key(user: bytes, names: AttributeNames) -> bytes:
    """Return the table's key of a set of attributes."""
    return b"%b\0profile\0attributes%b" % (user, _encode_names(names))


def identity_key(user: bytes) -> bytes:
    """Return the table's key of the identity."""
    return b"%b\0profile\0identity" % user


def parse_key(key: bytes) -> tuple[str, EntryName]:
    """Parse a key of the table to the user key and the entry's name.

    Raises:
        ValueError: The bytes are not such a key.
    """
    user, group, name = key.decode().split("\0")
    return user, parse_name(EntryGroup(group), name)


def parse_name(group: EntryGroup, name: str) -> EntryName:
    """Parse the last part of a key.

    Raises:
        ValueError: The group has no such name.
    """
    if group is not EntryGroup.PROFILE:
        return EntryName(EntryKind(group), name)
    kind, bracket, rest = name.partition("[")
    return EntryName(EntryKind(kind), bracket + rest)


def merge_entry(key: bytes, entry: bytes | None, changed: bytes | None) -> bytes | None:
    """Merge an entry with a record of the changelog; None is no entry.

    Merging is commutative, associative and idempotent, except for removals. At recovery
    a worker that should have been dead may have written late; its writes undo nothing.

    Raises:
        msgspec.MsgspecError: The bytes are not an entry. The table is damaged, which
            ends the worker.
    """
    if changed is None or entry is None or entry == changed:
        return changed
    if key.endswith(b"\0profile\0identity"):
        merged = decode_identity(entry).merge(decode_identity(changed))
        return _ENCODER.encode(merged)
    return _ENCODER.encode(decode_last_write(entry).merge(decode_last_write(changed)))
