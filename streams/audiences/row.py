"""A user's row of the memberships table, and its bytes."""

from typing import Final

import msgspec

from streams.audiences.membership import Membership, heard

Memberships = dict[str, Membership]
"""Audience key → membership: all that is remembered of one user.

Names that begin with `MARK` are those of commands: see `streams.actions.commands`.
"""

MARK: Final = "\0"
"""What no audience key holds: `streams.events.identity.plain_id` refuses it."""

_DECODER = msgspec.json.Decoder(Memberships)
_ENCODER = msgspec.json.Encoder()


def encode_row(row: Memberships) -> bytes:
    """Write a row, as JSON so that any Kafka tool shows it."""
    return _ENCODER.encode(row)


def decode_row(raw: bytes) -> Memberships:
    """Read a row.

    Raises:
        msgspec.MsgspecError: Not a row; the table is damaged, which ends the worker.
    """
    return _DECODER.decode(raw)


def audiences_in(row: Memberships) -> Memberships:
    """Give the audiences of a row alone."""
    return {key: held for key, held in row.items() if not key.startswith(MARK)}


def merge(one: Memberships, other: Memberships) -> Memberships:
    """Join two versions of a user's row, each audience at its highest rank.

    Commutative, associative and idempotent: at recovery a worker that should have
    been dead may have written late, in any order, and undoes nothing.
    """
    joined = dict(one)
    for audience, membership in other.items():
        joined[audience] = _join(joined.get(audience, membership), membership)
    return joined


def _join(one: Membership, other: Membership) -> Membership:
    earlier, later = sorted((one, other), key=_rank)
    if earlier.time_ms < later.time_ms:
        return later
    message_ids = heard(*earlier.message_ids, *later.message_ids)
    return msgspec.structs.replace(later, message_ids=message_ids)


def _rank(membership: Membership) -> tuple[object, ...]:
    """Order by event time, then origin, then correction; the rest makes it total."""
    m = membership
    return (m.time_ms, m.origin, m.revision, m.inside, m.list_id)
