"""Table of the keys that may not change until a given time."""

import heapq
from collections.abc import Hashable, Iterable
from math import inf
from typing import Final

OPEN_ENDED: Final = inf
"""Reserved until the key is released."""


class Reservations:
    """Keys that are reserved, and until when; in seconds of the event loop's clock.

    All exclusions of a lane are kept here: ordering keys that are in flight, list
    members that are being changed, and pauses that hold back a whole lane.
    """

    def __init__(self) -> None:
        self._until_s: dict[Hashable, float] = {}
        self._expiries: list[tuple[float, int, Hashable]] = []
        self._sequence = 0

    def __contains__(self, key: Hashable) -> bool:
        """Return True for a key that `release` or `expire` has not freed yet."""
        return key in self._until_s

    def is_free(self, key: Hashable, *, now_s: float) -> bool:
        """Return True if a key may be reserved now."""
        return self._until_s.get(key, 0.0) <= now_s

    def reserve(self, keys: Iterable[Hashable], *, until_s: float = OPEN_ENDED) -> None:
        """Reserve keys, whether or not a reservation exists already."""
        for key in keys:
            self._until_s[key] = until_s
            if until_s < OPEN_ENDED:
                self._sequence += 1
                heapq.heappush(self._expiries, (until_s, self._sequence, key))

    def try_reserve(self, keys: Iterable[Hashable], *, now_s: float) -> bool:
        """Reserve all keys, or none of them if one is not free."""
        keys = list(keys)
        if not all(self.is_free(key, now_s=now_s) for key in keys):
            return False
        self.reserve(keys)
        return True

    def release(self, keys: Iterable[Hashable]) -> None:
        """Free keys at once."""
        for key in keys:
            self._until_s.pop(key, None)

    def expire(self, *, now_s: float) -> list[Hashable]:
        """Free the keys whose time is over, and return those keys."""
        freed = []
        while self._expiries and self._expiries[0][0] <= now_s:
            until_s, _, key = heapq.heappop(self._expiries)
            if self._until_s.get(key) == until_s:  # not reserved anew since
                del self._until_s[key]
                freed.append(key)
        return freed
