"""The activation: what a lane carries."""

from enum import StrEnum
from typing import Final

import msgspec

from streams.actions.intents import (
    ConsentChange,
    Deletion,
    EventRecord,
    Intent,
    ListAdd,
    ListRemove,
    ProfileUpsert,
    Suppression,
)
from streams.errors import PoisonRecord
from streams.events.origin import Origin


class LaneId(StrEnum):
    """A durable outbox with its own lag: one for each family of quotas.

    In the order in which they go where two want the same of Klaviyo.
    """

    CONSENT = "consent"
    LISTS = "lists"
    EVENTS = "events"
    PROFILES = "profiles"
    PRIVACY = "privacy"


class BatchOverride(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, array_like=True
):
    """What a mapping says of batches, where it says other than its action does.

    Attributes:
        items_max: Most items in one request; 0 for the lane's own.
        key: Items go together that have the same one.
    """

    items_max: int = 0
    key: str = ""


DEFAULT_BATCH: Final = BatchOverride()


class Activation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One action to be done for one user.

    Attributes:
        action: The action's name, in camel case as Segment writes it.
        user: The user key; it is the key of the record on the lane too.
        intent: What is wanted of Klaviyo. A list change without a list id means the
            list paired with the audience.
        time_ms: Event time that caused it, milliseconds since the epoch.
        origin: The source record that caused it.
        index: Its place among the activations of that record.
        message_id: The producer's name for the event; empty when it gave none.
        audience: Audience key, where an audience caused it.
        batch: What it may share a request with.
        expire_after_s: How long it may wait on its lane; 0 for as long as the settings
            say.
        replay: The replay that caused it; empty for what happens now.
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


_LANE_OF: Final = {
    ProfileUpsert: LaneId.PROFILES,
    ListAdd: LaneId.LISTS,
    ListRemove: LaneId.LISTS,
    EventRecord: LaneId.EVENTS,
    ConsentChange: LaneId.CONSENT,
    Suppression: LaneId.CONSENT,
    Deletion: LaneId.PRIVACY,
}


_decode = msgspec.json.Decoder(Activation).decode


def decode_activation(value: bytes | None) -> Activation:
    """Read what a lane carries.

    Raises:
        PoisonRecord: It is something else.
    """
    try:
        return _decode(value or b"")
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise PoisonRecord("unreadable", "the record is no activation") from None


def lane_of(intent: Intent) -> LaneId:
    """Name the lane: what must stay in order for one profile shares one."""
    if isinstance(intent, ProfileUpsert) and intent.list_id:
        return LaneId.LISTS
    return _LANE_OF[type(intent)]
