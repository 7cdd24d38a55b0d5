"""Events made ready to send: judged, encoded once, grouped by profile."""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
import orjson

from streams.klaviyo.api.endpoints import CREATE_EVENTS
from streams.klaviyo.api.requests import profile_resource
from streams.klaviyo.batching.items import Profile
from streams.klaviyo.batching.verdicts import VerdictCollector
from streams.klaviyo.payloads.event_items import EventItem, ProfileKey, profile_key
from streams.klaviyo.payloads.event_limits import event_fault

ENVELOPE_BYTES = 200
"""What a request holds around one event and its profile, generously."""

_MERGED = ("properties", "location")
"""Attributes of a profile that are objects: Klaviyo merges them too."""


class EncodedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event, encoded.

    Attributes:
        index: Its place among the events the operation was given.
        key: Whose it is.
        profile: The profile as it was given.
        resource: The profile as bytes.
        attributes: The event's attributes as bytes, the profile apart.
    """

    index: int
    key: ProfileKey
    profile: Profile
    resource: bytes
    attributes: bytes

    @property
    def weight_bytes(self) -> int:
        """What it adds to a request at most."""
        return len(self.resource) + len(self.attributes) + ENVELOPE_BYTES


def prepare_events(
    items: Iterable[EventItem],
    *,
    collector: VerdictCollector,
    known_metrics: Container[str] | None,
    now_s: float | None,
) -> list[EncodedEvent]:
    """Encode events; what cannot be sent becomes a dead letter at once."""
    prepared = []
    for index, item in enumerate(items):
        encoded = _encode(index, item, known_metrics=known_metrics, now_s=now_s)
        if isinstance(encoded, str):
            collector.mark_dead_letter(index, encoded)
        else:
            prepared.append(encoded)
    return prepared


def _encode(
    index: int,
    item: EventItem,
    *,
    known_metrics: Container[str] | None,
    now_s: float | None,
) -> EncodedEvent | str:
    reason = event_fault(item, now_s=now_s)
    if reason:
        return reason
    if known_metrics is not None and item.metric not in known_metrics:
        return "unknown-metric"
    try:
        resource, attributes = profile_resource(item.profile), _attributes(item)
    except TypeError:
        return "not-json: the event holds what JSON cannot"
    encoded = EncodedEvent(
        index=index,
        key=profile_key(item.profile),
        profile=item.profile,
        resource=resource,
        attributes=attributes,
    )
    fits = encoded.weight_bytes <= CREATE_EVENTS.limit.body_bytes
    return encoded if fits else "event-too-large: over 5 MB"


def _attributes(item: EventItem) -> bytes:
    metric = {"data": {"type": "metric", "attributes": {"name": item.metric}}}
    optional = {
        "time": item.time or None,
        "unique_id": item.unique_id or None,
        "value": item.value,
        "value_currency": item.value_currency or None,
        "backfill": item.backfill or None,
    }
    present = {name: value for name, value in optional.items() if value is not None}
    return orjson.dumps({"metric": metric, "properties": item.properties, **present})


ProfileEvents: TypeAlias = tuple[EncodedEvent, ...]
"""Events of one profile that go together."""


def group_by_profile(
    events: Iterable[EncodedEvent], *, ungrouped: Container[ProfileKey]
) -> list[ProfileEvents]:
    """Group events by profile, in order; those of profiles in `ungrouped` are apart."""
    grouped: dict[object, list[EncodedEvent]] = {}
    for event in events:
        key = event.index if event.key in ungrouped else event.key
        grouped.setdefault(key, []).append(event)
    return list(map(tuple, grouped.values()))


def merged_profile(events: Sequence[EncodedEvent]) -> bytes:
    """Write the profile of a row; of what its events say of it, the last counts."""
    if all(event.resource == events[0].resource for event in events):
        return events[0].resource
    merged: dict[str, Any] = {}
    for event in events:
        for name, value in event.profile.items():
            merged[name] = _merge_value(name, merged.get(name), value)
    return profile_resource(merged)


def _merge_value(name: str, earlier: object, value: object) -> object:
    if isinstance(earlier, Mapping) and isinstance(value, Mapping) and name in _MERGED:
        return {**earlier, **value}
    return value
