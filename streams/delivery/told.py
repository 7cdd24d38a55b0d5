"""Which activations a lane has met: a killed worker's successor tells them again."""

from collections import OrderedDict
from hashlib import blake2b
from typing import Final

TOLD_MAX: Final = 100_000
"""Activations remembered by a lane: some 20 MB at most."""

Place = tuple[int, int]
"""Partition and offset of a record of the lane."""


class Told:
    """The latest activations of a lane, and where each stood first.

    An activation names its source record, so two of the same bytes are one that was
    told twice. The same event says something else once its mapping was mended.
    """

    def __init__(self) -> None:
        self._first: OrderedDict[bytes, Place] = OrderedDict()

    def is_again(self, raw: bytes, *, place: Place) -> bool:
        """Whether an earlier record of the partition said the very same.

        A record that is read once more is no repetition of itself.

        Args:
            raw: Value of the record.
            place: Where it lies.
        """
        name = _digest(raw)
        first = self._first.setdefault(name, place)
        if len(self._first) > TOLD_MAX:
            self._first.popitem(last=False)
        if first[0] == place[0] and first[1] < place[1]:
            return True
        self._first[name] = place
        return False

    def forget(self, raw: bytes) -> None:
        """Let it be told again: it was refused, and comes back once that is mended."""
        self._first.pop(_digest(raw), None)


def _digest(raw: bytes) -> bytes:
    return blake2b(raw, digest_size=16).digest()
