"""Which activations a lane has met: a killed worker's successor tells them again."""

from collections import OrderedDict
from hashlib import blake2b
from typing import Final

REMEMBERED_MAX: Final = 20_000
"""Activations remembered by a lane, some 8 MB: several times what activate tells
between two commits."""

LaneOffset = tuple[int, int]
"""Partition and offset of a record of the lane."""

CauseId = tuple[int, int]
"""When activate came to it: the event's offset, and which of its activations it is."""

_ActivationId = tuple[bytes, CauseId]


class DuplicateFilter:
    """The latest activations of a lane, and where each stood first.

    Those of the same turn and bytes are one that was told twice. A replay has turns of
    its own, and what a mended mapping makes of an event has other bytes.

    Whoever takes a partition over knows nothing of what was settled before. When the
    first of several changes is among that, and all are told again, the first is news
    and is sent: then those after it must be sent again too, or it has the last word.
    """

    def __init__(self) -> None:
        self._first_offsets: OrderedDict[_ActivationId, tuple[LaneOffset, str]] = (
            OrderedDict()
        )
        self._ids_by_user: dict[str, dict[_ActivationId, None]] = {}

    def is_duplicate(
        self, payload: bytes, *, offset: LaneOffset, user: str, cause: CauseId
    ) -> bool:
        """Whether an earlier record of the partition said the very same.

        A record that is read once more is no repetition of itself.

        Args:
            payload: Value of the record.
            offset: Where it lies.
            user: Whose it is.
            cause: Its turn in activate.
        """
        activation_id = (_digest(payload), cause)
        if activation_id not in self._first_offsets:
            self._forget_later(user, cause)
        first_offset, _ = self._first_offsets.setdefault(activation_id, (offset, user))
        self._ids_by_user.setdefault(user, {})[activation_id] = None
        if len(self._first_offsets) > REMEMBERED_MAX:
            self._drop(next(iter(self._first_offsets)))
        if first_offset[0] == offset[0] and first_offset[1] < offset[1]:
            return True
        self._first_offsets[activation_id] = (offset, user)
        return False

    def forget(self, payload: bytes, *, cause: CauseId) -> None:
        """Let it be told again: it was refused, and comes back once that is mended."""
        self._drop((_digest(payload), cause))

    def _forget_later(self, user: str, cause: CauseId) -> None:
        """Something older turns up behind what came after it: that is told again."""
        ids = self._ids_by_user.get(user, {})  # by turn: what is later was forgotten
        while ids and next(reversed(ids))[1] > cause:
            self._drop(next(reversed(ids)))

    def _drop(self, activation_id: _ActivationId) -> None:
        _, user = self._first_offsets.pop(activation_id, (None, None))
        if user is None:
            return
        ids = self._ids_by_user[user]
        del ids[activation_id]
        if not ids:
            del self._ids_by_user[user]


def _digest(payload: bytes) -> bytes:
    return blake2b(payload, digest_size=16).digest()
