"""The canonical event: what every accepted format becomes."""

from enum import StrEnum
from typing import Any, Literal, get_args

import msgspec

from streams.events.origin import Origin

EventKind = Literal["track", "identify", "page", "screen", "group", "alias", "delete"]
EVENT_KINDS: frozenset[str] = frozenset(get_args(EventKind))
"""The calls of the Segment spec, as its `type` field writes them."""


class ReplayMode(StrEnum):
    """What a replay is for."""

    CHANGES_ONLY = "correct"
    """What says the same as the first time does nothing; what a mended mapping makes of
    it is done."""

    RESEND = "again"
    """What is still the last word is told once more: it never reached Klaviyo, or was
    undone there."""

    STATE_ONLY = "rebuild"
    """The table learns what it has lost; Klaviyo hears nothing."""


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """That an event is taken in again.

    Attributes:
        id: Names the replay.
        mode: What it is for.
        backfill_before_ms: Events that happened before are recorded without firing
            flows, milliseconds since the epoch.
        failed_lanes: Lanes on which the event failed: what people change in Klaviyo
            too is said again on these only.
    """

    id: str
    mode: ReplayMode = ReplayMode.CHANGES_ONLY
    backfill_before_ms: int = 0
    failed_lanes: frozenset[str] = frozenset()


class CanonicalEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event of one user, whatever it was read from.

    Attributes:
        kind: Which call of the Segment spec it is.
        user: The user key: `userId`, else `anonymousId`, else the e-mail address in
            lower case. Never empty.
        message_id: The producer's name for the event; empty when it gave none.
        time_ms: When it happened, milliseconds since the epoch.
        origin: The source record.
        body: The JSON object as the producer wrote it.
        replay: The replay that takes it in again; None the first time.
    """

    kind: EventKind
    user: str
    message_id: str
    time_ms: int
    origin: Origin
    body: dict[str, Any]
    replay: Replay | None = None


def section(body: dict[str, Any], name: str) -> dict[str, Any]:
    """Give the object under `name`, or an empty one.

    Absent, `null` and PHP's `[]` for an empty object all read as empty.
    """
    value = body.get(name)
    return value if isinstance(value, dict) else {}
