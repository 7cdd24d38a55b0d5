"""The activation: what a lane carries."""

from enum import StrEnum
from typing import Any

import msgspec

from streams.events.origin import Origin


class Lane(StrEnum):
    """A durable outbox with its own lag: one for each family of quotas."""

    PROFILES = "profiles"
    LISTS = "lists"


class Action(StrEnum):
    """What is to be done; the names are Segment's."""

    UPSERT_PROFILE = "upsertProfile"
    ADD_PROFILE_TO_LIST = "addProfileToList"
    REMOVE_PROFILE_FROM_LIST = "removeProfileFromList"


class Activation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One action to be done for one user.

    Attributes:
        action: What is to be done.
        user: The user key; it is the key of the record on the lane too.
        profile: Klaviyo profile attributes: at least one of `external_id`, `email`,
            `phone_number`, and what else the action sets.
        time_ms: Event time that caused it, milliseconds since the epoch.
        origin: The source record that caused it.
        audience: Audience key, for the two list actions.
        list_id: Klaviyo list id where the event or the settings name one; empty
            means the list paired with the audience.
    """

    action: Action
    user: str
    profile: dict[str, Any]
    time_ms: int
    origin: Origin
    audience: str = ""
    list_id: str = ""


LANE_OF = {
    Action.UPSERT_PROFILE: Lane.PROFILES,
    Action.ADD_PROFILE_TO_LIST: Lane.LISTS,
    Action.REMOVE_PROFILE_FROM_LIST: Lane.LISTS,
}
"""What must stay in order for one profile shares a lane."""
