"""Preset mappings, for a destination file without mappings, as Segment users expect."""

from typing import Any, Final

PRESETS: Final[tuple[dict[str, Any], ...]] = (
    {
        "name": "Upsert Profile",
        "action": "upsertProfile",
        # An audience's own calls state its membership, which its list states already.
        "trigger": 'type = "identify"'
        ' and context.personas.computation_class != "audience"'
        ' and context.personas.computation_class != "journey_step"',
    },
    {
        "name": "Track Event",
        "action": "trackEvent",
        # The others have an action of their own; recorded here too, an order's event
        # would be repeated, which fails its whole bulk request.
        "trigger": 'type = "track" and event != "Order Completed"'
        ' and event != "Audience Entered" and event != "Audience Exited"',
    },
    {"name": "Order Completed", "action": "orderCompleted"},
    {"name": "Subscribe Profile", "action": "subscribeProfile"},
    {"name": "Unsubscribe Profile", "action": "unsubscribeProfile"},
    {"name": "Delete Profile", "action": "deleteProfile"},
)
"""Mappings of a file without mappings; audiences are synced as well."""
