"""What was done a short while ago."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class RecentKeys(Generic[K]):
    """The latest of some names; it forgets the oldest.

    Args:
        size_max: How many it remembers.
    """

    def __init__(self, size_max: int) -> None:
        self._keys: OrderedDict[K, None] = OrderedDict()
        self._size_max = size_max

    def __contains__(self, key: K) -> bool:
        return key in self._keys

    def add(self, key: K) -> None:
        """Remember one."""
        self._keys[key] = None
        self._keys.move_to_end(key)
        if len(self._keys) > self._size_max:
            self._keys.popitem(last=False)
