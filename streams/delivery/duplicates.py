"""Detection of duplicates: activations written twice, and keys seen recently."""

from collections import OrderedDict
from collections.abc import Hashable
from functools import partial
from hashlib import blake2b
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

REMEMBERED_MAX: Final = 20_000
"""Activations remembered by a lane, some 8 MB: several times what activate writes
between two commits."""

LaneOffset = tuple[int, int]
"""Partition and offset of a record of the lane."""

CauseId = tuple[int, int]
"""Offset of the event that caused an activation, and the index of the activation."""

_ActivationId = tuple[bytes, CauseId]

_hash = partial(blake2b, digest_size=16)


class DuplicateFilter:
    """The latest activations of a lane, each with the offset of the first copy.

    A killed worker's successor writes activations a second time. Those have the same
    cause and the same bytes. A replay has causes of its own, and a corrected mapping
    produces other bytes, so neither of them is a duplicate.

    The new owner of a partition does not know what was settled before. If the first of
    several changes was settled, and all of them are written again, the first one looks
    new and is sent: then the later ones must be sent again too, or the first one would
    be Klaviyo's last change.
    """

    def __init__(self) -> None:
        self._first_offsets: OrderedDict[_ActivationId, tuple[LaneOffset, str]] = (
            OrderedDict()
        )
        self._ids_by_user: dict[str, dict[_ActivationId, None]] = {}

    def is_duplicate(
        self, payload: bytes, *, offset: LaneOffset, user: str, cause: CauseId
    ) -> bool:
        """Return True if an earlier record of the partition has the same activation.

        Reading the same record again after a rebalance is not a duplicate.

        Args:
            payload: Value of the record.
            offset: Partition and offset of the record.
            user: User key of the activation, or the key of its edge.
            cause: Event and index that caused the activation.
        """
        activation_id = (_hash(payload).digest(), cause)
        if activation_id not in self._first_offsets:
            ids = self._ids_by_user.get(user, {})  # ascending by cause
            while ids and next(reversed(ids))[1] > cause:  # all are sent again
                self._drop(next(reversed(ids)))
        first_offset, _ = self._first_offsets.setdefault(activation_id, (offset, user))
        self._ids_by_user.setdefault(user, {})[activation_id] = None
        if len(self._first_offsets) > REMEMBERED_MAX:
            self._drop(next(iter(self._first_offsets)))
        if first_offset[0] == offset[0] and first_offset[1] < offset[1]:
            return True
        self._first_offsets[activation_id] = (offset, user)
        return False

    def forget(self, payload: bytes, *, cause: CauseId) -> None:
        """Forget an activation that became a dead letter, so that a requeue works."""
        self._drop((_hash(payload).digest(), cause))

    def _drop(self, activation_id: _ActivationId) -> None:
        _, user = self._first_offsets.pop(activation_id, (None, None))
        if user is None:
            return
        ids = self._ids_by_user[user]
        del ids[activation_id]
        if not ids:
            del self._ids_by_user[user]


class RecentKeys(Generic[K]):
    """Set of the latest keys; the oldest key is forgotten when the set is full.

    Args:
        size_max: Number of keys that are remembered.
    """

    def __init__(self, size_max: int) -> None:
        self._keys: OrderedDict[K, None] = OrderedDict()
        self._size_max = size_max

    def __contains__(self, key: K) -> bool:
        """Return True for a key that was added recently."""
        return key in self._keys

    def add(self, key: K) -> None:
        """Remember a key as the latest, and forget the oldest key over the limit."""
        self._keys[key] = None
        self._keys.move_to_end(key)
        if len(self._keys) > self._size_max:
            self._keys.popitem(last=False)
