"""The memberships table as lines of JSON: what moves from one cluster to another.

The first line is a `Header`; then comes a line for each user's row, and one for each
pairing of an audience with its list.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import msgspec

from streams.audiences.list_mapping import NO_LIST_MAPPING, ListMapping
from streams.errors import ConfigError
from streams.state.user_row import UserRow, memberships_in, merge_rows

FORMAT: Final = "klaviyo-streams.memberships"
VERSION: Final = 1
PROBLEMS_MAX: Final = 10
"""Ours: a file that is something else altogether has one on each line."""

EXPORT_AGAIN_HINT: Final = "export it again with klaviyo-streams audiences export"


class TableSnapshot(NamedTuple):
    """All that is remembered of audiences and commands.

    Attributes:
        rows: User → row.
        list_mappings: Audience → its list.
    """

    rows: dict[str, UserRow]
    list_mappings: dict[str, ListMapping]

    def summary(self) -> str:
        """Count what there is."""
        memberships = [
            last_write
            for row in self.rows.values()
            for last_write in memberships_in(row).items()
        ]
        audiences = {name for name, _ in memberships}
        member_count = sum(last_write.inside for _, last_write in memberships)
        return (
            f"{len(self.rows)} rows, {len(audiences)} audiences, {member_count} members, "
            f"{len(self.list_mappings)} pairings"
        )


class SnapshotHeader(msgspec.Struct, frozen=True, kw_only=True):
    """The first line.

    Attributes:
        format: `FORMAT`.
        version: `VERSION`.
        exported_at: When, ISO 8601.
        rows: How many rows follow.
        list_mappings: How many pairings follow.
    """

    format: str
    version: int
    exported_at: str
    rows: int
    list_mappings: int


class _SnapshotLine(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """A row or a pairing."""

    user: str | None = None
    row: UserRow | None = None
    audience: str | None = None
    list_mapping: ListMapping | None = None


_encode_line = msgspec.json.Encoder().encode
_decode_line = msgspec.json.Decoder(_SnapshotLine).decode
_decode_header = msgspec.json.Decoder(SnapshotHeader).decode


def build_header(snapshot: TableSnapshot, *, exported_at: str) -> SnapshotHeader:
    """Say what follows."""
    return SnapshotHeader(
        format=FORMAT,
        version=VERSION,
        exported_at=exported_at,
        rows=len(snapshot.rows),
        list_mappings=len(snapshot.list_mappings),
    )


def write_lines(snapshot: TableSnapshot, *, exported_at: str) -> Iterator[bytes]:
    """Write a copy, a line at a time, each without its line end."""
    yield _encode_line(build_header(snapshot, exported_at=exported_at))
    for user, row in snapshot.rows.items():
        yield _encode_line(_SnapshotLine(user=user, row=row))
    for audience, list_mapping in snapshot.list_mappings.items():
        yield _encode_line(_SnapshotLine(audience=audience, list_mapping=list_mapping))


def read_header(text: bytes) -> SnapshotHeader:
    """Read a header.

    Raises:
        ConfigError: It is another's, or of a version that nobody knew yet.
    """
    try:
        header = _decode_header(text)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise ConfigError([f"no header of an export; {EXPORT_AGAIN_HINT}"]) from None
    if header.format != FORMAT:
        raise ConfigError([f"is no {FORMAT}; {EXPORT_AGAIN_HINT}"])
    if header.version != VERSION:
        problem = f"is of version {header.version}, and this reads {VERSION}"
        raise ConfigError([f"{problem}; install the klaviyo-streams that wrote it"])
    return header


def read_lines(lines: Iterable[bytes]) -> TableSnapshot:
    """Read what `lines` wrote.

    Raises:
        ConfigError: Each line that can't be read, with its number; or the end is
            missing.
    """
    numbered = enumerate(lines, 1)
    _, first = next(numbered, (1, b""))
    try:
        header = read_header(first)
    except ConfigError as fault:
        raise ConfigError([f"line 1: {fault}"]) from None
    snapshot, problems, count = TableSnapshot({}, {}), list[str](), 0
    for number, text in numbered:
        count += 1
        try:
            _add_line(snapshot, _decode_line(text))
        except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
            # msgspec says what was expected and where, never what was there.
            problems.append(
                f"line {number}: {_describe_fault(fault)}; {EXPORT_AGAIN_HINT}"
            )
        if len(problems) == PROBLEMS_MAX:
            raise ConfigError([*problems, "and maybe more: the rest was not read"])
    if not problems and count != header.rows + header.list_mappings:
        expected = f"{header.rows} rows and {header.list_mappings} pairings"
        place = f"line {count + 1}: the last one, {count} after the header"
        problems = [f"{place}, which says {expected} follow; {EXPORT_AGAIN_HINT}"]
    if problems:
        raise ConfigError(problems)
    return snapshot


def _add_line(snapshot: TableSnapshot, line: _SnapshotLine) -> None:
    match line:
        case _SnapshotLine(
            user=str(user), row=dict(row), audience=None, list_mapping=None
        ):
            existing = snapshot.rows.get(user)
            snapshot.rows[user] = row if existing is None else merge_rows(existing, row)
        case _SnapshotLine(
            user=None, row=None, audience=str(audience), list_mapping=ListMapping()
        ):
            snapshot.list_mappings[audience] = line.list_mapping or NO_LIST_MAPPING
        case _:
            raise msgspec.ValidationError("neither a row nor a list mapping")


def _describe_fault(fault: Exception) -> str:
    """Say what is wrong, without any value of the line."""
    if isinstance(fault, msgspec.ValidationError):
        return str(fault).partition(" - at ")[0].lower()
    return "no JSON"


def missing_from(snapshot: TableSnapshot, target: TableSnapshot) -> TableSnapshot:
    """What has to be written so that all of a copy is there, and nothing there is lost.

    The newer word on each matter wins, on whichever side it is; a list that an audience
    has there stays its list.

    Args:
        snapshot: What is moved.
        target: What the target has.
    """
    rows = {}
    for user, row in snapshot.rows.items():
        existing = target.rows.get(user)
        merged = row if existing is None else merge_rows(existing, row)
        if merged != existing:
            rows[user] = merged
    list_mappings = {
        audience: list_mapping
        for audience, list_mapping in snapshot.list_mappings.items()
        if list_mapping.list_id
        and not target.list_mappings.get(audience, NO_LIST_MAPPING).list_id
    }
    return TableSnapshot(rows, list_mappings)
