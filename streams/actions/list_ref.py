"""References to Klaviyo lists, by list id or by audience."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class ById:
    """Reference to the list that has this Klaviyo id."""

    list_id: str


@dataclass(frozen=True, slots=True)
class ByAudience:
    """Reference to the list that belongs to this audience."""

    key: str


ListRef: TypeAlias = ById | ByAudience
"""Reference to one Klaviyo list."""


def build_list_ref(*, list_id: str, audience: str) -> ListRef | None:
    """Return the reference to a list; None where neither argument names a list.

    Args:
        list_id: Klaviyo's id of the list; wins over the audience. Empty for none.
        audience: Key of the audience. Empty for none.
    """
    if list_id:
        return ById(list_id)
    return ByAudience(audience) if audience else None
