"""Every action there is, by its name."""

from typing import Final

from streams.actions.list_membership import (
    ADD_PROFILE_TO_LIST,
    REMOVE_PROFILE,
    REMOVE_PROFILE_FROM_LIST,
)
from streams.actions.order_completed import ORDER_COMPLETED
from streams.actions.privacy import (
    DELETE_PROFILE,
    SUPPRESS_PROFILE,
    UNSUPPRESS_PROFILE,
)
from streams.actions.spec import ActionSpec
from streams.actions.subscribe_profile import SUBSCRIBE_PROFILE
from streams.actions.track_event import TRACK_EVENT
from streams.actions.unsubscribe_profile import UNSUBSCRIBE_PROFILE
from streams.actions.upsert_profile import UPSERT_PROFILE

CATALOGUE: Final[dict[str, ActionSpec]] = {
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
"""Name in camel case -> action: Segment's eight, and three beyond."""
