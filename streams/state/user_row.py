"""A user's row of the memberships table, and its bytes."""

from typing import Final

import msgspec

from streams.state.last_write import LastWrite, merge_message_ids

UserRow = dict[str, LastWrite]
"""Audience key → membership: all that is remembered of one user.

Names that begin with `MARK` are those of commands: see `streams.actions.commands`.
"""

RESERVED_PREFIX: Final = "\0"
"""What no audience key holds: `streams.events.identifiers.plain_id` refuses it."""

_DECODER = msgspec.json.Decoder(UserRow)
_ENCODER = msgspec.json.Encoder()


def encode_row(row: UserRow) -> bytes:
    """Write a row, as JSON so that any Kafka tool shows it."""
    return _ENCODER.encode(row)


def decode_row(raw: bytes) -> UserRow:
    """Read a row.

    Raises:
        msgspec.MsgspecError: Not a row; the table is damaged, which ends the worker.
    """
    return _DECODER.decode(raw)


def memberships_in(row: UserRow) -> UserRow:
    """Give the audiences of a row alone."""
    return {
        key: last_write
        for key, last_write in row.items()
        if not key.startswith(RESERVED_PREFIX)
    }


def merge_rows(row: UserRow, other: UserRow) -> UserRow:
    """Join two versions of a user's row, each audience at its highest rank.

    Commutative, associative and idempotent: at recovery a worker that should have
    been dead may have written late, in any order, and undoes nothing.
    """
    merged = dict(row)
    for audience, last_write in other.items():
        merged[audience] = _merge_writes(merged.get(audience, last_write), last_write)
    return merged


def _merge_writes(write: LastWrite, other: LastWrite) -> LastWrite:
    earlier, later = sorted((write, other), key=_rank)
    if earlier.time_ms < later.time_ms:
        return later
    message_ids = merge_message_ids(*earlier.message_ids, *later.message_ids)
    return msgspec.structs.replace(later, message_ids=message_ids)


def _rank(membership: LastWrite) -> tuple[object, ...]:
    """Order by event time, then origin, then correction; the rest makes it total."""
    m = membership
    return (m.time_ms, m.origin, m.revision, m.inside, m.list_id)
