"""Presets: the mappings of a destination file without mappings."""

from enum import StrEnum
from typing import Any, Final

PRESETS: Final[tuple[dict[str, Any], ...]] = (
    {
        "name": "Upsert Profile",
        "action": "upsertProfile",
        # The identify calls of an audience only set a flag that the list reflects.
        "trigger": 'type = "identify"'
        ' and context.personas.computation_class != "audience"'
        ' and context.personas.computation_class != "journey_step"',
    },
    {
        "name": "Track Event",
        "action": "trackEvent",
        # The excluded events have their own actions. If this action recorded orders
        # too, the duplicate would fail the whole bulk request.
        "trigger": 'type = "track" and event != "Order Completed"'
        ' and event != "Audience Entered" and event != "Audience Exited"',
    },
    {"name": "Order Completed", "action": "orderCompleted"},
    {"name": "Subscribe Profile", "action": "subscribeProfile"},
    {"name": "Unsubscribe Profile", "action": "unsubscribeProfile"},
    {"name": "Delete Profile", "action": "deleteProfile"},
)
"""Mappings of a file without mappings; audiences are synced as well."""


class GroupPolicy(StrEnum):
    """Treatment of group calls that no mapping is for."""

    IGNORE = "ignore"
    """Discard the call, with the reason `ignored: group`."""

    LIST = "list"
    """Read the group as a Klaviyo list, as RudderStack does."""


def _group_mapping(name: str, action: str, *, subscribe: bool) -> dict[str, Any]:
    """Build the mapping of a group call; the traits are the group's alone."""
    return {
        "name": name,
        "action": action,
        "trigger": f'type = "group" and traits.subscribe = {str(subscribe).lower()}',
        "fields": {
            "list_id": {"@path": "$.groupId"},
            "email": {"@path": "$.context.traits.email"},
            "phone_number": None,
            "channels": ["email"],
        },
    }


GROUP_MAPPINGS: Final = (
    _group_mapping("Group Subscribe", "subscribeProfile", subscribe=True),
    _group_mapping("Group Unsubscribe", "unsubscribeProfile", subscribe=False),
)
"""Mappings for `GroupPolicy.LIST`: `groupId` is a list, `traits.subscribe` the consent
(rudder-transformer, `transformV2.ts`). Only to e-mail: nothing says more."""
