"""Activations: actions to be done for users, in the form of a lane's records."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec

from streams.actions.intents import (
    ConsentChange,
    Deletion,
    EventRecord,
    IdChange,
    Intent,
    ListAdd,
    ListRemove,
    ProfileUpsert,
    Suppression,
)
from streams.errors import PoisonRecord
from streams.events.canonical_event import Origin
from streams.settings.model import LaneId


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


class BatchOverride(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, array_like=True
):
    """Batching of a mapping, where different from the batching of the action.

    Attributes:
        items_max: Maximum number of items in one request; 0 for the lane's own limit.
        key: Only items with the same key share a request.
    """

    items_max: int = 0
    key: str = ""


DEFAULT_BATCH: Final = BatchOverride()


class Activation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Action to be done for a single user.

    Attributes:
        action: The action's name, in camel case as Segment writes it.
        user: The user key; it is the key of the record on the lane too.
        intent: The change in Klaviyo. A list change without a list id is for the
            audience's own list.
        time_ms: Time of the event that caused it, milliseconds since the epoch.
        origin: The source record that caused it.
        index: Position among the activations of that record.
        message_id: The producer's name for the event; empty if it has none.
        audience: Audience key, if an audience caused it.
        batch: Which activations it may share a request with.
        expire_after_s: Longest wait on its lane; 0 for the wait in the settings.
        replay: Id of the replay that caused it; empty for a live event.
        edge: Key of the edge between the audience and the profile, if users may share
            the profile; it is the key of the record on the lane then. Empty otherwise.
        mapping: Name of the mapping that made it; empty if an audience did.
    """

    action: str
    user: str
    intent: Intent
    time_ms: int
    origin: Origin
    index: int = 0
    message_id: str = ""
    audience: str = ""
    batch: BatchOverride = DEFAULT_BATCH
    expire_after_s: float = 0.0
    replay: str = ""
    edge: str = ""
    mapping: str = ""


_LANE_OF: Final = {
    ProfileUpsert: LaneId.PROFILES,
    IdChange: LaneId.PROFILES,
    ListAdd: LaneId.LISTS,
    ListRemove: LaneId.LISTS,
    EventRecord: LaneId.EVENTS,
    ConsentChange: LaneId.CONSENT,
    Suppression: LaneId.CONSENT,
    Deletion: LaneId.PRIVACY,
}


_decode = msgspec.json.Decoder(Activation).decode


def decode_activation(value: bytes | None) -> Activation:
    """Decode the value of a lane's record.

    Raises:
        PoisonRecord: The value is not an activation.
    """
    try:
        return _decode(value or b"")
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise PoisonRecord("unreadable", "the record is not an activation") from None


def lane_of(intent: Intent) -> LaneId:
    """Return the lane of an intent; intents that must stay in order share a lane."""
    if isinstance(intent, ProfileUpsert) and intent.list_id:
        return LaneId.LISTS
    return _LANE_OF[type(intent)]
