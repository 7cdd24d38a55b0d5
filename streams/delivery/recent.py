"""What was done a short while ago."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Recent(Generic[K]):
    """The latest of some names; it forgets the oldest.

    Args:
        names_max: How many it remembers.
    """

    def __init__(self, names_max: int) -> None:
        self._names: OrderedDict[K, None] = OrderedDict()
        self._names_max = names_max

    def __contains__(self, name: K) -> bool:
        return name in self._names

    def add(self, name: K) -> None:
        """Remember one."""
        self._names[name] = None
        self._names.move_to_end(name)
        if len(self._names) > self._names_max:
            self._names.popitem(last=False)
