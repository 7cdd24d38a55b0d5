"""Registry of all actions by name."""

from typing import Final

from streams.actions.definitions.list_membership import (
    ADD_PROFILE_TO_LIST,
    REMOVE_PROFILE,
    REMOVE_PROFILE_FROM_LIST,
)
from streams.actions.definitions.order_completed import ORDER_COMPLETED
from streams.actions.definitions.privacy import (
    DELETE_PROFILE,
    SUPPRESS_PROFILE,
    UNSUPPRESS_PROFILE,
)
from streams.actions.definitions.subscribe_profile import SUBSCRIBE_PROFILE
from streams.actions.definitions.track_event import TRACK_EVENT
from streams.actions.definitions.unsubscribe_profile import UNSUBSCRIBE_PROFILE
from streams.actions.definitions.upsert_profile import UPSERT_PROFILE
from streams.actions.spec import ActionSpec

ACTIONS: Final[dict[str, ActionSpec]] = {
    spec.name: spec
    for spec in (
        UPSERT_PROFILE,
        ADD_PROFILE_TO_LIST,
        REMOVE_PROFILE_FROM_LIST,
        REMOVE_PROFILE,
        TRACK_EVENT,
        ORDER_COMPLETED,
        SUBSCRIBE_PROFILE,
        UNSUBSCRIBE_PROFILE,
        SUPPRESS_PROFILE,
        UNSUPPRESS_PROFILE,
        DELETE_PROFILE,
    )
}
"""Name in camel case to action: Segment's eight, and three of this project."""
