"""Events checked, encoded once, grouped by profile, and put into requests."""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
import orjson

from streams.actions.intents import EventRecord
from streams.klaviyo.api import endpoints
from streams.klaviyo.api.requests import Request, profile_resource
from streams.klaviyo.batching.items import (
    Identifier,
    Profile,
    VerdictCollector,
    list_identifiers,
)
from streams.klaviyo.payloads.event_limits import event_fault

ENVELOPE_BYTES = 200
"""Upper bound for the bytes around one event and its profile in a request."""

_MERGED_ATTRIBUTES = ("properties", "location")
"""Profile attributes that are objects; Klaviyo merges such objects too."""

ProfileKey: TypeAlias = tuple[Identifier, ...]
"""All identifiers of a profile."""


class EncodedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Event in the form for requests.

    Attributes:
        index: Position among the events that the operation received.
        key: Identifiers of the event's profile.
        profile: Profile as received.
        resource: Profile as bytes.
        attributes: Attributes of the event as bytes, without the profile.
    """

    index: int
    key: ProfileKey
    profile: Profile
    resource: bytes
    attributes: bytes

    @property
    def weight_bytes(self) -> int:
        """Upper bound for the bytes that the event adds to a request."""
        return len(self.resource) + len(self.attributes) + ENVELOPE_BYTES


ProfileEvents: TypeAlias = tuple[EncodedEvent, ...]
"""Events of one profile that share one entry of a bulk request."""


def duplicate_key(event: EventRecord) -> tuple[ProfileKey, str, str] | None:
    """Return Klaviyo's key for duplicates of an event.

    Returns:
        None for an event without a unique id.
    """
    key_fields: tuple[object, ...] = (event.profile, event.metric, event.unique_id)
    match key_fields:
        case Mapping(), str(), str() if event.unique_id:
            return profile_key(event.profile), event.metric, event.unique_id
        case _:
            return None


def profile_key(profile: Profile) -> ProfileKey:
    """Return all identifiers of a profile."""
    return tuple(list_identifiers(profile))


def prepare_events(
    events: Iterable[EventRecord],
    *,
    collector: VerdictCollector,
    known_metrics: Container[str] | None,
    now_s: float | None,
) -> list[EncodedEvent]:
    """Encode events; an event that cannot be sent becomes a dead letter at once."""
    prepared = []
    for index, event in enumerate(events):
        encoded = _encode(index, event, known_metrics=known_metrics, now_s=now_s)
        if isinstance(encoded, str):
            collector.mark_dead_letter(index, encoded)
        else:
            prepared.append(encoded)
    return prepared


def group_by_profile(
    events: Iterable[EncodedEvent], *, ungrouped: Container[ProfileKey]
) -> list[ProfileEvents]:
    """Group events by profile, in order; profiles in `ungrouped` get no group."""
    grouped: dict[object, list[EncodedEvent]] = {}
    for event in events:
        key = event.index if event.key in ungrouped else event.key
        grouped.setdefault(key, []).append(event)
    return list(map(tuple, grouped.values()))


def merged_profile(events: Sequence[EncodedEvent]) -> bytes:
    """Encode the profile of several events; the last value of an attribute wins."""
    if all(event.resource == events[0].resource for event in events):
        return events[0].resource
    merged: dict[str, Any] = {}
    for event in events:
        for name, value in event.profile.items():
            merged[name] = _merge_value(name, merged.get(name), value)
    return profile_resource(merged)


def create_event(event: EncodedEvent) -> Request:
    """Build the request that records a single event; Klaviyo ignores a duplicate."""
    body = (
        b'{"data":{"type":"event","attributes":',
        event.attributes[:-1],
        b',"profile":{"data":',
        event.resource,
        b"}}}}",
    )
    endpoint = endpoints.CREATE_EVENT
    return Request(endpoint=endpoint, path=endpoint.path, body=b"".join(body))


def create_events(groups: Iterable[ProfileEvents]) -> Request:
    """Build the request that records many events.

    Args:
        groups: At most 1,000 events in all, grouped by profile; no unique id twice for
            a profile and metric, or Klaviyo records none of the events.
    """
    body = (
        b'{"data":{"type":"event-bulk-create-job",',
        b'"attributes":{"events-bulk-create":{"data":[',
        b",".join(map(_bulk_row, groups)),
        b"]}}}}",
    )
    endpoint = endpoints.CREATE_EVENTS
    return Request(endpoint=endpoint, path=endpoint.path, body=b"".join(body))


def _encode(
    index: int,
    event: EventRecord,
    *,
    known_metrics: Container[str] | None,
    now_s: float | None,
) -> EncodedEvent | str:
    reason = event_fault(event, now_s=now_s)
    if reason:
        return reason
    if known_metrics is not None and event.metric not in known_metrics:
        return "unknown-metric"
    try:
        resource, attributes = profile_resource(event.profile), _attributes(event)
    except TypeError:
        return "not-json: the event holds what JSON cannot"
    encoded = EncodedEvent(
        index=index,
        key=profile_key(event.profile),
        profile=event.profile,
        resource=resource,
        attributes=attributes,
    )
    fits = encoded.weight_bytes <= endpoints.CREATE_EVENTS.limit.body_bytes
    return encoded if fits else "event-too-large: over 5 MB"


def _attributes(event: EventRecord) -> bytes:
    metric = {"data": {"type": "metric", "attributes": {"name": event.metric}}}
    optional = {
        "time": event.time or None,
        "unique_id": event.unique_id or None,
        "value": event.value,
        "value_currency": event.value_currency or None,
        "backfill": event.backfill or None,
    }
    present = {name: value for name, value in optional.items() if value is not None}
    return orjson.dumps({"metric": metric, "properties": event.properties, **present})


def _merge_value(name: str, earlier: object, value: object) -> object:
    if name not in _MERGED_ATTRIBUTES:
        return value
    if isinstance(earlier, Mapping) and isinstance(value, Mapping):
        return {**earlier, **value}
    return value


def _bulk_row(group: ProfileEvents) -> bytes:
    events = (
        b'{"type":"event","attributes":' + event.attributes + b"}" for event in group
    )
    parts = (
        b'{"type":"event-bulk-create","attributes":{"profile":{"data":',
        merged_profile(group),
        b'},"events":{"data":[',
        b",".join(events),
        b"]}}}",
    )
    return b"".join(parts)
