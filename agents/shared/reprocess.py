"""Records on their way back into the journey, written by commands, not by workers."""

import uuid
from collections.abc import Iterable
from datetime import datetime

from agents.engine.producer import Message
from agents.shared.context import (
    ACTIVATION_HEADER,
    FAILED_LANES_HEADER,
    ORIGIN_HEADER,
    REPLAY_HEADER,
    REPLAY_MODE_HEADER,
    SOURCE_TIME_HEADER,
)
from streams.events.canonical_event import ReplayMode
from streams.events.origin import Origin
from streams.settings.model import Topics


def new_replay_id(now: datetime) -> str:
    """Name a replay: when it began, and something nobody else has."""
    return f"{now:%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}"


def requeue_event(  # noqa: PLR0913 - a record's parts
    topics: Topics,
    value: bytes | None,
    *,
    key: bytes | None,
    origin: Origin,
    source_ms: int,
    replay: str,
    mode: ReplayMode = ReplayMode.CHANGES_ONLY,
    failed_lanes: Iterable[str] = (),
) -> Message:
    """A source record that intake takes in again.

    Args:
        topics: Names of the project's topics.
        value: Value of the source record.
        key: Its key.
        origin: Where it lies, or lay.
        source_ms: When it was written, milliseconds since the epoch.
        replay: Names the replay.
        mode: What the replay is for.
        failed_lanes: On which it failed; what else it caused is not said again where
            people change it in Klaviyo too.
    """
    headers = _replay_headers(origin, source_ms=source_ms, replay=replay, mode=mode)
    lanes_text = ",".join(sorted(failed_lanes))
    failed_lanes_header = (
        [(FAILED_LANES_HEADER, lanes_text.encode())] if lanes_text else []
    )
    return Message(topics.reprocess, key, value, [*headers, *failed_lanes_header])


def requeue_activation(  # noqa: PLR0913 - a record's parts
    topics: Topics,
    value: bytes | None,
    *,
    user: bytes | None,
    origin: Origin,
    source_ms: int,
    replay: str,
    mode: ReplayMode = ReplayMode.RESEND,
) -> Message:
    """A lane's record that activate judges again; it stays in order with its user."""
    headers = _replay_headers(origin, source_ms=source_ms, replay=replay, mode=mode)
    return Message(topics.events, user, value, [*headers, (ACTIVATION_HEADER, b"1")])


def _replay_headers(
    origin: Origin, *, source_ms: int, replay: str, mode: ReplayMode
) -> list[tuple[str, bytes]]:
    return [
        (ORIGIN_HEADER, str(origin).encode()),
        (SOURCE_TIME_HEADER, b"%d" % source_ms),
        (REPLAY_HEADER, replay.encode()),
        (REPLAY_MODE_HEADER, mode.encode()),
    ]
