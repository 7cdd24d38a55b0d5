"""Records for reprocessing, as written by commands: requeued and replayed records."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType

from agents.engine.producer import Message
from streams.dead_letters.encoding import encode_source_headers
from streams.events.canonical_event import (
    ACTIVATION_HEADER,
    CANONICAL_HEADER,
    FAILED_LANES_HEADER,
    ORIGIN_HEADER,
    REPLAY_HEADER,
    REPLAY_MODE_HEADER,
    SOURCE_TIME_HEADER,
    Origin,
    ReplayMode,
)
from streams.settings.model import Topics


def new_replay_id(now: datetime) -> str:
    """Return a unique id for a replay, beginning with the replay's time."""
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
    source_headers: Mapping[str, bytes] = MappingProxyType({}),
    is_canonical: bool = False,
) -> Message:
    """Build a record that makes intake process a source record again.

    Args:
        topics: Names of the project's topics.
        value: Value of the source record.
        key: Its key.
        origin: Origin of the source record.
        source_ms: Time of the source record, milliseconds since the epoch.
        replay: Id of the replay.
        mode: Mode of the replay.
        failed_lanes: Lanes on which it failed. Consent is sent again only for these:
            people change it in Klaviyo too.
        source_headers: Headers that the producer gave the source record.
        is_canonical: Whether the value is a canonical event already, and no longer in
            the format of its source.
    """
    headers = _replay_headers(origin, source_ms=source_ms, replay=replay, mode=mode)
    lanes_text = ",".join(sorted(failed_lanes))
    if lanes_text:
        headers.append((FAILED_LANES_HEADER, lanes_text.encode()))
    if is_canonical:
        headers.append((CANONICAL_HEADER, b"1"))
    headers += encode_source_headers(source_headers)
    return Message(topics.reprocess, key, value, headers)


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
    """Build a record that makes activate check an activation again."""
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
