"""Presets: the mappings of a destination file without mappings."""

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
