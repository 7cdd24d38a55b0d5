"""Label values of bounded number: reason codes, names of mappings and actions."""

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Final

from streams.delivery.verdict import Reason

NONE: Final = "none"
"""Label value where there is nothing to name, such as an outcome without a mapping."""

OTHER: Final = "other"
"""Label value that stands for all values beyond the bound."""

REASONS_MAX: Final = 150
"""Ours: reason codes of this project are some eighty, of Klaviyo a few more."""

_CODE = re.compile(r"[a-z]+(-([a-z]+|[0-9]{1,3}))*")
"""Reason code in kebab case; Klaviyo's codes may be anything, even an identifier."""


@lru_cache(maxsize=4_096)
def reason_code(reason: str) -> str:
    """Return the code of a reason; of several the first, and `none` of an empty one.

    Args:
        reason: Text of a `streams.delivery.verdict.Reason`, or several with commas.
    """
    code = Reason.parse(reason).code.partition(",")[0]
    if not code:
        return NONE
    return code if _CODE.fullmatch(code) else OTHER


class KnownValues:
    """Fold of label values: known ones stay, and all others become `other`.

    Args:
        known: Values that stay.
    """

    def __init__(self, known: Collection[str]) -> None:
        self._known = {name: name for name in known} | {"": NONE}

    def fold(self, value: str) -> str:
        """Return the value, `other` if it is unknown, or `none` if it is empty."""
        return self._known.get(value, OTHER)


class FirstValues:
    """Fold of label values: the first ones stay, and all later ones become `other`.

    Args:
        most: Number of values that stay.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen: set[str] = set()

    def fold(self, value: str) -> str:
        """Return the value, or `other` if too many others came first."""
        if value not in self._seen:
            if len(self._seen) >= self._most:
                return OTHER
            self._seen.add(value)
        return value
