"""The memberships table as lines of JSON: what moves from one cluster to another.

The first line is a `Header`; then comes a line for each user's row, and one for each
pairing of an audience with its list.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import msgspec

from streams.audiences.pairing import NONE, Pairing
from streams.audiences.row import Memberships, audiences_in, merge
from streams.errors import ConfigError

FORMAT: Final = "klaviyo-streams.memberships"
VERSION: Final = 1
MISTAKES_MAX: Final = 10
"""Ours: a file that is something else altogether has one on each line."""

AGAIN: Final = "export it again with klaviyo-streams audiences export"


class Copy(NamedTuple):
    """All that is remembered of audiences and commands.

    Attributes:
        rows: User → row.
        pairings: Audience → its list.
    """

    rows: dict[str, Memberships]
    pairings: dict[str, Pairing]

    def told(self) -> str:
        """Count what there is."""
        words = [
            word for row in self.rows.values() for word in audiences_in(row).items()
        ]
        names = {name for name, _ in words}
        inside = sum(word.inside for _, word in words)
        return (
            f"{len(self.rows)} rows, {len(names)} audiences, {inside} members, "
            f"{len(self.pairings)} pairings"
        )


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line.

    Attributes:
        format: `FORMAT`.
        version: `VERSION`.
        exported_at: When, ISO 8601.
        rows: How many rows follow.
        pairings: How many pairings follow.
    """

    format: str
    version: int
    exported_at: str
    rows: int
    pairings: int


class _Line(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """A row or a pairing."""

    user: str | None = None
    row: Memberships | None = None
    audience: str | None = None
    pairing: Pairing | None = None


_encode = msgspec.json.Encoder().encode
_line = msgspec.json.Decoder(_Line).decode
_header = msgspec.json.Decoder(Header).decode


def header_of(copy: Copy, *, exported_at: str) -> Header:
    """Say what follows."""
    return Header(
        format=FORMAT,
        version=VERSION,
        exported_at=exported_at,
        rows=len(copy.rows),
        pairings=len(copy.pairings),
    )


def lines(copy: Copy, *, exported_at: str) -> Iterator[bytes]:
    """Write a copy, a line at a time, each without its line end."""
    yield _encode(header_of(copy, exported_at=exported_at))
    for user, row in copy.rows.items():
        yield _encode(_Line(user=user, row=row))
    for audience, pairing in copy.pairings.items():
        yield _encode(_Line(audience=audience, pairing=pairing))


def read_header(text: bytes) -> Header:
    """Read a header.

    Raises:
        ConfigError: It is another's, or of a version that nobody knew yet.
    """
    try:
        header = _header(text)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise ConfigError([f"no header of an export; {AGAIN}"]) from None
    if header.format != FORMAT:
        raise ConfigError([f"is no {FORMAT}; {AGAIN}"])
    if header.version != VERSION:
        mistake = f"is of version {header.version}, and this reads {VERSION}"
        raise ConfigError([f"{mistake}; install the klaviyo-streams that wrote it"])
    return header


def read_lines(given: Iterable[bytes]) -> Copy:
    """Read what `lines` wrote.

    Raises:
        ConfigError: Each line that can't be read, with its number; or the end is
            missing.
    """
    numbered = enumerate(given, 1)
    _, first = next(numbered, (1, b""))
    try:
        header = read_header(first)
    except ConfigError as fault:
        raise ConfigError([f"line 1: {fault}"]) from None
    copy, mistakes, count = Copy({}, {}), list[str](), 0
    for number, text in numbered:
        count += 1
        try:
            _take(copy, _line(text))
        except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
            # msgspec says what was expected and where, never what was there.
            mistakes.append(f"line {number}: {_reason(fault)}; {AGAIN}")
        if len(mistakes) == MISTAKES_MAX:
            raise ConfigError([*mistakes, "and maybe more: the rest was not read"])
    if not mistakes and count != header.rows + header.pairings:
        wanted = f"{header.rows} rows and {header.pairings} pairings"
        last = f"line {count + 1}: the last one, {count} after the header"
        mistakes = [f"{last}, which says {wanted} follow; {AGAIN}"]
    if mistakes:
        raise ConfigError(mistakes)
    return copy


def _take(copy: Copy, line: _Line) -> None:
    match line:
        case _Line(user=str(user), row=dict(row), audience=None, pairing=None):
            held = copy.rows.get(user)
            copy.rows[user] = row if held is None else merge(held, row)
        case _Line(user=None, row=None, audience=str(audience), pairing=Pairing()):
            copy.pairings[audience] = line.pairing or NONE
        case _:
            raise msgspec.ValidationError("neither a row nor a pairing")


def _reason(fault: Exception) -> str:
    """Say what is wrong, without any value of the line."""
    if isinstance(fault, msgspec.ValidationError):
        return str(fault).partition(" - at ")[0].lower()
    return "no JSON"


def missing(copy: Copy, there: Copy) -> Copy:
    """What has to be written so that all of a copy is there, and nothing there is lost.

    The newer word on each matter wins, on whichever side it is; a list that an audience
    has there stays its list.

    Args:
        copy: What is moved.
        there: What the target has.
    """
    rows = {}
    for user, row in copy.rows.items():
        held = there.rows.get(user)
        joined = row if held is None else merge(held, row)
        if joined != held:
            rows[user] = joined
    pairings = {
        audience: pairing
        for audience, pairing in copy.pairings.items()
        if pairing.list_id and not there.pairings.get(audience, NONE).list_id
    }
    return Copy(rows, pairings)
