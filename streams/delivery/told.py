"""Which activations a lane has met: a killed worker's successor tells them again."""

from collections import OrderedDict
from hashlib import blake2b
from typing import Final

TOLD_MAX: Final = 20_000
"""Activations remembered by a lane, some 8 MB: several times what activate tells
between two commits."""

Place = tuple[int, int]
"""Partition and offset of a record of the lane."""

Turn = tuple[int, int]
"""When activate came to it: the event's offset, and which of its activations it is."""

_Name = tuple[bytes, Turn]


class Told:
    """The latest activations of a lane, and where each stood first.

    Those of the same turn and bytes are one that was told twice. A replay has turns of
    its own, and what a mended mapping makes of an event has other bytes.

    Whoever takes a partition over knows nothing of what was settled before. When the
    first of several changes is among that, and all are told again, the first is news
    and is sent: then those after it must be sent again too, or it has the last word.
    """

    def __init__(self) -> None:
        self._first: OrderedDict[_Name, tuple[Place, str]] = OrderedDict()
        self._of_user: dict[str, dict[_Name, None]] = {}

    def is_again(self, raw: bytes, *, place: Place, user: str, turn: Turn) -> bool:
        """Whether an earlier record of the partition said the very same.

        A record that is read once more is no repetition of itself.

        Args:
            raw: Value of the record.
            place: Where it lies.
            user: Whose it is.
            turn: Its turn in activate.
        """
        name = (_digest(raw), turn)
        if name not in self._first:
            self._forget_after(user, turn)
        first, _ = self._first.setdefault(name, (place, user))
        self._of_user.setdefault(user, {})[name] = None
        if len(self._first) > TOLD_MAX:
            self._drop(next(iter(self._first)))
        if first[0] == place[0] and first[1] < place[1]:
            return True
        self._first[name] = (place, user)
        return False

    def forget(self, raw: bytes, *, turn: Turn) -> None:
        """Let it be told again: it was refused, and comes back once that is mended."""
        self._drop((_digest(raw), turn))

    def _forget_after(self, user: str, turn: Turn) -> None:
        """Something older turns up behind what came after it: that is told again."""
        names = self._of_user.get(user, {})  # by turn: what is later was forgotten
        while names and next(reversed(names))[1] > turn:
            self._drop(next(reversed(names)))

    def _drop(self, name: _Name) -> None:
        _, user = self._first.pop(name, (None, None))
        if user is None:
            return
        names = self._of_user[user]
        del names[name]
        if not names:
            del self._of_user[user]


def _digest(raw: bytes) -> bytes:
    return blake2b(raw, digest_size=16).digest()
