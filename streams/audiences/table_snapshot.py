"""Snapshot of the user-state table as lines of JSON, for a move between clusters.

The first line is a `SnapshotHeader`; a line for each entry of each user follows, and a
line for each audience's list mapping.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import msgspec

from streams.audiences.list_mapping import NO_LIST_MAPPING, ListMapping
from streams.errors import ConfigError
from streams.state.entries import EntryKind, EntryName, LastWrite
from streams.state.identity import Identity
from streams.state.user_entries import (
    NO_ENTRIES,
    NamedEntry,
    UserEntries,
    collect_entries,
    named_entries,
)

FORMAT: Final = "klaviyo-streams.memberships"
VERSION: Final = 1
PROBLEMS_MAX: Final = 10
"""Ours: a file of an altogether different kind has a problem on each line."""

EXPORT_AGAIN_HINT: Final = "export it again with klaviyo-streams audiences export"


class TableSnapshot(NamedTuple):
    """User state and list mappings at a single moment.

    Attributes:
        users: User key to the user's entries.
        list_mappings: Audience to its list.
    """

    users: dict[str, UserEntries]
    list_mappings: dict[str, ListMapping]

    def summary(self) -> str:
        """Return the counts of users, audiences, members and list mappings."""
        memberships = [
            membership
            for entries in self.users.values()
            for membership in entries.memberships.items()
        ]
        audiences = {audience for audience, _ in memberships}
        member_count = sum(last_write.inside for _, last_write in memberships)
        user_count = sum(not entries.holders for entries in self.users.values())
        return (
            f"{user_count} users, {len(audiences)} audiences, {member_count} "
            f"members, {len(self.list_mappings)} list mappings"
        )


class SnapshotHeader(msgspec.Struct, frozen=True, kw_only=True):
    """First line of a snapshot.

    Attributes:
        format: `FORMAT`.
        version: `VERSION`.
        exported_at: Time of the export, ISO 8601.
        entries: Number of entries that follow.
        list_mappings: Number of list mappings that follow.
    """

    format: str
    version: int
    exported_at: str
    entries: int
    list_mappings: int


class _SnapshotLine(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """Line of a snapshot: a user's entry or an audience's list mapping."""

    user: str | None = None
    kind: EntryKind | None = None
    name: str = ""
    last_write: LastWrite | None = None
    identity: Identity | None = None
    audience: str | None = None
    list_mapping: ListMapping | None = None


_encode_line = msgspec.json.Encoder().encode
_decode_line = msgspec.json.Decoder(_SnapshotLine).decode
_decode_header = msgspec.json.Decoder(SnapshotHeader).decode


def build_header(snapshot: TableSnapshot, *, exported_at: str) -> SnapshotHeader:
    """Build the header of a snapshot."""
    return SnapshotHeader(
        format=FORMAT,
        version=VERSION,
        exported_at=exported_at,
        entries=sum(1 for _ in _entries_of(snapshot)),
        list_mappings=len(snapshot.list_mappings),
    )


def _entries_of(snapshot: TableSnapshot) -> Iterator[tuple[str, NamedEntry]]:
    for user, entries in snapshot.users.items():
        for named in named_entries(entries):
            yield user, named


def write_lines(snapshot: TableSnapshot, *, exported_at: str) -> Iterator[bytes]:
    """Encode a snapshot line by line, without line ends."""
    yield _encode_line(build_header(snapshot, exported_at=exported_at))
    for user, (name, entry) in _entries_of(snapshot):
        line = _SnapshotLine(
            user=user,
            kind=name.kind,
            name=name.text,
            last_write=entry if isinstance(entry, LastWrite) else None,
            identity=entry if isinstance(entry, Identity) else None,
        )
        yield _encode_line(line)
    for audience, list_mapping in snapshot.list_mappings.items():
        yield _encode_line(_SnapshotLine(audience=audience, list_mapping=list_mapping))


def read_header(text: bytes) -> SnapshotHeader:
    """Decode the header of a snapshot.

    Raises:
        ConfigError: The line is not a header, or is of a later version.
    """
    try:
        header = _decode_header(text)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise ConfigError(
            [f"is not the header of an export; {EXPORT_AGAIN_HINT}"]
        ) from None
    if header.format != FORMAT:
        raise ConfigError([f"is not of the format {FORMAT}; {EXPORT_AGAIN_HINT}"])
    if header.version != VERSION:
        problem = f"is of version {header.version}, but this program reads {VERSION}"
        raise ConfigError([f"{problem}; install the klaviyo-streams that wrote it"])
    return header


def read_lines(lines: Iterable[bytes]) -> TableSnapshot:
    """Decode the lines that `write_lines` encoded.

    Raises:
        ConfigError: Each line that cannot be read, with its number; or the end is
            missing.
    """
    numbered = enumerate(lines, 1)
    _, first = next(numbered, (1, b""))
    try:
        header = read_header(first)
    except ConfigError as fault:
        raise ConfigError([f"line 1: {fault}"]) from None
    entries_by_user: dict[str, list[NamedEntry]] = {}
    list_mappings: dict[str, ListMapping] = {}
    problems, count = list[str](), 0
    for number, text in numbered:
        count += 1
        try:
            _add_line(_decode_line(text), entries_by_user, list_mappings)
        except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
            # msgspec names the expected type and the path, never the value.
            problems.append(
                f"line {number}: {_describe_fault(fault)}; {EXPORT_AGAIN_HINT}"
            )
        if len(problems) == PROBLEMS_MAX:
            raise ConfigError([*problems, "maybe more: the other lines were not read"])
    if not problems and count != header.entries + header.list_mappings:
        problems = [_wrong_count(header, count=count)]
    if problems:
        raise ConfigError(problems)
    users = {user: collect_entries(named) for user, named in entries_by_user.items()}
    return TableSnapshot(users, list_mappings)


def _wrong_count(header: SnapshotHeader, *, count: int) -> str:
    expected = f"{header.entries} entries and {header.list_mappings} list mappings"
    return (
        f"line {count + 1}: the last line, {count} after the header, which announces "
        f"{expected}; {EXPORT_AGAIN_HINT}"
    )


def _add_line(
    line: _SnapshotLine,
    entries_by_user: dict[str, list[NamedEntry]],
    list_mappings: dict[str, ListMapping],
) -> None:
    match line:
        case _SnapshotLine(user=str(user), kind=EntryKind() as kind, audience=None):
            entry = line.last_write or line.identity
            if entry is None:
                raise msgspec.ValidationError("an entry without a value")
            named = NamedEntry(EntryName(kind, line.name), entry)
            collect_entries([named])  # or the line's number would be unknown later
            entries_by_user.setdefault(user, []).append(named)
        case _SnapshotLine(
            user=None, audience=str(audience), list_mapping=ListMapping() as mapping
        ):
            list_mappings[audience] = mapping
        case _:
            raise msgspec.ValidationError("neither an entry nor a list mapping")


def _describe_fault(fault: Exception) -> str:
    """Describe a fault without any value of the line."""
    if isinstance(fault, msgspec.ValidationError):
        return str(fault).partition(" - at ")[0].lower()
    return "not valid JSON"


def missing_from(snapshot: TableSnapshot, target: TableSnapshot) -> TableSnapshot:
    """Return the changes that bring a snapshot into a target without any loss.

    The later write on each entry wins, on whichever side it is. An audience that has a
    list in the target keeps that list.

    Args:
        snapshot: The snapshot to import.
        target: The present state of the target.
    """
    users = {}
    for user, entries in snapshot.users.items():
        existing = target.users.get(user, NO_ENTRIES)
        changes = entries.merge(existing).without(existing)
        if changes != NO_ENTRIES:
            users[user] = changes
    list_mappings = {
        audience: list_mapping
        for audience, list_mapping in snapshot.list_mappings.items()
        if list_mapping.list_id
        and not target.list_mappings.get(audience, NO_LIST_MAPPING).list_id
    }
    return TableSnapshot(users, list_mappings)
