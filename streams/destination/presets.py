"""What a file without mappings means: what a user of Segment expects."""

from typing import Any, Final

PRESETS: Final[tuple[dict[str, Any], ...]] = (
    {
        "name": "Upsert Profile",
        "action": "upsertProfile",
        # An audience's own calls say who is in it, which its list says already.
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
"""Mappings of the file where it has none; audiences are synced beside them."""
